"""Tables whose cells are shaded by their number: the number itself stays to be read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from markupsafe import Markup

from .page import render_part

_STEPS = 5


class HeatCell(NamedTuple):
    """`look` is a class of the style, empty for no shade."""

    text: str
    look: str = ""


class HeatRow(NamedTuple):
    label: str
    cells: Sequence[HeatCell]


def heat_table(label: str, corner: str, columns: Sequence[str], rows: Sequence[HeatRow]) -> Markup:
    """A table in a region of its own that scrolls sideways where it is wider than the page."""
    return render_part("heat_table.html", label=label, corner=corner, columns=columns, rows=rows)


def shade(value: float | None, hue: Literal["agree", "differ"] = "agree") -> str:
    """The class for a share: five even steps of 0 to 1; none for 0 and for what is undefined."""
    if value is None or not value > 0:
        return ""
    return f"{hue}-{min(_STEPS, math.ceil(_STEPS * value - 1e-9))}"
