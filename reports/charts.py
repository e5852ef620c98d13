"""Charts as inline SVG: pure functions from numbers to Markup, drawn in the page's colours (`page.css`).

Bars, stacks, intervals and pairs have no view box: their lengths are percentages and their letters keep their size at
any width. Every chart says its values in words in its `<desc>`, which is also its accessible name's second half.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from markupsafe import Markup

from ..core.agreement import Interval
from .page import count, decimal, interval_text, percent, points_text

Tone = Literal["kept", "conflict", "none", "open"]
"""Colour of a part by what it means; `open` is hollow, so that no two are told apart by hue alone."""

_ROW = 40
_AXIS = 22
_TOP = 16
_PLOT = 128
_MOST_SLOTS = 16
_MOST_NUMBERED = 8
_MOST_WORDS = 160


class Bar(NamedTuple):
    """`value` None draws no bar; `text` is what is written at its end."""

    label: str
    value: float | None
    text: str
    tone: Tone = "kept"


class Part(NamedTuple):
    label: str
    number: int
    tone: Tone


class Estimate(NamedTuple):
    """`undefined` says why there is no value, where there is none."""

    label: str
    interval: Interval
    undefined: str = "undefined"


def meter(share: float | None, tone: Tone = "kept") -> Markup:
    """A thin bar beside a number that is already written: decoration, hidden from screen readers."""
    return Markup(
        '<svg class="meter" aria-hidden="true"><rect class="track" width="100%" height="6" rx="3"/>'
        '<rect class="{}" width="{}" height="6" rx="3"/></svg>'
    ).format(tone, _pc(share or 0.0))


def lean(share: float) -> Markup:
    """A bar from the middle to the right, or to the left below 0, up to 1: decoration beside a number, as a meter."""
    wide = min(1.0, abs(share)) / 2
    return Markup(
        '<svg class="meter" aria-hidden="true"><rect class="track" width="100%" height="6" rx="3"/>'
        '<rect class="{}" x="{}" width="{}" height="6"/></svg>'
    ).format("kept" if share > 0 else "conflict", _pc(0.5 - wide if share < 0 else 0.5), _pc(wide))


def bars(title: str, rows: Sequence[Bar], maximum: float | None = None) -> Markup:
    """Horizontal bars from zero to `maximum` (the largest value unless told), label and value above each."""
    longest = maximum or max((row.value or 0.0 for row in rows), default=0.0) or 1.0
    drawn = Markup("").join(
        _row_text(i * _ROW, row.label, row.text)
        + Markup('<rect class="track" y="{0}" width="100%" height="10"/>').format(i * _ROW + 22)
        + Markup('<rect class="{}" y="{}" width="{}" height="10"/>').format(
            row.tone, i * _ROW + 22, _pc((row.value or 0.0) / longest)
        )
        for i, row in enumerate(rows)
    )
    return _svg("bars", title, _said((row.label, row.text) for row in rows), drawn, height=max(1, len(rows)) * _ROW)


def stack(title: str, parts: Sequence[Part], legend: bool = True) -> Markup:
    """Parts of a whole in one bar, with a list of the counts and shares below it (or a thin bar without one)."""
    total = sum(part.number for part in parts)
    height = 22 if legend else 8
    start, drawn = 0.0, Markup("")
    for part in parts:
        share = part.number / total if total else 0.0
        if part.number:
            drawn += Markup('<rect class="{}" x="{}" width="{}" height="{}"><title>{}: {}</title></rect>').format(
                part.tone, _pc(start), _pc(share), height, part.label, count(part.number)
            )
        start += share
    if not total:
        drawn = Markup('<rect class="track" width="100%" height="{}"/>').format(height)
    words = [(part.label, _counted(part.number, total)) for part in parts]
    bar = _svg("stack", title, _said(words), drawn, height=height)
    return bar + _legend(parts, total) if legend else bar


def stacks(title: str, rows: Sequence[tuple[str, Sequence[Part]]]) -> Markup:
    """A bar for each label, all on one scale, each divided into its parts; what the tones mean stands in the legend."""
    longest = max((sum(part.number for part in parts) for _, parts in rows), default=0) or 1
    drawn = Markup("")
    for i, (label, parts) in enumerate(rows):
        y, start = i * _ROW + 22, 0.0
        drawn += _row_text(i * _ROW, label, " + ".join(count(part.number) for part in parts))
        drawn += Markup('<rect class="track" y="{}" width="100%" height="10"/>').format(y)
        for part in parts:
            share = part.number / longest
            if part.number:
                drawn += Markup('<rect class="{}" x="{}" y="{}" width="{}" height="10"/>').format(
                    part.tone, _pc(start), y, _pc(share)
                )
            start += share
    words = ((label, ", ".join(f"{part.label} {count(part.number)}" for part in parts)) for label, parts in rows)
    keys = {part.label: part.tone for _, parts in rows for part in parts}
    legend = Markup("").join(
        Markup("<li>{}<span>{}</span></li>").format(swatch(tone), label) for label, tone in keys.items()
    )
    bars_ = _svg("bars", title, _said(words), drawn, height=max(1, len(rows)) * _ROW)
    return bars_ + Markup('<ul class="legend small">{}</ul>').format(legend)


def whisker(interval: Interval, start: float = 0.0) -> Markup:
    """An interval beside numbers that are already written, on a scale of `start` to 1; hidden from screen readers."""
    zero = Markup('<line class="grid-line" x1="{0}" x2="{0}" y2="12"/>').format(_place(0.0, start)) if start else ""
    return Markup(
        '<svg class="meter whiskers" aria-hidden="true"><rect class="track" y="5" width="100%" height="2"/>{}{}</svg>'
    ).format(zero, _whisker(interval, start, 6))


def intervals(title: str, rows: Sequence[Estimate], *, hundred: bool = False) -> Markup:
    """A point with its interval as a whisker on a common scale of 0 to 1, or from below 0 where one reaches there.

    Numbers are written times 100 where `hundred` says so.
    """
    told = points_text if hundred else interval_text
    lowest = min((v for row in rows for v in row.interval if v is not None), default=0.0)
    start = min(0.0, math.floor(lowest * 4) / 4)
    height = len(rows) * _ROW
    ticks = [start + i * 0.25 for i in range(round((1 - start) * 4) + 1)]
    drawn = Markup("").join(_tick(_place(tick, start), tick, height, hundred) for tick in ticks)
    for i, row in enumerate(rows):
        text = told(row.interval, row.undefined)
        drawn += _row_text(i * _ROW, row.label, text) + _whisker(row.interval, start, i * _ROW + 26)
    words = ((row.label, told(row.interval, row.undefined)) for row in rows)
    return _svg("intervals", title, _said(words), drawn, height=height + _AXIS)


def pairs(title: str, observed: Sequence[float], expected: Sequence[float]) -> Markup:
    """Columns in pairs by position, counted from 1: solid is observed, hollow is expected of a fair reader.

    More than 16 positions are summed over ranges of equal length.
    """
    slots = _ranges(len(observed))
    values = [(sum(observed[a:b]), sum(expected[a:b])) for a, b in slots]
    labels = [str(a + 1) if b - a == 1 else f"{a + 1}–{b}" for a, b in slots]
    step, top = _scale(max((v for pair in values for v in pair), default=0.0))
    drawn = Markup("").join(_gridline(i * step, top) for i in range(round(top / step) + 1))
    for i, (label, pair) in enumerate(zip(labels, values, strict=True)):
        drawn += _pair(i, len(slots), label, pair, top)
    words = (
        (f"position {n}", f"{percent(o)} against {percent(e)} expected")
        for n, (o, e) in zip(labels, values, strict=True)
    )
    return _svg("pairs", title, _said(words), drawn, height=_TOP + _PLOT + 22)


def _scale(highest: float) -> tuple[float, float]:
    """Step between grid lines, at most four of them below the top, and the top: a whole number of steps."""
    step = next(s for s in (0.05, 0.1, 0.2, 0.25, 1.0) if 4 * s >= highest)
    return step, step * max(1, math.ceil(highest / step - 1e-9))


def _pair(slot: int, slots: int, label: str, values: tuple[float, float], top: float) -> Markup:
    width = 92.0 / slots
    left = 8 + slot * width
    shapes = Markup("")
    for start, value, look in zip((0.12, 0.52), values, ("kept", "open"), strict=True):
        tall = max(0.0, value) / top * _PLOT
        x, wide = left + start * width, 0.36 * width
        shapes += Markup('<rect class="{}" x="{:.2f}%" y="{:.1f}" width="{:.2f}%" height="{:.1f}"/>').format(
            look, x, _TOP + _PLOT - tall, wide, tall
        )
        if slots <= _MOST_NUMBERED:
            shapes += Markup('<text class="axis mid" x="{:.2f}%" y="{:.1f}">{:.0f}</text>').format(
                x + wide / 2, _TOP + _PLOT - tall - 4, 100 * value
            )
    name = Markup('<text class="axis mid" x="{:.2f}%" y="{}">{}</text>')
    return shapes + name.format(left + width / 2, _TOP + _PLOT + 16, label)


def _gridline(value: float, top: float) -> Markup:
    y = _TOP + _PLOT * (1 - value / top)
    return Markup(
        '<line class="grid-line" x1="8%" x2="100%" y1="{0:.1f}" y2="{0:.1f}"/>'
        '<text class="axis" x="0" y="{1:.1f}">{2}</text>'
    ).format(y, y + 4, percent(value))


def _ranges(positions: int) -> list[tuple[int, int]]:
    size = max(1, math.ceil(positions / _MOST_SLOTS))
    return [(start, min(start + size, positions)) for start in range(0, positions, size)]


def _whisker(interval: Interval, start: float, y: int) -> Markup:
    if interval.value is None:
        return Markup("")
    line = Markup("")
    if interval.low is not None and interval.high is not None:
        low, high = _place(interval.low, start), _place(interval.high, start)
        line = Markup('<line class="whisker" x1="{0}" x2="{1}" y1="{2}" y2="{2}"/>').format(low, high, y)
        for end in (low, high):
            line += Markup('<line class="whisker" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(end, y - 5, y + 5)
    return line + Markup('<circle class="point" cx="{}" cy="{}" r="5"/>').format(_place(interval.value, start), y)


def _tick(x: str, value: float, height: int, hundred: bool) -> Markup:
    side = "end" if value >= 1 else "start" if x == "0.00%" else "mid"
    return Markup(
        '<line class="grid-line" x1="{0}" x2="{0}" y1="0" y2="{1}"/><text class="axis {2}" x="{0}" y="{3}">{4}</text>'
    ).format(x, height, side, height + 15, decimal(100 * value, 0) if hundred else decimal(value))


def _place(value: float, start: float) -> str:
    return f"{100 * (value - start) / (1 - start):.2f}%"


def _row_text(y: int, label: str, text: str) -> Markup:
    return Markup(
        '<text class="label" x="0" y="{0}">{1}</text><text class="value end" x="100%" y="{0}">{2}</text>'
    ).format(y + 14, shortened(label, 34), text)


def _legend(parts: Sequence[Part], total: int) -> Markup:
    items = Markup("").join(
        Markup("<li>{}<span>{}</span> <strong>{}</strong></li>").format(
            swatch(p.tone), p.label, _counted(p.number, total)
        )
        for p in parts
    )
    return Markup('<ul class="legend">{}</ul>').format(items)


def swatch(look: str) -> Markup:
    """A patch of a chart's colour for a legend."""
    return Markup(
        '<svg class="swatch" aria-hidden="true"><rect class="{}" width="12" height="12" rx="2"/></svg>'
    ).format(look)


def shortened(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _counted(number: int, total: int) -> str:
    return f"{count(number)} ({percent(number / total)})" if total else count(number)


def _pc(share: float) -> str:
    return f"{100 * min(1.0, max(0.0, share)):.2f}%"


def _said(pairs_: Iterable[tuple[str, str]]) -> str:
    """Labels and values in words; a long list is cut, as a listener would."""
    said = [f"{label}: {text}" for label, text in pairs_]
    more = len(said) - _MOST_WORDS
    return "; ".join(said[:_MOST_WORDS]) + (f"; and {more} more" if more > 0 else "")


def drawing(kind: str, title: str, words: Iterable[tuple[str, str]], content: Markup, height: int) -> Markup:
    """A chart of another module's making; `words` are its labels with their values."""
    return _svg(kind, title, _said(words), content, height)


def _svg(kind: str, title: str, desc: str, content: Markup, height: int, width: str = "100%") -> Markup:
    return Markup(
        '<svg class="chart {0}" role="img" aria-label="{1}. {2}" width="{3}" height="{4}">'
        "<title>{1}</title><desc>{2}</desc>{5}</svg>"
    ).format(kind, title, desc, width, height, content)
