"""The review of traces: the trace as people see it, their answers as decisions, and how far they agree."""

from __future__ import annotations

from typing import Any

import pytest
from cluster_r1.annotation.channels import Returned
from cluster_r1.annotation.trace_figures import TraceReview, measure_trace_review, trace_review_lines
from cluster_r1.annotation.traces import TraceAnswer, read_trace_answers, settle_traces, trace_form, trace_records
from cluster_r1.core.forms import PROBLEM, Response
from cluster_r1.core.settings import ReviewSettings
from cluster_r1.core.traces import Trace, TraceScores, Turn
from hypothesis import given
from hypothesis import strategies as st

FORM = trace_form(1)
ONE, TWO = ReviewSettings(), ReviewSettings(annotators=2)
NOON = "2026-11-21T12:00:00+00:00"


def trace(name: str = "topic/1", **fields: Any) -> Trace:
    made = {
        "id": name,
        "task": "topic",
        "instruction": "Cluster by topic.",
        "prompt": "1. one\n2. two",
        "reasoning": "Two topics.",
        "answer": "Total clusters: [1]",
        "model": "writer",
    }
    return Trace.model_validate(made | fields)


def response(values: dict[str, Any], author: str = "ann", record: str = "traces/topic/1") -> Response:
    return Response(record=record, author=author, status="submitted", values=values, at=NOON)


def answer(keep: bool, comment: str = "", **ratings: int) -> TraceAnswer:
    return TraceAnswer(keep, ratings, comment, NOON)  # type: ignore[arg-type]


def test_the_form_asks_for_the_papers_three_criteria() -> None:
    questions = {question.name: question for question in FORM.questions}
    assert list(questions) == ["keep", "completeness", "length", "coherence", "comment"]
    assert questions["keep"].options == ("keep", "drop")
    assert questions["coherence"].kind == "rating"
    assert questions["coherence"].options == ("1", "2", "3", "4", "5")


def test_a_record_holds_the_trace_and_what_the_review_agent_said() -> None:
    scores = TraceScores(completeness=5, length=3, coherence=4)
    turns = (Turn("system", "Answer\x00so."), Turn("user", "<script>"))
    ((record, hidden),) = trace_records([trace(scores=scores, kept=True, prompt=turns)])
    assert record.id == "traces/topic/1"
    assert set(record.fields) == {field.name for field in FORM.fields}
    assert record.fields["prompt"] == "[system]\nAnswer�so.\n\n[user]\n<script>"
    assert record.fields[PROBLEM] == ""
    assert [tuple(s) for s in record.suggestions] == [
        ("keep", "keep", "reviewer", 0.75),
        ("completeness", 5, "reviewer", None),
        ("length", 3, "reviewer", None),
        ("coherence", 4, "reviewer", None),
    ]
    assert record.metadata == {"task": "topic", "model": "writer"}
    assert hidden == {"trace": "topic/1", "task": "topic"}


@pytest.mark.parametrize(
    ("fields", "suggested"),
    [
        ({}, []),
        ({"kept": False}, [("keep", "drop", "reviewer", None)]),
        (
            {"kept": False, "scores": {"completeness": 1, "length": 1, "coherence": 1}},
            [("keep", "drop", "reviewer", 1.0)],
        ),
    ],
)
def test_what_the_review_agent_did_not_say_is_not_suggested(fields: dict[str, Any], suggested: list[Any]) -> None:
    ((record, _),) = trace_records([trace(**fields)])
    assert [tuple(s) for s in record.suggestions][:1] == suggested


def test_answers_are_read_by_trace_and_author() -> None:
    answers, returned = read_trace_answers(
        FORM,
        [
            response({"keep": "drop", "completeness": 2, "length": "3", "coherence": None, "comment": "no"}),
            response({"keep": "keep"}, author="bob"),
        ],
    )
    assert returned == []
    assert answers == {"topic/1": {"ann": answer(False, "no", completeness=2, length=3), "bob": answer(True)}}


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"length": 3}, "“Keep it?” has no answer"),
        ({"keep": True}, "the answer to “Keep it?” is none of its options"),
        ({"keep": "keep", "length": 6}, "“Appropriate length” takes a whole number from 1 to 5"),
        ({"keep": "keep", "length": True}, "“Appropriate length” takes a whole number from 1 to 5"),
        ({"keep": "keep", "length": 2.5}, "“Appropriate length” takes a whole number from 1 to 5"),
        ({"keep": "keep", "comment": 5}, "the comment is not text"),
    ],
)
def test_an_answer_that_cannot_be_used_goes_back_with_the_reason(values: dict[str, Any], reason: str) -> None:
    assert read_trace_answers(FORM, [response(values)]) == ({}, [Returned(response(values), reason)])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
questions = st.sampled_from([question.name for question in FORM.questions])
values = st.dictionaries(questions, st.sampled_from(["keep", "drop", 1, 5, "3"]) | JSON)


@given(st.lists(st.builds(response, values, author=st.sampled_from(["ann", "bob"])), max_size=4))
def test_whatever_is_sent_is_read_or_goes_back(responses: list[Response]) -> None:
    answers, returned = read_trace_answers(FORM, responses)
    settled, unsettled = settle_traces(answers, answers, ONE)
    assert len(settled) + len(unsettled) == len(answers)
    assert len({r.author for r in responses}) == sum(map(len, answers.values())) + len(returned)


def test_decisions_are_settled_and_ratings_are_medians_of_those_who_rated() -> None:
    answers = {
        "a": {
            "ann": answer(True, "fine", completeness=5, length=4),
            "bob": answer(True, completeness=4),
            "cid": answer(False, "dull", completeness=1, length=1),
        },
        "b": {"ann": answer(True), "bob": answer(False)},
        "stray": {"ann": answer(True)},
    }
    (verdict,), unsettled = settle_traces(answers, ["a", "b", "c"], TWO)
    assert (verdict.trace, verdict.keep, verdict.rule) == ("a", True, "majority")
    assert (verdict.completeness, verdict.length, verdict.coherence) == (4, 2.5, None)
    assert (verdict.authors, verdict.dissenters) == (("ann", "bob"), ("cid",))
    assert verdict.comment == "ann: fine\ncid: dull"
    assert [tuple(one) for one in unsettled] == [
        ("b", "ann, bob disagree and no answer has a majority", ("ann", "bob")),
        ("c", "2 more answers needed", ()),
    ]


def reviewed() -> TraceReview:
    answers = {
        "a": {"ann": answer(True, length=5), "bob": answer(True, length=3)},
        "b": {"ann": answer(False, length=2), "bob": answer(False, length=2)},
        "c": {"ann": answer(True), "bob": answer(False)},
        "d": {"ann": answer(True), "bob": answer(True)},
    }
    verdicts, unsettled = settle_traces(answers, "abcd", TWO)
    traces = [trace("a", kept=True), trace("b", kept=True), trace("c", kept=True), trace("d"), trace("e", kept=True)]
    return measure_trace_review(traces, answers, verdicts, unsettled)


def test_people_are_compared_with_each_other_and_with_the_review_agent() -> None:
    review = reviewed()
    assert (review.answered, review.kept, review.dropped, len(review.unsettled)) == (4, 2, 1, 1)
    assert (review.people.units, review.people.raw.value) == (4, 0.75)
    assert (review.agent.documents, review.agent.raw.value, review.agent.matrix) == (2, 0.5, ((1, 0), (1, 0)))
    assert [tuple(rating) for rating in review.ratings] == [
        ("completeness", 0, None, None),
        ("length", 2, 1.0, 0.5),
        ("coherence", 0, None, None),
    ]
    assert TraceReview.model_validate_json(review.model_dump_json()) == review


def test_the_lines_say_what_came_out() -> None:
    lines = trace_review_lines(reviewed())
    assert lines[:2] == [
        "4 traces answered: 2 kept, 1 dropped",
        "not settled: 1 × ann, bob disagree and no answer has a majority",
    ]
    assert lines[2].startswith("people among themselves: raw 75% [")
    assert lines[3] == "  length: 1.0 points apart, the same in 50% of 2 pairs of ratings"
    assert lines[4].startswith("people and the review agent: raw 50% [")


def test_a_review_that_nobody_answered_has_no_figures() -> None:
    settled, unsettled = settle_traces({}, ["a"], ONE)
    review = measure_trace_review([trace("a", kept=True)], {}, settled, unsettled)
    assert trace_review_lines(review) == [
        "0 traces answered: 0 kept, 0 dropped",
        "not settled: 1 × 1 more answer needed",
    ]
