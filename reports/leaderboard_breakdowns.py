"""The leaderboard's tab on where entries are good: V along properties of the examples, by model size, K predicted."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from ..core.agreement import Interval
from ..core.evaluation import Axis, Bin, Breakdown, Leaderboard, Standing
from ..core.training_runs import PaperFigure
from .charts import lean
from .heat_table import HeatCell, HeatRow, heat_table, shade
from .leaderboard_recipes import COLUMNS as RECIPE_COLUMNS
from .leaderboard_recipes import HEADING as RECIPES_HEADING
from .leaderboard_recipes import NOTE as RECIPES_NOTE
from .leaderboard_recipes import recipe_rows
from .leaderboard_rows import KIND_WORDS, LOOKS, finite, number, order, sure
from .page import count, points, points_text, render_part
from .scatter import Spot, bins_axis, log_axis, scatter, shape, share_axis, spot_list

_PICTURED: dict[Axis, tuple[str, str]] = {
    "texts": ("Number of texts", "texts"),
    "clusters": ("Number of gold clusters", "gold clusters"),
    "tokens": ("Length of the prompt", "tokens"),
}
_TALL = 130


def breakdowns_section(board: Leaderboard, recipes: Sequence[PaperFigure] = ()) -> Markup:
    """Small multiples of each axis, one an entry; instructions; scaling (paper Fig. 6); bias of K; recipes."""
    sized = [row for row in board.standings if (row.info.parameters or 0.0) > 0 and finite(row.info.parameters)]
    most = max((abs(finite(row.k_bias) or 0.0) for row in board.standings), default=0.0) or 1.0
    kinds = {row.info.kind for row in sized}
    return render_part(
        "leaderboard_breakdowns.html",
        axes=[drawn for axis in _PICTURED if (drawn := _axis(board, axis))],
        tasks=_table([one for one in board.breakdowns if one.axis == "task"], "Instruction", "V by instruction"),
        scaling=_scaling(sized),
        shapes=[(shape(LOOKS[kind]), words) for kind, words in KIND_WORDS.items() if kind in kinds],
        recipes=_recipes(board, recipes),
        recipes_heading=RECIPES_HEADING,
        recipes_note=RECIPES_NOTE,
        biases=[(row, lean((finite(row.k_bias) or 0.0) / most)) for row in board.standings],
        number=number,
        order=order,
    )


def _recipes(board: Leaderboard, printed: Sequence[PaperFigure]) -> Markup | None:
    rows = [
        HeatRow(f"{row.recipe}: {row.whose}", [HeatCell(points(value), shade(value)) for value in row.values])
        for row in recipe_rows(board, printed)
    ]
    return heat_table(RECIPES_HEADING, "Recipe", RECIPE_COLUMNS, rows) if rows else None


def _axis(board: Leaderboard, axis: Axis) -> dict[str, object] | None:
    """Title, a picture for each entry, a table; None where nothing was broken down along the axis."""
    found = [one for one in board.breakdowns if one.axis == axis and one.bins]
    if not found:
        return None
    title, unit = _PICTURED[axis]
    looks = {row.info.name: LOOKS[row.info.kind] for row in board.standings}
    pictures = [(one.entry, _picture(one, title, unit, looks.get(one.entry, 1))) for one in found]
    return {"title": title, "pictures": pictures, "table": _table(found, title, f"V by {title.lower()}")}


def _picture(one: Breakdown, title: str, unit: str, look: int) -> Markup:
    spots = [
        Spot(part.label, Interval(float(place), None, None), sure(part.v), look, _bin_words(part))
        for place, part in enumerate(one.bins)
    ]
    across = bins_axis(unit, [part.label for part in one.bins])
    name = f"{title}: V of {one.entry}"
    return scatter(name, spots, across, share_axis("V", 0.5), numbered=False, joined=True, tall=_TALL)


def _bin_words(part: Bin) -> str:
    return f"V {points_text(sure(part.v))}, {count(part.examples)} examples"


def _table(found: Sequence[Breakdown], corner: str, label: str) -> Markup | None:
    """Bins by entry: V, and how many examples each bin has."""
    if not found:
        return None
    labels = [part.label for part in max(found, key=lambda one: len(one.bins)).bins]
    known = [{part.label: part for part in one.bins} for one in found]
    rows = [HeatRow(name, [_cell(parts.get(name)) for parts in known]) for name in labels]
    return heat_table(label, corner, [one.entry for one in found], rows)


def _cell(part: Bin | None) -> HeatCell:
    value = sure(part.v).value if part else None
    if part is None or value is None:
        return HeatCell("–")
    return HeatCell(f"{points(value)} ({count(part.examples)})", shade(value))


def _scaling(sized: Sequence[Standing]) -> Markup | None:
    """V against the logarithm of the number of parameters."""
    if not sized:
        return None
    spots = [
        Spot(
            row.info.name,
            Interval(row.info.parameters, None, None),
            sure(row.weighted),
            LOOKS[row.info.kind],
            f"V {points_text(sure(row.weighted))} with {number(row.info.parameters)} billion parameters",
        )
        for row in sized
    ]
    across = log_axis("parameters, billions", [row.info.parameters or 1.0 for row in sized])
    return scatter("V by model size", spots, across, share_axis("V"), tall=280) + spot_list(spots)
