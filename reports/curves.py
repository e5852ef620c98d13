"""Line charts as inline SVG over optimizer steps: pure functions from numbers to Markup, in the style of `charts.py`.

Lines lie in an inner picture that is stretched to the width there is; letters, marks and strokes keep their size. A
line is a moving mean over the pale values themselves, which are thinned to the extremes of their neighbourhood.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from .charts import drawing
from .series import (
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

MOST_LINES = 4
"""Looks that can be told apart."""

_TOP = 12
_PLOT = 150
_BELOW = 22
_LEFT = 12.0
"""Percent of the width that the numbers of the scale have."""
_MOST_PARTS = 300
_MOST_MARKS = 40
_MOST_ROWS = 40
_MOST_LABELS = 5
_FINEST = 1e-3
"""A scale spans at least this share of its values: finer, its numbers could not be told apart."""
_SMALLEST = 1e-100
_SMALL, _LARGE = 1e-3, 1e6


class Line(NamedTuple):
    """A series in the order of its steps; what is not finite is a gap."""

    label: str
    points: Sequence[Point]


class Mark(NamedTuple):
    """Something that happened at a step."""

    step: int
    label: str


class _Scale(NamedTuple):
    """Steps `first` to `last` from left to right, values `low` to `high` upwards, a grid line each `step`."""

    first: int
    last: int
    low: float
    high: float
    step: float

    def across(self, step: int) -> float:
        """0 to 1."""
        return min(1.0, max(0.0, (step - self.first) / (self.last - self.first)))

    def up(self, value: float) -> float:
        """0 to 1."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))


def curves(
    title: str,
    lines: Sequence[Line],
    *,
    band: Sequence[Point] = (),
    marks: Sequence[Mark] = (),
    top: float | None = None,
    smooth: bool = True,
) -> Markup:
    """Up to four lines on one scale, 0 to `top` or wide enough for all; a legend where there is more than one.

    `band` is half the width of a band about the first line, by step; it ends at 0 where the line never goes below.
    Marks are upright lines. Without `smooth` the line is the values themselves.
    """
    lines = lines[:MOST_LINES]
    edges = _band_edges(lines[0].points, band) if lines else []
    scale = _scale(lines, edges, top)
    words = [(line.label, in_words(line.points)) for line in lines]
    if marks:
        words.append(("marked steps", ", ".join(f"{mark.step:,} ({mark.label})" for mark in marks)))
    drawn = _grid(scale) + _inner(scale, lines, edges, smooth)
    for look, line in enumerate(lines, start=1):
        drawn += _dots(scale, line.points, look)
    chart = drawing("curves", title, words, drawn + _marks(scale, marks), height=_TOP + _PLOT + _BELOW)
    return chart + _legend(lines) if len(lines) > 1 else chart


def curve_rows(lines: Sequence[Line]) -> list[tuple[str, list[str]]]:
    """The chart as a table: steps, and each line's value there; means with lowest and highest over ranges of steps."""
    steps = sorted({point.step for line in lines for point in line.points})
    ranges = step_ranges(steps, _MOST_ROWS)
    columns = [summed_up(line.points, ranges) for line in lines]
    rows: list[tuple[str, list[str]]] = []
    for place, (first, last) in enumerate(ranges):
        cells: list[str] = []
        for column in columns:
            found = column[place]
            if found is None:
                cells.append("–")
            elif found.low == found.high:
                cells.append(figure(found.mean))
            else:
                cells.append(f"{figure(found.mean)} ({figure(found.low)} to {figure(found.high)})")
        rows.append((f"{first:,}" if first == last else f"{first:,}–{last:,}", cells))
    return rows


def _band_edges(points: Sequence[Point], band: Sequence[Point]) -> list[tuple[Point, Point]]:
    """Lower and upper edge by step, smoothed as the line is."""
    wide = {point.step: point.value for point in drawable(band)}
    within = [point for point in drawable(points) if point.step in wide]
    window = window_of(len(within))
    floor = 0.0 if min((point.value for point in within), default=0.0) >= 0 else -math.inf
    low = moving_mean([Point(step, max(floor, value - wide[step])) for step, value in within], window)
    high = moving_mean([Point(step, value + wide[step]) for step, value in within], window)
    return list(zip(evenly(low, _MOST_PARTS), evenly(high, _MOST_PARTS), strict=True))


def _scale(lines: Sequence[Line], edges: Sequence[tuple[Point, Point]], top: float | None) -> _Scale:
    points = [point for line in lines for point in drawable(line.points)]
    steps = [point.step for line in lines for point in line.points] or [0]
    first, last = min(steps), max(steps)
    first = 0 if 0 < first <= last / 10 else first
    last = max(last, first + 1)
    if top is not None:
        return _Scale(first, last, 0.0, top, top / 4)
    values = [point.value for point in points] + [edge.value for pair in edges for edge in pair]
    low, high = min(values, default=0.0), max(values, default=1.0)
    if low < high / 2 or low == high:
        low, high = min(low, 0.0), max(high, 0.0)
    return _Scale(first, last, *_rounded(low, high))


def _rounded(low: float, high: float) -> tuple[float, float, float]:
    """Low, high and step of a scale with at most five grid lines at round numbers; a hair may stand out above it."""
    least = max(abs(low), abs(high)) * _FINEST
    wide = max(high - low, least) if least > _SMALLEST else 1.0
    raw = wide / 4
    power = 10.0 ** math.floor(math.log10(raw))
    step = next((power * n for n in (1, 2, 5, 10) if power * n >= raw * 0.99), power * 10)
    bottom = math.floor(low / step + 0.01)
    above = max(math.ceil(high / step - 0.01), bottom + 1)
    return bottom * step, above * step, step


def _grid(scale: _Scale) -> Markup:
    """Level lines with their values, and steps below."""
    drawn = Markup("")
    for place in range(round((scale.high - scale.low) / scale.step) + 1):
        value = scale.low + place * scale.step
        y = _TOP + _PLOT * (1 - scale.up(value))
        drawn += Markup(
            '<line class="grid-line" x1="{0}%" x2="100%" y1="{1:.1f}" y2="{1:.1f}"/>'
            '<text class="axis end" x="{2}%" y="{3:.1f}">{4}</text>'
        ).format(_LEFT, y, _LEFT - 1.5, y + 4, _tick(value, scale))
    for step in _step_ticks(scale):
        side = "end" if scale.across(step) > 0.97 else "mid"
        drawn += Markup('<text class="axis {}" x="{}" y="{}">{:,}</text>').format(
            side, _place(scale, step), _TOP + _PLOT + 16, step
        )
    return drawn


def _tick(value: float, scale: _Scale) -> str:
    """With as many digits as the scale's step has; very small and very large scales in powers of ten."""
    if not _SMALL <= max(abs(scale.low), abs(scale.high)) < _LARGE:
        return figure(0.0 if abs(value) < scale.step / 2 else value)
    digits = max(0, -math.floor(math.log10(scale.step) + 1e-9))
    digits += round(scale.step * 10**digits, 6) % 1 > 0  # a quarter needs one digit more than a fifth
    return f"{round(value, digits) + 0.0:,.{digits}f}".replace("-", "\u2212")


def _step_ticks(scale: _Scale) -> list[int]:
    """Round steps within the scale, at most six, and none where steps are too few for that but the ends."""
    wide = scale.last - scale.first
    power = 10 ** max(0, math.floor(math.log10(wide / _MOST_LABELS)))
    step = next(power * n for n in (1, 2, 5, 10) if power * n * _MOST_LABELS >= wide)
    return list(range(-(-scale.first // step) * step, scale.last + 1, step))


def _inner(scale: _Scale, lines: Sequence[Line], edges: Sequence[tuple[Point, Point]], smooth: bool) -> Markup:
    """Band, pale values and lines, in thousandths of the plot's width and height."""
    drawn = Markup("")
    if edges:
        around = [*(low for low, _ in edges), *(high for _, high in reversed(edges))]
        drawn += Markup('<path class="band" d="{}z"/>').format(_path(scale, around))
    windows = [window_of(len(drawable(line.points))) if smooth else 1 for line in lines]
    for look, (line, window) in enumerate(zip(lines, windows, strict=True), start=1):
        if window > 1:
            drawn += _paths(scale, [extremes(part, most) for part, most in _shares(line.points)], f"pale line-{look}")
    for look, (line, window) in enumerate(zip(lines, windows, strict=True), start=1):
        means = [evenly(moving_mean(part, window), 1 + most) for part, most in _shares(line.points)]
        drawn += _paths(scale, means, f"line line-{look}")
    return Markup(
        '<svg x="{}%" y="{}" width="{}%" height="{}" viewBox="0 0 1000 1000" preserveAspectRatio="none">{}</svg>'
    ).format(_LEFT, _TOP, 100 - _LEFT, _PLOT, drawn)


def _shares(points: Sequence[Point]) -> list[tuple[list[Point], int]]:
    """Runs without a gap, each with its share of the parts that a line is thinned to."""
    parts = runs(points)
    total = sum(map(len, parts))
    return [(part, max(1, round(_MOST_PARTS * len(part) / total))) for part in parts]


def _paths(scale: _Scale, parts: Sequence[Sequence[Point]], look: str) -> Markup:
    return Markup("").join(Markup('<path class="{}" d="{}"/>').format(look, _path(scale, part)) for part in parts)


def _dots(scale: _Scale, points: Sequence[Point], look: int) -> Markup:
    """A point that stands alone has no line to lie on."""
    alone = [part[0] for part in runs(points) if len(part) == 1][:_MOST_PARTS]
    return Markup("").join(
        Markup('<circle class="dot-{}" cx="{}" cy="{:.1f}" r="3"/>').format(
            look, _place(scale, step), _TOP + _PLOT * (1 - scale.up(value))
        )
        for step, value in alone
    )


def _path(scale: _Scale, points: Sequence[Point]) -> str:
    places = (f"{1000 * scale.across(step):.0f} {1000 * (1 - scale.up(value)):.0f}" for step, value in points)
    return "M" + "L".join(places)


def _marks(scale: _Scale, marks: Sequence[Mark]) -> Markup:
    return Markup("").join(
        Markup(
            '<g class="mark"><title>step {0:,}: {1}</title><line x1="{2}" x2="{2}" y1="{3}" y2="{4}"/>'
            '<circle cx="{2}" cy="{3}" r="4"/></g>'
        ).format(mark.step, mark.label, _place(scale, mark.step), _TOP, _TOP + _PLOT)
        for mark in marks[:_MOST_MARKS]
    )


def _place(scale: _Scale, step: int) -> str:
    return f"{_LEFT + (100 - _LEFT) * scale.across(step):.2f}%"


def _legend(lines: Sequence[Line]) -> Markup:
    items = Markup("").join(
        Markup(
            '<li><svg class="stroke" aria-hidden="true"><line class="line line-{}" x2="26" y1="6" y2="6"/></svg>'
            "<span>{}</span></li>"
        ).format(look, line.label)
        for look, line in enumerate(lines, start=1)
    )
    return Markup('<ul class="legend small">{}</ul>').format(items)
