"""The review of labels: what annotators see, what they do not, and what their answers come to."""

from __future__ import annotations

from typing import Any

import pytest
from cluster_r1.annotation.channels import Returned
from cluster_r1.annotation.labels import LabelAnswer, label_form, label_records, read_labels, settle_labels
from cluster_r1.annotation.pushed import Shown
from cluster_r1.annotation.sampling import Chosen
from cluster_r1.core.consensus import Assignment, decide
from cluster_r1.core.documents import Document
from cluster_r1.core.forms import PROBLEM, Response, ResponseStatus
from cluster_r1.core.human import Slice
from cluster_r1.core.labels import LabelRow
from cluster_r1.core.settings import ReviewSettings
from cluster_r1.core.taxonomy import NONE_FITS, Cluster, Taxonomy
from hypothesis import given
from hypothesis import strategies as st

TAXONOMY = Taxonomy(
    task="town.desk",
    instruction="Cluster by *purpose*.",
    clusters=(
        Cluster(name="Fees", description="All <b>charges</b>."),
        Cluster(name="Loans & credit", description="[Borrowing](http://x) " + "money " * 60),
    ),
)
FORM = label_form(TAXONOMY, 2)
ONE, TWO = ReviewSettings(), ReviewSettings(annotators=2)
NOON = "2026-11-21T12:00:00+00:00"


def row(key: int, first: str, second: str, reason: str | None = None) -> LabelRow:
    votes = [
        Assignment(labeler=who, cluster=c, reason=reason) for who, c in (("labeler_a", first), ("labeler_b", second))
    ]
    return LabelRow(key, 0, False, decide(f"d{key}", votes[0], votes[1]))


def shown(one: LabelRow, slice_: Slice, review: ReviewSettings = ONE, text: str = "What does it cost?") -> Shown:
    document = Document(id=one.consensus.document_id, text=text)
    (record,) = label_records([Chosen(one, slice_)], {one.key: document}, TAXONOMY, review)
    return record


def response(
    values: dict[str, Any], author: str = "ann", key: int = 7, at: str = NOON, status: ResponseStatus = "submitted"
) -> Response:
    return Response(record=f"{FORM.name}/{key:016x}", author=author, status=status, values=values, at=at)


def read(*responses: Response) -> tuple[dict[int, dict[str, LabelAnswer]], list[Returned]]:
    return read_labels(FORM, responses, TAXONOMY)


def test_the_form_asks_for_one_of_the_clusters_or_none() -> None:
    question = FORM.questions[0]
    assert (question.name, question.kind) == ("cluster", "label")
    assert question.options == ("Fees", "Loans & credit", NONE_FITS)
    assert FORM.answers_needed == 2
    assert FORM.metadata == ("document",)


def test_the_guidelines_hold_the_instruction_and_short_descriptions_as_plain_text() -> None:
    assert r"Cluster by \*purpose\*\." in FORM.guidelines
    assert r"- **Fees** — All \<b\>charges\<\/b\>\." in FORM.guidelines
    assert "…" in FORM.guidelines
    assert "](http" not in FORM.guidelines


def test_forms_of_other_versions_and_of_tasks_with_much_the_same_name_are_other_forms() -> None:
    renamed = TAXONOMY.model_copy(update={"task": "town-desk"})
    edited = TAXONOMY.model_copy(update={"instruction": "Cluster by tone."})
    assert len({label_form(taxonomy, 1).name for taxonomy in (TAXONOMY, renamed, edited)}) == 3
    assert label_form(renamed, 1).name == f"labels-town-desk-{TAXONOMY.fingerprint}"


def test_a_record_suggests_what_both_labelers_said() -> None:
    record, hidden = shown(row(7, "Fees", "Fees"), "weak")
    assert record.id == f"{FORM.name}/0000000000000007"
    assert [tuple(s) for s in record.suggestions] == [("cluster", "Fees", "labeler_a and labeler_b", 1.0)]
    assert set(record.fields) == {field.name for field in FORM.fields}
    assert record.fields[PROBLEM] == ""
    assert record.metadata == {"document": "d7"}
    assert hidden == {"slice": "weak", "outcome": "kept", "document_id": "d7", "key": "7"}


@pytest.mark.parametrize(
    ("key", "first", "second"),
    [(6, ("labeler_a", "Fees"), ("labeler_b", NONE_FITS)), (7, ("labeler_b", NONE_FITS), ("labeler_a", "Fees"))],
)
def test_a_conflict_suggests_either_vote_by_chance_and_lists_both(
    key: int, first: tuple[str, str], second: tuple[str, str]
) -> None:
    record, _ = shown(row(key, "Fees", NONE_FITS, reason="It asks\nfor a price.\x00"), "conflict")
    (suggestion,) = record.suggestions
    assert (suggestion.agent, suggestion.value, suggestion.score) == (*first, 0.5)
    lines = record.fields["votes"].splitlines()
    assert lines == [f"{who}: {cluster} (It asks for a price.�)" for who, cluster in (first, second)]


def test_random_documents_are_blind_unless_the_settings_say_otherwise() -> None:
    blind, _ = shown(row(7, "Fees", "Fees"), "random")
    assert (blind.suggestions, blind.fields["votes"]) == ((), "")
    seen, _ = shown(row(7, "Fees", "Fees"), "random", ReviewSettings(blind=False))
    assert seen == shown(row(7, "Fees", "Fees"), "weak")[0]


def test_nothing_that_an_annotator_sees_tells_conflicts_from_weak_clusters() -> None:
    record, _ = shown(row(7, "Fees", "Fees"), "weak")
    for word in ("weak", "conflict", "random"):
        assert word not in record.model_dump_json()


def test_a_hostile_document_is_shown_as_it_is_and_cut() -> None:
    text = "<script>alert(1)</script>\x1b[31m" + "x" * 1_000_000
    record, _ = shown(row(7, "Fees", "Fees"), "random", text=text)
    assert record.fields["text"].startswith("<script>alert(1)</script>�[31mxx")
    assert len(record.fields["text"]) < 60_000
    assert "more characters are not shown" in record.fields["text"]


def test_answers_are_read_by_document_and_author() -> None:
    answers, returned = read(
        response({"cluster": "Fees", "comment": " why\n"}),
        response({"cluster": NONE_FITS, "comment": None}, author="bob"),
        response({"cluster": "Fees"}, key=2**64 - 1, at="2026-11-21T14:00:00+02:00"),
    )
    assert returned == []
    assert answers == {
        7: {"ann": LabelAnswer("Fees", "why", NOON), "bob": LabelAnswer(NONE_FITS, "", NOON)},
        2**64 - 1: {"ann": LabelAnswer("Fees", "", NOON)},
    }


def test_drafts_and_discarded_responses_are_no_answers() -> None:
    assert read(response({"cluster": "Fees"}, status="draft"), response({}, status="discarded")) == ({}, [])


def test_a_persons_last_answer_counts() -> None:
    late = response({"cluster": "Fees"}, at="2026-11-22T12:00:00+00:00")
    early = response({"cluster": NONE_FITS})
    for order in ((late, early), (early, late)):
        answers, _ = read(*order)
        assert answers[7]["ann"].cluster == "Fees"


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({}, "“Which cluster does the text belong to?” has no answer"),
        ({"cluster": ""}, "“Which cluster does the text belong to?” has no answer"),
        ({"cluster": "fees"}, "the answer to “Which cluster does the text belong to?” is none of its options"),
        ({"cluster": ["Fees"]}, "the answer to “Which cluster does the text belong to?” is none of its options"),
        ({"cluster": "Fees", "comment": {"a": 1}}, "the comment is not text"),
        ({"cluster": "Fees", "comment": "x" * 4001}, "the comment has 4,001 characters, at most 4,000 are allowed"),
        ({"cluster": "Fees", "comment": "a\x00b"}, "control"),
        ({"cluster": "Fees", "comment": "\ud800"}, "control"),
    ],
)
def test_an_answer_that_cannot_be_used_goes_back_with_the_reason(values: dict[str, Any], reason: str) -> None:
    given_back = response(values)
    answers, returned = read(given_back)
    assert answers == {}
    assert [item.response for item in returned] == [given_back]
    assert reason in returned[0].reason


@pytest.mark.parametrize("record", ["", "x", FORM.name, f"{FORM.name}/", f"{FORM.name}/7", f"other/{7:016x}"])
def test_a_record_of_something_else_goes_back(record: str) -> None:
    stray = response({"cluster": "Fees"}).model_copy(update={"record": record})
    assert read(stray) == ({}, [Returned(stray, "this record is not part of the review")])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.lists(
        st.builds(
            Response,
            record=st.just(f"{FORM.name}/{7:016x}") | st.text(max_size=30),
            author=st.sampled_from(["ann", "bob", ""]),
            status=st.sampled_from(["submitted", "draft", "discarded"]),
            values=st.dictionaries(
                st.sampled_from(["cluster", "comment", "x"]), st.sampled_from(["Fees", NONE_FITS]) | JSON
            ),
            at=st.sampled_from([NOON, "0001-01-01T00:00:00+14:00", "now"]) | st.text(max_size=20),
        ),
        max_size=5,
    )
)
def test_whatever_is_sent_is_read_or_goes_back(responses: list[Response]) -> None:
    answers, returned = read(*responses)
    settled, _ = settle_labels(answers, dict.fromkeys(answers, "random"), dict.fromkeys(answers, "d"), ONE)
    assert {label.cluster for label in settled} <= {"Fees", NONE_FITS}
    asked = {(r.record, r.author) for r in responses if r.status == "submitted"}
    assert len(asked) == sum(map(len, answers.values())) + len(returned)


def test_answers_are_settled_with_who_said_what() -> None:
    answers = {
        1: {"ann": LabelAnswer("Fees", "clear", NOON), "bob": LabelAnswer("Fees", "", "2026-11-22T12:00:00+00:00")},
        2: {"ann": LabelAnswer("Fees", "", NOON), "bob": LabelAnswer(NONE_FITS, "no", NOON)},
        9: {"ann": LabelAnswer("Fees", "", NOON)},
    }
    ids = {key: f"d{key}" for key in (1, 2, 3)}
    settled, unsettled = settle_labels(answers, {1: "random", 2: "conflict", 3: "weak"}, ids, TWO)
    (label,) = settled
    assert (label.document_id, label.key, label.cluster, label.slice) == ("d1", 1, "Fees", "random")
    assert (label.authors, label.dissenters, label.rule) == (("ann", "bob"), (), "agreed")
    assert (label.comment, label.at) == ("ann: clear", "2026-11-22T12:00:00+00:00")
    assert [tuple(document) for document in unsettled] == [
        (2, "d2", "ann, bob disagree and no answer has a majority", ("ann", "bob")),
        (3, "d3", "2 more answers needed", ()),
    ]


def test_the_lead_decides_and_the_others_word_is_kept() -> None:
    review = ReviewSettings(annotators=2, rule="lead", lead="bob")
    answers = {2: {"ann": LabelAnswer("Fees", "a", NOON), "bob": LabelAnswer(NONE_FITS, "b", NOON)}}
    ((label,), _) = settle_labels(answers, {2: "conflict"}, {2: "d2"}, review)
    assert (label.cluster, label.authors, label.dissenters, label.rule) == (NONE_FITS, ("bob",), ("ann",), "lead")
    assert label.comment == "ann: a\nbob: b"
