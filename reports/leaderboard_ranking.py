"""The leaderboard's first tab: entries ranked by V with intervals, cells, the best against each other one."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from ..core.agreement import Interval
from ..core.evaluation import EVALUATED, Comparison, Leaderboard, Standing
from ..core.paper_tables import PaperRow
from .charts import Estimate, intervals, whisker
from .heat_table import HeatCell, HeatRow, heat_table, shade
from .leaderboard_grid import paper_tables
from .leaderboard_rows import KIND_WORDS, cells_of, number, order, probability, ranking, sure, whole
from .page import points, points_text, render_part


def ranking_section(board: Leaderboard, reference: Sequence[PaperRow]) -> Markup:
    """The tab with the tables: all entries, domains and splits, the best against each other, the paper's own."""
    rows = ranking(board.standings)
    kinds = {kind: words for kind, words in KIND_WORDS.items() if any(row.kind == kind for row in rows)}
    return render_part(
        "leaderboard_ranking.html",
        board=board,
        rows=[(row, whisker(row.weighted)) for row in rows],
        kinds=kinds,
        splits=EVALUATED,
        pictures=_pictures(board.standings),
        cells=_cells(board),
        compared=[(one, whisker(sure(one.difference), start=-1.0)) for one in board.comparisons],
        by_cell=_difference_table(board.comparisons),
        reference=_reference(reference),
        number=number,
        order=order,
        whole=whole,
        probability=probability,
        sure=sure,
    )


def _pictures(standings: Sequence[Standing]) -> list[tuple[str, Markup]]:
    """V of all entries: over everything, and in each split."""
    if not standings:
        return []
    drawn = [("All examples", [Estimate(row.info.name, sure(row.weighted)) for row in standings])]
    for split in EVALUATED:
        if any(split in row.splits for row in standings):
            title = f"{split.upper()}, mean over domains"
            drawn.append((title, [Estimate(row.info.name, sure(row.splits.get(split))) for row in standings]))
    return [(title, intervals(f"V: {title}", rows, hundred=True)) for title, rows in drawn]


def _cells(board: Leaderboard) -> Markup | None:
    cells = cells_of(board)
    if not cells:
        return None
    rows = []
    for row in board.standings:
        known = {(cell.domain, cell.split): sure(cell.v).value for cell in row.cells}
        shown = [HeatCell(points(known.get(cell)), shade(known.get(cell))) for cell in cells]
        rows.append(HeatRow(row.info.name, shown))
    columns = [f"{domain} {split.upper()}" for domain, split in cells]
    return heat_table("V by domain and split", "Entry", columns, rows)


def _difference_table(comparisons: Sequence[Comparison]) -> Markup | None:
    """The best entry minus each other one in every cell; a shade says who is ahead, as the sign does."""
    cells = list(dict.fromkeys((cell.domain, cell.split) for one in comparisons for cell in one.cells))
    if not cells:
        return None
    rows = []
    for one in comparisons:
        known = {(cell.domain, cell.split): sure(cell.difference) for cell in one.cells}
        rows.append(HeatRow(one.second, [_difference_cell(known.get(cell)) for cell in cells]))
    columns = [f"{domain} {split.upper()}" for domain, split in cells]
    return heat_table("Differences by domain and split", "Against", columns, rows)


def _difference_cell(difference: Interval | None) -> HeatCell:
    if difference is None or not difference.value:
        return HeatCell("–" if difference is None else points_text(difference))
    return HeatCell(points_text(difference), "agree-1" if difference.value > 0 else "differ-1")


def _reference(rows: Sequence[PaperRow]) -> list[tuple[str, Markup]]:
    """The paper's tables by name, as printed."""
    tables: list[tuple[str, Markup]] = []
    for table, own in paper_tables(rows):
        cells = list(dict.fromkeys((cell.domain, cell.split) for row in own for cell in row.cells))
        splits = list(dict.fromkeys(split for row in own for split in row.averages))
        columns = ["overall", *(f"mean {split.upper()}" for split in splits)]
        columns += [f"{domain} {split.upper()}" for domain, split in cells]
        shown = [HeatRow(f"{row.model} ({row.group})", _printed(row, splits, cells)) for row in own]
        tables.append((table, heat_table(f"{table} of the paper", "Model", columns, shown)))
    return tables


def _printed(row: PaperRow, splits: Sequence[str], cells: Sequence[tuple[str, str]]) -> list[HeatCell]:
    known = {(cell.domain, cell.split): cell.v for cell in row.cells}
    values = [row.overall, *(row.averages.get(split) for split in splits), *(known.get(cell) for cell in cells)]
    return [HeatCell(number(value)) for value in values]
