"""Histograms as inline SVG: a column for each range, the number of things on it, in the style of `charts.py`."""

from __future__ import annotations

from markupsafe import Markup

from .benchmark_summary import Histogram
from .charts import drawing
from .page import count

_TOP = 18
_PLOT = 96
_LABELS = 20
_MOST_COUNTED = 6
"""Columns up to which each has its number above it; with more only the highest does."""


def histogram(title: str, shown: Histogram) -> Markup:
    """Columns from the first range to the last; the first and the last range are written below, all are in words."""
    highest = max(shown.counts, default=0) or 1
    base, columns = _TOP + _PLOT, len(shown.counts)
    drawn = Markup('<line class="grid-line" x1="0" x2="100%" y1="{0}" y2="{0}"/>').format(base)
    numbered = {shown.counts.index(highest)} if highest in shown.counts else set()
    if columns <= _MOST_COUNTED:
        numbered = set(range(columns))
    for place, number in enumerate(shown.counts):
        drawn += _column(place, columns, number, highest, written=place in numbered and number > 0)
    drawn += _ends(shown.labels, base + 15)
    words = ((label, count(number)) for label, number in zip(shown.labels, shown.counts, strict=True) if number)
    return drawing("histogram", title, words, drawn, height=base + _LABELS)


def _column(place: int, columns: int, number: int, highest: int, written: bool) -> Markup:
    width = 100 / columns
    tall = max(1.5, number / highest * _PLOT) if number else 0.0
    left, top = place * width, _TOP + _PLOT - tall
    shape = Markup('<rect class="kept" x="{:.2f}%" y="{:.1f}" width="{:.2f}%" height="{:.1f}"/>').format(
        left + 0.06 * width, top, 0.88 * width, tall
    )
    if not written:
        return shape
    middle = left + width / 2
    side, at = ("start", left) if middle < 8 else ("end", left + width) if middle > 92 else ("mid", middle)
    return shape + Markup('<text class="axis {}" x="{:.2f}%" y="{:.1f}">{}</text>').format(
        side, at, top - 4, count(number)
    )


def _ends(labels: tuple[str, ...], y: int) -> Markup:
    if not labels:
        return Markup("")
    first = Markup('<text class="axis" x="0" y="{}">{}</text>').format(y, labels[0])
    if len(labels) == 1:
        return first
    return first + Markup('<text class="axis end" x="100%" y="{}">{}</text>').format(y, labels[-1])
