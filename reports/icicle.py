"""An icicle: bands one under the other, each slice below the one it came out of, as inline SVG in percentages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from .charts import Tone, drawing, shortened
from .page import count

_BAND = 34
_GAP = 4
_LETTERS = 130
"""Letters that fit across the whole width of a page."""
_FEWEST_LETTERS = 6


class Slice(NamedTuple):
    """`start` and `share` are parts of the whole width, 0 to 1; a slice without a label is not written on."""

    label: str
    number: int
    start: float
    share: float
    tone: Tone
    written: bool = False


def icicle(title: str, bands: Sequence[Sequence[Slice]]) -> Markup:
    """Bands from top to bottom; empty slices are left out, every other says itself in a tooltip and in words."""
    drawn = Markup("").join(
        _drawn(slice_, level * (_BAND + _GAP)) for level, band in enumerate(bands) for slice_ in band if slice_.number
    )
    words = [(slice_.label, count(slice_.number)) for band in bands for slice_ in band if slice_.number]
    return drawing("icicle", title, words, drawn, height=len(bands) * (_BAND + _GAP) - _GAP)


def _drawn(slice_: Slice, y: int) -> Markup:
    letters = int(slice_.share * _LETTERS)
    text = Markup("")
    if slice_.written and letters >= _FEWEST_LETTERS:
        text = Markup('<text x="6" y="22">{}</text>').format(shortened(slice_.label, letters))
    return Markup(
        '<svg class="slice" x="{:.3f}%" y="{}" width="{:.3f}%" height="{}">'
        '<title>{}: {}</title><rect class="{}" width="100%" height="100%"/>{}</svg>'
    ).format(100 * slice_.start, y, 100 * slice_.share, _BAND, slice_.label, count(slice_.number), slice_.tone, text)
