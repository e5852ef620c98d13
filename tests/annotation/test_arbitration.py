"""Several people's answers: alike, a majority, the lead's word, or not decided yet and why."""

import pytest
from cluster_r1.annotation.arbitration import Undecided, Verdict, arbitrate
from cluster_r1.core.settings import ReviewSettings
from hypothesis import given
from hypothesis import strategies as st

LEAD = ReviewSettings(annotators=2, rule="lead", lead="ann")


def majority(annotators: int) -> ReviewSettings:
    return ReviewSettings(annotators=annotators)


@pytest.mark.parametrize(
    ("answers", "review", "expected"),
    [
        ({"ann": 1}, majority(1), Verdict(1, "single", ("ann",), ())),
        ({"ann": 1, "bob": 1}, majority(2), Verdict(1, "agreed", ("ann", "bob"), ())),
        ({"ann": 1, "bob": 2, "cid": 2}, majority(2), Verdict(2, "majority", ("bob", "cid"), ("ann",))),
        ({"ann": 1, "bob": 2}, LEAD, Verdict(1, "lead", ("ann",), ("bob",))),
        ({"ann": 1}, LEAD, Verdict(1, "single", ("ann",), ())),
        ({"bob": 2, "cid": 2}, LEAD, Verdict(2, "agreed", ("bob", "cid"), ())),
    ],
)
def test_who_decides(answers: dict[str, int], review: ReviewSettings, expected: Verdict[int]) -> None:
    assert arbitrate(answers, review) == expected


@pytest.mark.parametrize(
    ("answers", "review", "reason"),
    [
        ({}, majority(1), "1 more answer needed"),
        ({"ann": 1}, majority(3), "2 more answers needed"),
        ({"ann": 1, "bob": 2}, majority(2), "ann, bob disagree and no answer has a majority"),
        ({"bob": 1, "cid": 2}, LEAD, "bob, cid disagree; ann decides"),
        ({"bob": 1}, LEAD, "1 more answer needed"),
    ],
)
def test_what_is_not_decided_says_why(answers: dict[str, int], review: ReviewSettings, reason: str) -> None:
    assert arbitrate(answers, review) == Undecided(reason)


@given(st.dictionaries(st.text(min_size=1, max_size=3), st.integers(0, 2), min_size=1, max_size=7))
def test_a_decision_names_everybody_once(answers: dict[str, int]) -> None:
    settled = arbitrate(answers, majority(1))
    if isinstance(settled, Verdict):
        assert sorted([*settled.authors, *settled.dissenters]) == sorted(answers)
        assert 2 * len(settled.authors) > len(answers)
