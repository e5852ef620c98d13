"""The heat map of two labelers' confusion, as inline SVG that is drawn sparsely: empty cells cost nothing.

Up to 31 labels every cell shows its count and every row its name; up to 80 rows keep their names; beyond that only
shades and running numbers remain, and the page's list of confused pairs tells the names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from .charts import shortened
from .page import count

STEPS = (0.05, 0.15, 0.35, 0.65, 1.0)
"""Upper bounds of the shades, as shares of a row."""

_HEAD = 20
_NAME = 25
_LISTED = 5


class _Layout(NamedTuple):
    """Sizes in pixels; `every` is how many labels lie between two that are numbered."""

    cell: float
    gap: float
    font: int
    names: bool
    counts: bool
    every: int


def heat_map(title: str, labels: Sequence[str], matrix: Sequence[Sequence[int]]) -> Markup:
    """Rows are the first labeler's votes, columns the second's; a shade is a cell's share of its row.

    The diagonal, where they agree, has a colour of its own. Labels are numbered from 1 in the order given.
    """
    layout = _layout(len(labels))
    left = _left(layout, labels)
    side = layout.cell * len(labels)
    ground = Markup('<rect class="heat-ground" x="{}" y="{}" width="{:g}" height="{:g}"/>')
    drawn = ground.format(left, _HEAD, side, side) + _heads(layout, left, labels)
    for row, counts in enumerate(matrix):
        total = sum(counts)
        for column, number in enumerate(counts):
            if number:
                drawn += _cell(layout, left, labels, (row, column), number, number / total)
    return Markup(
        '<svg class="chart heat heat-{0}" role="img" aria-label="{1}. {2}" width="{3:g}" height="{4:g}"'
        ' viewBox="0 0 {3:g} {4:g}"><title>{1}</title><desc>{2}</desc>{5}</svg>'
    ).format(
        "roomy" if layout.cell >= 30 else "dense",
        title,
        _described(labels, matrix),
        left + side + 1,
        _HEAD + side + 1,
        drawn,
    )


def _layout(labels: int) -> _Layout:
    if labels <= 8:
        return _Layout(44, 2, 13, True, True, 1)
    if labels <= 16:
        return _Layout(34, 2, 12, True, True, 1)
    if labels <= 31:
        return _Layout(26, 1, 11, True, True, 1)
    if labels <= 80:
        return _Layout(min(11, round(800 / labels, 1)), 0.5, 9, True, False, 5)
    return _Layout(max(3, round(860 / labels, 1)), 0, 10, False, False, 10 if labels <= 200 else 50)


def _left(layout: _Layout, labels: Sequence[str]) -> int:
    """Room for the rows' names and numbers, generous: which font the reader has is not known."""
    longest = max((len(shortened(label, _NAME)) for label in labels), default=0) if layout.names else 0
    return 14 + round((longest + 4) * min(layout.font, 12) * 0.6)


def _cell(
    layout: _Layout, left: int, labels: Sequence[str], place: tuple[int, int], number: int, share: float
) -> Markup:
    row, column = place
    x, y = left + column * layout.cell, _HEAD + row * layout.cell
    shade = next(step for step, bound in enumerate(STEPS, start=1) if share <= bound + 1e-9)
    look = f"{'agree' if row == column else 'differ'}-{shade}"
    side = layout.cell - layout.gap
    box = Markup('<rect class="{}" x="{:g}" y="{:g}" width="{:g}" height="{:g}"/>').format(look, x, y, side, side)
    if layout.counts:
        box += Markup('<text class="on-{} mid" x="{:g}" y="{:g}" font-size="{}">{}</text>').format(
            look, x + side / 2, y + side / 2 + layout.font * 0.36, layout.font, _compact(number)
        )
    told = f"A: {labels[row]} · B: {labels[column]}: {count(number)}"
    return Markup("<g>{}<title>{}</title></g>").format(box, told)


def _heads(layout: _Layout, left: int, labels: Sequence[str]) -> Markup:
    drawn = Markup("")
    size = min(layout.font, 12)
    for index, label in enumerate(labels):
        middle = (index + 0.5) * layout.cell
        numbered = index == 0 or (index + 1) % layout.every == 0
        if numbered:
            drawn += Markup('<text class="axis mid" x="{:g}" y="{}" font-size="{}">{}</text>').format(
                left + middle, _HEAD - 7, size, index + 1
            )
        if layout.names or numbered:
            name = f"{shortened(label, _NAME)}  {index + 1}" if layout.names else str(index + 1)
            drawn += Markup('<text class="label end" x="{}" y="{:g}" font-size="{}">{}<title>{}</title></text>').format(
                left - 6, _HEAD + middle + size * 0.36, size, name, label
            )
    return drawn


def _described(labels: Sequence[str], matrix: Sequence[Sequence[int]]) -> str:
    """What a glance at the map tells: how much lies on the diagonal and where most of the rest is."""
    total = sum(map(sum, matrix))
    agreed = sum(matrix[i][i] for i in range(len(labels)))
    split = [
        (number, row, column)
        for row, counts in enumerate(matrix)
        for column, number in enumerate(counts)
        if number and row != column
    ]
    largest = sorted(split, key=lambda cell: (-cell[0], cell[1], cell[2]))[:_LISTED]
    told = "; ".join(f"A {labels[row]}, B {labels[column]}: {count(number)}" for number, row, column in largest)
    on_diagonal = f"On the diagonal, where both agree: {count(agreed)} of {count(total)}"
    return f"{on_diagonal}. Largest disagreements: {told}" if told else f"{on_diagonal}. No disagreement"


def _compact(number: int) -> str:
    """At most four characters: 999, 1.2k, 34k, 5.6M."""
    if number < 1000:
        return str(number)
    scaled, unit = (number / 1000, "k") if number < 999_500 else (number / 1_000_000, "M")
    return f"{scaled:.1f}{unit}" if scaled < 9.95 else f"{scaled:.0f}{unit}"
