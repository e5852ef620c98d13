"""The review of taxonomies: gates as records, what people answer as decisions, what cannot be read goes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cluster_r1.annotation.arbitration import Undecided
from cluster_r1.annotation.channels import Returned
from cluster_r1.annotation.taxonomies import (
    GateOutcome,
    read_taxonomies,
    settle_gates,
    taxonomy_form,
    taxonomy_records,
)
from cluster_r1.core.archive import TaxonomyArchive
from cluster_r1.core.check import check_taxonomy
from cluster_r1.core.consensus import Assignment, Consensus, decide
from cluster_r1.core.forms import PROBLEM, Record, Response
from cluster_r1.core.settings import ReviewSettings, TaxonomySettings
from cluster_r1.core.taxonomy import Cluster, Taxonomy
from cluster_r1.graphs.reviews import Decision, Gate, TaskEdit
from hypothesis import given
from hypothesis import strategies as st

FEES = Cluster(name="Fees", description="All charges.")
LOANS = Cluster(name="Loans & credit", description="<b>Borrowing</b> [money](http://x).")
TASK = TaskEdit(id="topic", instruction="Cluster by topic.", clusters=(FEES, LOANS))
GATE = Gate(name="taxonomy-topic", kind="taxonomy", ticket="t1", title="Good?", tasks=(TASK,), version=1)
OTHER = TaskEdit(id="tone", instruction="Cluster by tone.", clusters=(Cluster(name="kind"), Cluster(name="rude")))
PROPOSALS = Gate(name="proposals", kind="proposals", ticket="t0", title="Which?", tasks=(TASK, OTHER))
PROPOSED = "Fees — All charges.\nLoans & credit — <b>Borrowing</b> [money](http://x)."
AGENTS = {"proposals": "big-model", "taxonomy": "big-model"}
ONE, TWO = ReviewSettings(), ReviewSettings(annotators=2)


def vote(name: str, document: int) -> Consensus:
    cast = [Assignment(labeler=labeler, cluster=name) for labeler in ("labeler_a", "labeler_b")]
    return decide(f"d{document}", *cast)


def response(author: str = "ann", task: str = "topic", gate: Gate = GATE, **values: Any) -> Response:
    proposed = {"instruction": "Cluster by topic.", "clusters": PROPOSED} if task == "topic" else {}
    record = f"{gate.name}/{gate.ticket}/{task}"
    at = f"2026-11-21T08:00:0{len(author)}+00:00"
    return Response(record=record, author=author, status="submitted", values={**proposed, **values}, at=at)


def settled(*responses: Response, gate: Gate = GATE, review: ReviewSettings = ONE) -> tuple[Any, list[Returned]]:
    answers, returned = read_taxonomies([gate], responses)
    ((_, decision),) = settle_gates([gate], answers, review)
    return decision, returned


def record_of(gate: Gate, archive: TaxonomyArchive, texts: dict[str, str]) -> Record:
    return next(iter(taxonomy_records([gate], archive, texts, AGENTS))).record


def test_a_record_shows_all_there_is_to_judge_by(tmp_path: Path) -> None:
    archive = TaxonomyArchive(tmp_path)
    taxonomy = archive.add(Taxonomy(task="topic", instruction=TASK.instruction, clusters=TASK.clusters))
    votes = [vote("Fees", n) for n in range(5)] + [vote("none fits", 5)]
    check = check_taxonomy(taxonomy, votes, TaxonomySettings(max_none_fits=0.1))
    archive.put_check("topic", check)
    gate = GATE.model_copy(update={"findings": tuple(finding.text for finding in check.findings)})
    record = record_of(gate, archive, {"d0": "My *card* was\ncharged twice.", "d1": "<script>alert(1)</script>"})
    shown = record.fields["proposed_clusters"]
    assert "**Fees** — All charges" in shown
    assert "My \\*card\\* was charged twice" in shown
    assert "<" not in shown.replace("\\<", "")
    assert "17%" in record.fields["findings"].replace("\\%", "%")
    assert "nobody used “Loans" in record.fields["findings"]
    assert record.fields[PROBLEM] == ""
    assert (record.suggested("instruction"), record.suggested("clusters")) == (TASK.instruction, PROPOSED)
    assert {s.agent for s in record.suggestions} == {"big-model"}
    assert all(0 <= (s.score or 0) <= 1 for s in record.suggestions)


def test_records_and_form_fit_each_other(tmp_path: Path) -> None:
    form = taxonomy_form(2)
    for shown in taxonomy_records([GATE, PROPOSALS], TaxonomyArchive(tmp_path), {}, AGENTS):
        assert set(shown.record.fields) == {field.name for field in form.fields}
        assert {s.question for s in shown.record.suggestions} <= {question.name for question in form.questions}
        assert set(shown.record.metadata) == set(form.metadata)
    assert form.answers_needed == 2


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"verdict": "accept"}, Decision(verdict="accept")),
        ({"verdict": "accept", "comment": " fine "}, Decision(verdict="accept", note="fine")),
        ({"verdict": "reject", "clusters": "broken\x00"}, Decision(verdict="reject")),
        ({"verdict": "rewrite", "comment": "fewer"}, Decision(verdict="rewrite", note="fewer")),
        (
            {"verdict": "rewrite", "clusters": "Fees\nAll else", "instruction": "By\nmoney."},
            Decision(
                verdict="accept",
                tasks=(
                    TaskEdit(
                        id="topic", instruction="By money.", clusters=(Cluster(name="Fees"), Cluster(name="All else"))
                    ),
                ),
            ),
        ),
    ],
)
def test_an_answer_is_a_decision(values: dict[str, Any], expected: Decision) -> None:
    decision, returned = settled(response(**values))
    assert returned == []
    assert decision == expected.model_copy(
        update={"author": "ann", "at": "2026-11-21T08:00:03+00:00", "rule": "single"}
    )


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({}, "choose accept"),
        ({"verdict": "maybe"}, "choose accept"),
        ({"verdict": ["accept"]}, "not text"),
        ({"verdict": "accept", "clusters": None}, "at least 2 clusters"),
        ({"verdict": "accept", "clusters": "Fees\nfees"}, "line 2: 'fees' is already in line 1"),
        ({"verdict": "accept", "instruction": "  "}, "instruction is empty"),
        ({"verdict": "rewrite"}, "nothing was changed"),
        ({"verdict": "rewrite", "clusters": "x" * 1_300_000}, "1,300,000"),
        ({"verdict": "accept", "comment": "x\x1b"}, "comment holds a control character"),
    ],
)
def test_what_cannot_be_read_goes_back_with_the_reason(values: dict[str, Any], reason: str) -> None:
    decision, returned = settled(response(**values))
    assert isinstance(decision, Undecided)
    ((given_back, told),) = returned
    assert given_back.author == "ann"
    assert reason in told


@given(
    st.dictionaries(
        st.sampled_from(["verdict", "instruction", "clusters", "comment"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=4,
        ),
    )
)
def test_no_answer_breaks_the_reader(values: dict[str, Any]) -> None:
    settled(response(**values))


def test_drafts_discarded_ones_and_records_of_other_gates_decide_nothing() -> None:
    submitted = response(verdict="accept")
    others = [
        submitted.model_copy(update={"status": "draft"}),
        submitted.model_copy(update={"status": "discarded"}),
        submitted.model_copy(update={"record": "taxonomy-topic/t0/topic"}),
    ]
    decision, returned = settled(*others)
    assert isinstance(decision, Undecided)
    assert returned == []


def test_two_people_who_mean_the_same_agree_whatever_they_comment() -> None:
    decision, _ = settled(
        response("ann", verdict="accept", comment="good"), response("bobby", verdict="accept"), review=TWO
    )
    assert (decision.verdict, decision.author, decision.note, decision.rule) == (
        "accept",
        "ann, bobby",
        "good",
        "agreed",
    )
    assert decision.at == "2026-11-21T08:00:05+00:00"


def test_the_leads_word_is_taken_and_the_others_recorded() -> None:
    review = ReviewSettings(annotators=2, rule="lead", lead="ann")
    decision, _ = settled(response("ann", verdict="reject"), response("bob", verdict="accept"), review=review)
    assert (decision.verdict, decision.author, decision.rule, decision.dissent) == ("reject", "ann", "lead", ("bob",))


def test_proposals_wait_for_every_record_and_keep_the_chosen_ones() -> None:
    chosen = response(gate=PROPOSALS, verdict="accept")
    decision, _ = settled(chosen, gate=PROPOSALS)
    assert isinstance(decision, Undecided)
    assert "tone" in decision.reason
    decision, _ = settled(chosen, response(task="tone", gate=PROPOSALS, verdict="reject"), gate=PROPOSALS)
    assert (decision.verdict, decision.tasks) == ("accept", (TASK,))
    dropped = [response(task=task, gate=PROPOSALS, verdict="reject") for task in ("topic", "tone")]
    assert settled(*dropped, gate=PROPOSALS)[0].verdict == "reject"


def test_an_outcome_names_its_gate() -> None:
    assert settle_gates([GATE], {}, ONE) == [GateOutcome(GATE, Undecided("topic: 1 more answer needed"))]
