"""Series of logged values made fit for a chart: gaps where a value is not finite, moving means, thinning, words."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from statistics import fmean
from typing import NamedTuple, TypeVar

_Item = TypeVar("_Item")
_LARGEST = 1e100
"""Beyond it a value counts as not finite: a chart's scale would overflow."""


class Point(NamedTuple):
    """A value at an optimizer step."""

    step: int
    value: float


class Range(NamedTuple):
    """Values of the steps `first` to `last`: smallest, mean, largest."""

    first: int
    last: int
    low: float
    mean: float
    high: float


def is_drawable(value: float) -> bool:
    return math.isfinite(value) and abs(value) < _LARGEST


def drawable(points: Iterable[Point]) -> list[Point]:
    return [point for point in points if is_drawable(point.value)]


def runs(points: Sequence[Point]) -> list[list[Point]]:
    """The points in runs without a gap: what is not finite ends a run."""
    return [list(run) for good, run in groupby(points, key=lambda point: is_drawable(point.value)) if good]


def window_of(points: int) -> int:
    """Points in a moving mean: a twentieth of the series, 5 to 50; 1 (none) for fewer than 10 points."""
    return min(50, max(5, round(points / 20))) if points >= 10 else 1


def moving_mean(points: Sequence[Point], window: int) -> list[Point]:
    """Means over `window` points about each point, over fewer at the ends. The points must be finite."""
    values, half = [point.value for point in points], window // 2
    return [
        Point(point.step, fmean(values[max(0, place - half) : place + half + 1])) for place, point in enumerate(points)
    ]


def extremes(points: Sequence[Point], most: int) -> list[Point]:
    """At most `2 * most` points, in order: the lowest and the highest of each of `most` equal parts."""
    if len(points) <= 2 * most:
        return list(points)
    kept: list[Point] = []
    for part in _parts(points, most):
        low, high = min(part, key=lambda p: p.value), max(part, key=lambda p: p.value)
        kept += sorted({low, high})
    return kept


def evenly(points: Sequence[Point], most: int) -> list[Point]:
    """At most `most` points, the first and the last among them."""
    if len(points) <= most:
        return list(points)
    return [points[round(place * (len(points) - 1) / (most - 1))] for place in range(most)]


def step_ranges(steps: Sequence[int], most: int) -> list[tuple[int, int]]:
    """Ascending steps in at most `most` ranges (first, last) of about equally many."""
    return [(part[0], part[-1]) for part in _parts(steps, min(most, len(steps)))]


def summed_up(points: Sequence[Point], ranges: Sequence[tuple[int, int]]) -> list[Range | None]:
    """The drawable values within each range of steps; None where there is none."""
    good = drawable(points)
    steps = [point.step for point in good]
    found: list[Range | None] = []
    for first, last in ranges:
        values = [p.value for p in good[bisect.bisect_left(steps, first) : bisect.bisect_right(steps, last)]]
        found.append(Range(first, last, min(values), fmean(values), max(values)) if values else None)
    return found


def figure(value: float) -> str:
    """Three digits that tell: 1,512; 0.431; 2.5e−6; a minus that is one."""
    if math.isnan(value):
        return "not a number"
    if not math.isfinite(value):
        return "infinite" if value > 0 else "\u2212infinite"
    size = abs(value)
    if size >= 1e6 or 0 < size < 1e-3:
        mantissa, _, exponent = f"{value:.2e}".partition("e")
        text = f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    else:
        text = f"{value:,.0f}" if size >= 1000 else f"{value:.3g}"
    return text.replace("-", "\u2212")


def in_words(points: Sequence[Point]) -> str:
    """First, last, lowest and highest value, and how many are not finite."""
    good = drawable(points)
    lost = len(points) - len(good)
    missing = f"{lost:,} not finite" if lost else ""
    if not good:
        return missing or "no values"
    low, high = min(good, key=lambda p: p.value), max(good, key=lambda p: p.value)
    told = [f"{figure(good[0].value)} at step {good[0].step:,}"]
    if len(good) > 1:
        told += [
            f"{figure(good[-1].value)} at step {good[-1].step:,}",
            f"lowest {figure(low.value)} at step {low.step:,}",
            f"highest {figure(high.value)} at step {high.step:,}",
        ]
    return ", ".join([*told, missing] if missing else told)


def _parts(items: Sequence[_Item], most: int) -> list[Sequence[_Item]]:
    """The items cut into `most` parts of about equal size, none empty."""
    edges = [round(place * len(items) / most) for place in range(most + 1)] if most else []
    return [items[start:end] for start, end in pairwise(edges) if end > start]
