"""Drift: both figures against scipy's, what each verdict takes, and what the sentence says to do."""

from __future__ import annotations

import numpy as np
import pytest
from cluster_r1.core.carried import wilson_interval
from cluster_r1.core.clustering import Drift
from cluster_r1.core.drift import FEW, NOTICEABLE, drift
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2_contingency

NAMES = ("cards", "fees", "loans", "transfers", "travel")
COUNTS = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 400))


def judged(before: dict[str, int], now: dict[str, int], none_before: int = 0, none_now: int = 0) -> Drift:
    return drift(before, now, none_before, none_now, 0.1)


@given(COUNTS, COUNTS, st.integers(0, 100), st.integers(0, 100))
def test_figures_are_shares_whatever_is_counted(
    before: dict[str, int], now: dict[str, int], none_before: int, none_now: int
) -> None:
    found = judged(before, now, none_before, none_now)
    assert 0 <= found.divergence <= 1
    assert found.divergence_p is None or 0 <= found.divergence_p <= 1
    assert found.texts == sum(now.values()) + none_now
    assert found.none_fits == wilson_interval(none_now, found.texts)
    assert all(0 <= part <= 1 for one in found.shares for part in one[1:])
    assert found.says.endswith(".")


@given(COUNTS, COUNTS, st.integers(0, 100))
def test_the_order_of_the_clusters_does_not_matter(before: dict[str, int], now: dict[str, int], none: int) -> None:
    backwards = dict(reversed(before.items())), dict(reversed(now.items()))
    assert judged(before, now, none, none) == judged(*backwards, none, none)


@given(COUNTS, COUNTS)
def test_the_divergence_is_scipys_and_the_same_both_ways(before: dict[str, int], now: dict[str, int]) -> None:
    assume(sum(before.values()) and sum(now.values()))
    columns = [[counts.get(name, 0) for name in NAMES] for counts in (before, now)]
    found = judged(before, now).divergence
    assert found == pytest.approx(jensenshannon(*columns, base=2) ** 2, abs=1e-9)
    assert found == pytest.approx(judged(now, before).divergence, abs=1e-12)


def test_p_is_scipys_where_five_are_expected_everywhere() -> None:
    before, now = {"cards": 60, "fees": 30, "loans": 10}, {"cards": 40, "fees": 45, "loans": 15}
    expected = chi2_contingency([[60, 30, 10], [40, 45, 15]], correction=False).pvalue
    assert judged(before, now).divergence_p == pytest.approx(expected)


def test_small_clusters_are_tested_together() -> None:
    many = {f"c{number}": 3 for number in range(40)}
    assert judged(many, many).divergence_p == pytest.approx(1)
    assert judged({"cards": 200, "fees": 2}, {"cards": 200, "loans": 2}).divergence_p is None


def test_chance_is_no_shift_however_many_the_clusters() -> None:
    draw = np.random.default_rng(0)
    shares = draw.dirichlet(np.full(150, 0.5))
    found = [
        judged(
            *(
                {str(name): int(count) for name, count in enumerate(draw.multinomial(size, shares))}
                for size in (5000, 300)
            )
        )
        for _ in range(200)
    ]
    assert sum(one.divergence_p is not None and one.divergence_p < 0.05 for one in found) <= 20
    assert sum(one.verdict == "shifted" for one in found) <= 6


@given(st.dictionaries(st.sampled_from(NAMES), st.integers(1, 10_000), min_size=1), st.integers(1, 5))
def test_the_same_shares_are_covered(before: dict[str, int], times: int) -> None:
    found = judged(before, {name: count * times for name, count in before.items()})
    assert found.divergence == pytest.approx(0, abs=1e-12)
    assert found.verdict == "covers"
    assert found.says.startswith("The taxonomy covers: 0.0%")


def test_other_shares_are_a_shift_that_names_what_moved_most() -> None:
    found = judged({"cards": 500, "fees": 500, "loans": 90}, {"cards": 120, "fees": 30, "loans": 14})
    assert found.verdict == "shifted"
    assert "'fees' from 45.9% to 18.3%" in found.says
    assert "p < 0.001" in found.says
    assert "cluster-r1 cluster" in found.says


def test_a_small_difference_between_many_texts_is_no_shift() -> None:
    found = judged({"cards": 500_000, "fees": 500_000}, {"cards": 510_000, "fees": 490_000})
    assert found.divergence_p is not None
    assert found.divergence_p < 1e-9
    assert found.divergence < NOTICEABLE
    assert found.verdict == "covers"


def test_what_fits_nowhere_decides_first() -> None:
    found = judged({"cards": 500, "fees": 500}, {"cards": 150, "fees": 20}, 10, 60)
    assert found.verdict == "no longer covers"
    assert "26.1% (20.8% to 32.1%) of the new texts fit nowhere, 1.0% (0.5% to 1.8%) before" in found.says
    assert "--taxonomy FILE" in found.says


@pytest.mark.parametrize(
    ("none_before", "none_now", "verdict"),
    [
        (0, 8, "covers"),
        (0, 13, "no longer covers"),
        (40, 13, "covers"),
        (110, 15, "covers"),
        (110, 40, "no longer covers"),
    ],
)
def test_a_rise_by_more_than_half_of_what_is_allowed_counts(none_before: int, none_now: int, verdict: str) -> None:
    found = judged({"cards": 1000 - none_before}, {"cards": 130 - none_now}, none_before, none_now)
    assert found.verdict == verdict


def test_a_taxonomy_that_never_covered_is_told_apart() -> None:
    found = judged({"cards": 600}, {"cards": 60}, 400, 40)
    assert found.verdict == "no longer covers"
    assert "As many did when it was made." in found.says


@pytest.mark.parametrize(("none", "verdict"), [(1, "covers"), (4, "covers"), (5, "no longer covers")])
def test_few_texts_are_judged_with_care(none: int, verdict: str) -> None:
    found = judged({"cards": 500, "fees": 500}, {"fees": 2}, 0, none)
    assert found.verdict == verdict
    assert found.divergence_p is None
    assert f"only {none + 2} texts" in found.says
    assert judged({"cards": 500, "fees": 500}, {"fees": FEW - 1}).verdict == "covers"
    assert judged({"cards": 500, "fees": 500}, {"fees": FEW}).verdict == "shifted"


def test_nothing_new_and_nothing_before_are_said() -> None:
    assert judged({"cards": 5}, {}).says == "There are no new texts, so the taxonomy covers them."
    found = judged({}, {"cards": 50})
    assert (found.verdict, found.divergence) == ("covers", 0)
    assert "an unknown share before" in found.says


def test_all_that_fits_nowhere_has_no_divergence() -> None:
    found = judged({"cards": 50}, {}, 0, 50)
    assert (found.divergence, found.divergence_p, found.verdict) == (0, None, "no longer covers")


def test_confidence_is_passed_on_and_a_negative_count_is_refused() -> None:
    found = drift({"cards": 50}, {"cards": 50}, 0, 0, 0.1, 0.8, 0.9)
    assert (found.confidence, found.confidence_before) == (0.8, 0.9)
    with pytest.raises(ValueError, match="-1"):
        judged({"cards": -1}, {})
