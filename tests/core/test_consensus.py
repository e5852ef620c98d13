from __future__ import annotations

import pytest
from cluster_r1.core.consensus import OUTCOMES, Assignment, Consensus, decide
from cluster_r1.core.taxonomy import NONE_FITS
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

CLUSTERS = st.sampled_from([None, NONE_FITS, "fraud", "Fraud", "delay"]) | st.text(max_size=5)


def vote(cluster: str | None, labeler: str = "labeler_a") -> Assignment:
    return Assignment(labeler=labeler, cluster=cluster)


@pytest.mark.parametrize(
    ("first", "second", "outcome", "cluster"),
    [
        ("fraud", "fraud", "kept", "fraud"),
        ("fraud", "delay", "conflict", None),
        ("fraud", "Fraud", "conflict", None),
        ("fraud", NONE_FITS, "conflict", None),
        (NONE_FITS, NONE_FITS, "none_fits", None),
        ("fraud", None, "unanswered", None),
        (NONE_FITS, None, "unanswered", None),
        (None, None, "unanswered", None),
    ],
)
def test_the_truth_table(first: str | None, second: str | None, outcome: str, cluster: str | None) -> None:
    for votes in ((first, second), (second, first)):
        consensus = decide("d1", *map(vote, votes))
        assert (consensus.outcome, consensus.cluster) == (outcome, cluster)


@given(CLUSTERS, CLUSTERS)
def test_the_outcome_is_the_same_whoever_votes_first(first: str | None, second: str | None) -> None:
    one, other = decide("d", vote(first), vote(second)), decide("d", vote(second), vote(first))
    assert (one.outcome, one.cluster) == (other.outcome, other.cluster)


@given(CLUSTERS, CLUSTERS)
def test_a_cluster_is_set_exactly_when_kept(first: str | None, second: str | None) -> None:
    consensus = decide("d", vote(first), vote(second))
    assert consensus.outcome in OUTCOMES
    assert (consensus.cluster is not None) == (consensus.outcome == "kept")
    assert consensus.cluster in {None, first}


@given(CLUSTERS)
def test_equal_votes_never_conflict(cluster: str | None) -> None:
    assert decide("d", vote(cluster), vote(cluster)).outcome != "conflict"


def test_both_votes_are_kept_as_cast_and_in_order() -> None:
    first = Assignment(labeler="labeler_a", cluster=None, error="timeout", call="ab12", order=3)
    second = Assignment(labeler="labeler_b", cluster="fraud", position=2, reason="it says so")
    consensus = decide("d1", first, second)
    assert consensus.votes == (first, second)
    assert consensus.document_id == "d1"


def test_the_outcomes_are_listed() -> None:
    assert set(OUTCOMES) == {"kept", "conflict", "none_fits", "unanswered"}


@pytest.mark.parametrize("wrong", [{"position": -1}, {"order": -1}, {"cluster": 3}, {"vote": "a"}, {"labeler": None}])
def test_a_wrong_vote_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Assignment.model_validate({"labeler": "labeler_a", "cluster": "x"} | wrong)


def test_a_vote_has_to_say_its_cluster_even_when_there_is_none() -> None:
    with pytest.raises(ValidationError, match="cluster"):
        Assignment.model_validate({"labeler": "labeler_a"})


@pytest.mark.parametrize("votes", [1, 3])
def test_a_consensus_is_of_two_votes(votes: int) -> None:
    with pytest.raises(ValidationError, match="votes"):
        Consensus.model_validate(
            {"document_id": "d", "outcome": "kept", "cluster": "a", "votes": [vote("a").model_dump()] * votes}
        )


def test_an_unknown_outcome_is_refused() -> None:
    with pytest.raises(ValidationError, match="outcome"):
        Consensus.model_validate({**decide("d", vote("a"), vote("a")).model_dump(), "outcome": "agreed"})


def test_votes_and_consensus_are_frozen() -> None:
    consensus = decide("d", vote("a"), vote("b"))
    for thing, field in ((consensus, "outcome"), (consensus.votes[0], "cluster")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(thing, field, "kept")


def test_a_consensus_survives_json() -> None:
    consensus = decide("d", vote("a"), Assignment(labeler="labeler_b", cluster=None, error="nobody answered"))
    assert Consensus.model_validate_json(consensus.model_dump_json()) == consensus
