"""Two entries side by side: pairing, antisymmetry, tests that agree with scipy's, ties."""

from __future__ import annotations

import random
import warnings
from typing import Any

import numpy as np
import pytest
from cluster_r1.core.agreement import Interval
from cluster_r1.core.errors import SettingsError
from cluster_r1.core.evaluation import AnswerScore, Comparison
from cluster_r1.eval.comparison import compare, permutation_p
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test, wilcoxon
from scored import answer_score, cell_scores

COURT, CHAT = ("court", "c0"), ("chat", "c1")

pairs = st.lists(st.tuples(st.sampled_from((COURT, CHAT)), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=25)


def compared(first: list[AnswerScore], second: list[AnswerScore], **settings: Any) -> Comparison:
    return compare(("a", first), ("b", second), **({"resamples": 100} | settings))


def of_pairs(drawn: list[tuple[tuple[str, str], float, float]]) -> tuple[list[AnswerScore], list[AnswerScore]]:
    first = [answer_score(f"e{place}", v, cell) for place, (cell, v, _) in enumerate(drawn)]
    second = [answer_score(f"e{place}", v, cell) for place, (cell, _, v) in enumerate(drawn)]
    return first, second


def test_examples_that_both_answered_are_paired() -> None:
    first = cell_scores([0.5, 0.7, 0.9], COURT) + cell_scores([0.4, 0.4], CHAT)
    second = [*cell_scores([0.4, 0.7], COURT), *cell_scores([0.1], CHAT), answer_score("other", 1.0, COURT)]
    found = compared(first, second)
    assert (found.first, found.second, found.examples, found.only_first, found.only_second) == ("a", "b", 3, 2, 1)
    assert found.means == pytest.approx((1.6 / 3, 1.2 / 3))
    assert found.difference.value == pytest.approx(0.4 / 3)
    assert found.macro.value == pytest.approx((0.05 + 0.3) / 2)
    assert (found.wins, found.ties, found.losses) == (2, 1, 0)
    assert [(cell.domain, cell.split, cell.examples) for cell in found.cells] == [("chat", "c1", 1), ("court", "c0", 2)]
    assert found.cells[0].difference == Interval(pytest.approx(0.3), None, None)
    assert found.permutation_p == 0.5


def test_samples_are_averaged_first() -> None:
    first = [answer_score("e", v, sample=sample) for sample, v in enumerate((0.2, 0.6))]
    found = compared(first, [answer_score("e", 0.4)])
    assert (found.examples, found.ties, found.difference.value) == (1, 1, 0.0)


@settings(max_examples=20)
@given(pairs)
def test_the_other_way_round_is_the_negative(drawn: list[tuple[tuple[str, str], float, float]]) -> None:
    first, second = of_pairs(drawn)
    one, other = compared(first, second), compare(("b", second), ("a", first), resamples=100)
    for ours, theirs in ((one.difference, other.difference), (one.macro, other.macro)):
        mirrored = [None if end is None else pytest.approx(-end) for end in (theirs.value, theirs.high, theirs.low)]
        assert list(ours) == mirrored
    assert (one.wins, one.ties, one.losses) == (other.losses, other.ties, other.wins)
    assert one.means == other.means[::-1]
    assert one.permutation_p == pytest.approx(other.permutation_p)
    assert one.wilcoxon_p == pytest.approx(other.wilcoxon_p)


@settings(max_examples=20)
@given(pairs)
def test_an_entry_against_itself_differs_in_nothing(drawn: list[tuple[tuple[str, str], float, float]]) -> None:
    first, _ = of_pairs(drawn)
    found = compared(first, random.Random(0).sample(first, len(first)))
    assert found.difference.value == found.macro.value == 0
    assert found.difference.low in (0, None)
    assert (found.permutation_p, found.wilcoxon_p, found.ties) == (1.0, None, len(first))


@settings(max_examples=50)
@given(st.lists(st.one_of(st.floats(-1, 1), st.sampled_from([-0.25, 0.0, 0.25])), min_size=2, max_size=9))
def test_the_permutation_test_is_scipys(drawn: list[float]) -> None:
    differences = np.array(drawn)
    assume(np.all((differences == 0) | (np.abs(differences) > 1e-6)))
    theirs = permutation_test(
        (differences, np.zeros_like(differences)),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        n_resamples=np.inf,
        vectorized=True,
    )
    assert permutation_p(differences) == pytest.approx(min(1.0, theirs.pvalue), abs=1e-12)


def test_many_differences_are_flipped_at_random() -> None:
    rng = np.random.default_rng(3)
    differences = rng.normal(0.02, 0.1, 60)
    theirs = permutation_test(
        (differences, np.zeros(60)),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        n_resamples=20_000,
        vectorized=True,
        random_state=0,
    )
    assert permutation_p(differences) == pytest.approx(theirs.pvalue, abs=0.02)
    assert permutation_p(differences) == permutation_p(differences)
    assert permutation_p(differences) == permutation_p(-differences)


def test_fourteen_differences_are_exact_and_fifteen_never_zero() -> None:
    assert permutation_p(np.full(14, 0.1)) == 2 / 2**14
    assert permutation_p(np.append(np.full(14, 0.1), [0.0] * 100)) == 2 / 2**14
    assert permutation_p(np.full(40, 0.1)) == 1 / 10_001


def test_a_clear_winner_has_small_p_and_an_interval_above_zero() -> None:
    rng = np.random.default_rng(0)
    second = rng.uniform(0.2, 0.6, 80)
    first = second + rng.normal(0.1, 0.05, 80)
    found = compared(cell_scores(first.tolist()), cell_scores(second.tolist()), resamples=1000)
    assert found.permutation_p < 0.001
    assert found.wilcoxon_p is not None
    assert found.wilcoxon_p < 0.001
    assert found.difference.low is not None
    assert 0.08 < found.difference.low < 0.1


def test_the_signed_rank_test_is_scipys_with_equal_ranks_for_equal_differences() -> None:
    first, second = [0.1 * place for place in range(10)], [0.1 * (place % 4) for place in range(10)]
    found = compared(cell_scores(first), cell_scores(second))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = wilcoxon([round(10 * (a - b)) for a, b in zip(first, second, strict=True) if abs(a - b) > 1e-9])
    assert found.wilcoxon_p == pytest.approx(theirs.pvalue)
    assert found.ties == 4


def test_pairing_finds_what_means_alone_do_not() -> None:
    rng = np.random.default_rng(1)
    second = rng.uniform(0, 0.95, 100)
    found = compared(cell_scores((second + 0.02).tolist()), cell_scores(second.tolist()))
    assert found.difference.low == pytest.approx(0.02)
    assert found.permutation_p < 0.001


def test_entries_without_a_common_example_cannot_be_compared() -> None:
    with pytest.raises(SettingsError, match="'a' and 'b' have no example in common"):
        compared(cell_scores([0.1], COURT), cell_scores([0.1], CHAT))
    with pytest.raises(SettingsError, match="no example in common"):
        compared([], [])
