"""Series: means, thinning that keeps extremes, gaps where a value is not finite, numbers and words for people."""

from __future__ import annotations

import math

import pytest
from cluster_r1.reports.series import (
    Point,
    drawable,
    evenly,
    extremes,
    figure,
    in_words,
    moving_mean,
    runs,
    step_ranges,
    summed_up,
    window_of,
)
from hypothesis import given
from hypothesis import strategies as st

NAN = math.nan
VALUES = st.lists(st.floats(-1e6, 1e6), max_size=400)


def points(*values: float) -> list[Point]:
    return [Point(step, value) for step, value in enumerate(values, start=1)]


def test_a_moving_mean_is_about_its_point() -> None:
    assert [p.value for p in moving_mean(points(0, 3, 6, 9), 3)] == [1.5, 3, 6, 7.5]
    assert moving_mean(points(1, 2), 1) == points(1, 2)
    assert moving_mean([], 5) == []


def test_one_enormous_value_does_not_spoil_the_means_after_it() -> None:
    means = moving_mean(points(1e90, *[0.5] * 20), 5)
    assert means[-1].value == 0.5


@given(VALUES, st.integers(1, 50))
def test_thinning_keeps_the_lowest_and_the_highest(values: list[float], most: int) -> None:
    series = points(*values)
    kept = extremes(series, most)
    assert len(kept) <= 2 * most
    assert kept == sorted(set(kept))
    assert {min(values), max(values)} <= {p.value for p in kept} if values else kept == []


@given(VALUES, st.integers(2, 50))
def test_points_chosen_evenly_have_both_ends(values: list[float], most: int) -> None:
    series = points(*values)
    kept = evenly(series, most)
    assert len(kept) == min(most, len(series))
    assert not series or (kept[0], kept[-1]) == (series[0], series[-1])


@given(st.sets(st.integers(0, 10_000), max_size=300), st.integers(1, 40))
def test_ranges_of_steps_cover_all_steps_once(steps: set[int], most: int) -> None:
    ordered = sorted(steps)
    ranges = step_ranges(ordered, most)
    assert len(ranges) <= most
    assert [step for first, last in ranges for step in ordered if first <= step <= last] == ordered


def test_what_is_not_finite_is_a_gap_and_is_counted() -> None:
    series = points(1, NAN, 2, 3, math.inf, 1e300)
    assert [[p.value for p in run] for run in runs(series)] == [[1], [2, 3]]
    assert len(drawable(series)) == 3
    assert in_words(series).endswith("highest 3 at step 4, 3 not finite")
    assert in_words(points(NAN)) == "1 not finite"
    assert in_words([]) == "no values"


def test_ranges_are_summed_up() -> None:
    found = summed_up(points(1, 3, NAN, 8), [(1, 2), (3, 3), (4, 4)])
    assert found[0] is not None
    assert (found[0].low, found[0].mean, found[0].high) == (1, 2, 3)
    assert found[1] is None


@pytest.mark.parametrize(("number", "window"), [(0, 1), (9, 1), (10, 5), (40, 5), (400, 20), (5000, 50)])
def test_windows_grow_with_the_series(number: int, window: int) -> None:
    assert window_of(number) == window


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.4312, "0.431"),
        (1512.4, "1,512"),
        (-0.25, "\u22120.25"),
        (2.5e-6, "2.5e\u22126"),
        (1e-3, "0.001"),
        (3e9, "3e9"),
        (NAN, "not a number"),
        (-math.inf, "\u2212infinite"),
    ],
)
def test_figures_have_three_digits_that_tell(value: float, text: str) -> None:
    assert figure(value) == text
