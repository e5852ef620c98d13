"""Points with error bars on two scales, as inline SVG in the style of `charts.py`: scatters, and lines over bins.

Points are numbered, and a list below says who is who: names of any length fit, and numbers that would lie on each other
are moved apart. Shapes differ as well as colours.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from ..core.agreement import Interval
from .charts import drawing

_TOP, _BELOW = 12, 40
_LEFT, _RIGHT = 9.0, 95.0
"""Percent of the width between which the plot lies; the rest is for numbers."""
_LINE = 13
"""Pixels that a number needs from the next one above it."""
_NEAR = 7.0
"""Percent of the width that a number needs on a narrow screen."""
_MOST_LETTERS = 30
"""In the ticks of a small picture; more stand in two lines by turns."""
_SMALL = 0.65
"""Of the shapes' size where no number belongs to them."""
_SHAPES = {
    1: "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0z",
    2: "M0-6.5L6 4.5H-6z",
    3: "M-4.5-4.5h9v9h-9z",
    4: "M0-6.5L6.5 0L0 6.5L-6.5 0z",
}
"""Circle, triangle, square, diamond."""
LOOKS = tuple(_SHAPES)


class Axis(NamedTuple):
    """A scale from `low` to `high`; a logarithmic one lies above 0. `ticks` are values with what is written there."""

    title: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    log: bool = False

    def share(self, value: float) -> float:
        """Where a value lies, 0 to 1; what lies outside stands at the edge."""
        low, high, at = self.low, self.high, min(self.high, max(self.low, value))
        if self.log:
            low, high, at = math.log(low), math.log(high), math.log(at)
        return (at - low) / (high - low)


class Spot(NamedTuple):
    """A point: `look` is one of LOOKS, `text` its values in words. Without a value on both scales it is only listed."""

    label: str
    x: Interval
    y: Interval
    look: int
    text: str


class _Place(NamedTuple):
    """Percent of the width, pixels from the top."""

    x: float
    y: float


def share_axis(title: str, step: float = 0.25) -> Axis:
    """0 to 1, written times 100."""
    ticks = tuple((n * step, f"{100 * n * step:.0f}") for n in range(round(1 / step) + 1))
    return Axis(title, 0.0, 1.0, ticks)


def bins_axis(title: str, labels: Sequence[str]) -> Axis:
    """Bins side by side: the first at 0, the next at 1."""
    return Axis(title, -0.5, max(0.5, len(labels) - 0.5), tuple((float(n), label) for n, label in enumerate(labels)))


def log_axis(title: str, values: Sequence[float]) -> Axis:
    """Wide enough for the values, which are above 0, with a tick at each 1, 2 and 5 times a power of ten."""
    low, high = min(values, default=1.0) / 1.6, max(values, default=10.0) * 1.6
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if len(powers) <= 4 else (1,)
    ticks = tuple((n * 10.0**power, f"{n * 10.0**power:g}") for power in powers for n in steps)
    return Axis(title, low, high, tuple(tick for tick in ticks if low <= tick[0] <= high), log=True)


def scatter(
    title: str,
    spots: Sequence[Spot],
    across: Axis,
    up: Axis,
    *,
    numbered: bool = True,
    joined: bool = False,
    tall: int = 260,
) -> Markup:
    """The points with whiskers where intervals are known, a number at each; `joined` by a line in their order."""
    places = [_place(spot, across, up, tall) for spot in spots]
    drawn = _grid(across, up, tall)
    if joined:
        drawn += _joined(places)
    for spot, place in zip(spots, places, strict=True):
        if place is not None:
            drawn += _whiskers(spot, place, across, up, tall)
    labels = _apart(places, tall) if numbered else {}
    for number, (spot, place) in enumerate(zip(spots, places, strict=True)):
        if place is not None:
            drawn += _spot(spot, place, number + 1 if numbered else 0, labels.get(number, place.y))
    words = ((spot.label, spot.text) for spot in spots)
    return drawing("scatter", title, words, drawn, height=_TOP + tall + _BELOW + 14 * (_turns(across) - 1))


def spot_list(spots: Sequence[Spot]) -> Markup:
    """Who the numbers are."""
    items = Markup("").join(
        Markup('<li>{} <b class="numeral">{}</b> <bdi>{}</bdi>{}</li>').format(
            shape(spot.look), number, spot.label, "" if _drawable(spot) else " (not drawn: a value is undefined)"
        )
        for number, spot in enumerate(spots, start=1)
    )
    return Markup('<ol class="legend small who">{}</ol>').format(items)


def shape(look: int) -> Markup:
    """A look's shape for a legend."""
    return Markup(
        '<svg class="swatch" viewBox="-7 -7 14 14" aria-hidden="true"><path class="spot look-{}" d="{}"/></svg>'
    ).format(look, _SHAPES[look])


def _drawable(spot: Spot) -> bool:
    return spot.x.value is not None and spot.y.value is not None


def _x(value: float, across: Axis) -> float:
    return _LEFT + (_RIGHT - _LEFT) * across.share(value)


def _y(value: float, up: Axis, tall: int) -> float:
    return _TOP + tall * (1 - up.share(value))


def _place(spot: Spot, across: Axis, up: Axis, tall: int) -> _Place | None:
    if spot.x.value is None or spot.y.value is None:
        return None
    return _Place(_x(spot.x.value, across), _y(spot.y.value, up, tall))


def _turns(across: Axis) -> int:
    """Lines that the ticks below need."""
    return 1 + (len(across.ticks) * max((len(text) for _, text in across.ticks), default=0) > _MOST_LETTERS)


def _grid(across: Axis, up: Axis, tall: int) -> Markup:
    drawn, bottom, turns = Markup(""), _TOP + tall, _turns(across)
    for value, text in up.ticks:
        y = _y(value, up, tall)
        drawn += Markup(
            '<line class="grid-line" x1="{0}%" x2="100%" y1="{1:.1f}" y2="{1:.1f}"/>'
            '<text class="axis end" x="{2}%" y="{3:.1f}">{4}</text>'
        ).format(_LEFT, y, _LEFT - 1.5, y + 4, text)
    for number, (value, text) in enumerate(across.ticks):
        drawn += Markup(
            '<line class="grid-line" x1="{0:.2f}%" x2="{0:.2f}%" y1="{1}" y2="{2}"/>'
            '<text class="axis mid" x="{0:.2f}%" y="{3}">{4}</text>'
        ).format(_x(value, across), bottom, bottom + 4, bottom + 17 + 14 * (number % turns), text)
    return drawn + Markup('<text class="axis end" x="100%" y="{}">{}</text>').format(
        bottom + 20 + 14 * turns, across.title
    )


def _joined(places: Sequence[_Place | None]) -> Markup:
    drawn = Markup("")
    for first, second in itertools.pairwise(places):
        if first is not None and second is not None:
            drawn += _line("joined", first, second)
    return drawn


def _whiskers(spot: Spot, place: _Place, across: Axis, up: Axis, tall: int) -> Markup:
    drawn = Markup("")
    if spot.x.low is not None and spot.x.high is not None:
        ends = [_Place(_x(end, across), place.y) for end in (spot.x.low, spot.x.high)]
        drawn += _line(f"bar look-{spot.look}", *ends)
    if spot.y.low is not None and spot.y.high is not None:
        ends = [_Place(place.x, _y(end, up, tall)) for end in (spot.y.low, spot.y.high)]
        drawn += _line(f"bar look-{spot.look}", *ends)
    return drawn


def _line(look: str, first: _Place, second: _Place) -> Markup:
    return Markup('<line class="{}" x1="{:.2f}%" x2="{:.2f}%" y1="{:.1f}" y2="{:.1f}"/>').format(
        look, first.x, second.x, first.y, second.y
    )


def _spot(spot: Spot, place: _Place, number: int, label_y: float) -> Markup:
    """The shape in a picture of its own, since a path has no percentages; the number beside it."""
    text = Markup("")
    if number:
        away = label_y - place.y
        if abs(away) > _LINE / 2:
            text = Markup('<path class="leader" d="M5 0L12 {:.1f}"/>').format(away)
        text += Markup('<text class="axis number" x="{}" y="{:.1f}">{}</text>').format(
            13 if text else 9, away + 4, number
        )
    return Markup(
        '<svg x="{:.2f}%" y="{:.1f}"><title>{}: {}</title>'
        '<path class="spot look-{}" d="{}" transform="scale({})"/>{}</svg>'
    ).format(place.x, place.y, spot.label, spot.text, spot.look, _SHAPES[spot.look], 1 if number else _SMALL, text)


def _apart(places: Sequence[_Place | None], tall: int) -> dict[int, float]:
    """Pixels from the top of each point's number: its own, or the nearest where no other number is."""
    taken: list[_Place] = []
    found: dict[int, float] = {}
    order = sorted((place.y, place.x, n) for n, place in enumerate(places) if place is not None)
    for y, x, n in order:
        near = [other.y for other in taken if abs(other.x - x) < _NEAR]
        tried = sorted([y, *(other + away for other in near for away in (-_LINE, _LINE))], key=lambda at: abs(at - y))
        inside = [at for at in tried if _TOP <= at <= _TOP + tall]
        free = [at for at in inside if all(abs(at - other) >= _LINE - 1e-6 for other in near)]
        found[n] = free[0] if free else y
        taken.append(_Place(x, found[n]))
    return found
