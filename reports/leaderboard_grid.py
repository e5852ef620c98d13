"""Entries by domain and split, the layout of the paper's Table 1: own ones and those that the paper prints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..core.evaluation import EVALUATED, Leaderboard, Standing
from ..core.paper_tables import PaperRow
from .leaderboard_rows import KIND_WORDS, cells_of, finite, sure


class GridRow(NamedTuple):
    """A row of a table by domain and split; `values` in [0, 1], a column each; `best` may be marked as the best."""

    group: str
    name: str
    mark: str
    values: tuple[float | None, ...]
    best: bool


class Grid(NamedTuple):
    """Domains x splits, then the mean of each split, then the mean of all (the paper's AVG and OVERALL)."""

    domains: tuple[str, ...]
    splits: tuple[str, ...]
    rows: tuple[GridRow, ...]


def own_grid(board: Leaderboard) -> Grid:
    """All entries by kind, best first in each; a dagger marks those that miss answers."""
    cells = cells_of(board)
    domains = tuple(dict.fromkeys(domain for domain, _ in cells))
    present = {split for _, split in cells}
    splits = tuple(split for split in EVALUATED if split in present)
    rows = [_own_row(row, domains, splits) for row in board.standings]
    kinds = list(KIND_WORDS.values())
    return Grid(domains, splits, tuple(sorted(rows, key=lambda row: kinds.index(row.group))))


def _own_row(row: Standing, domains: Sequence[str], splits: Sequence[str]) -> GridRow:
    known = {(cell.domain, cell.split): sure(cell.v).value for cell in row.cells}
    values = [known.get((domain, split)) for domain in domains for split in splits]
    values += [sure(row.splits.get(split)).value for split in splits] + [sure(row.weighted).value]
    mark = "†" if row.info.unanswered else ""
    return GridRow(KIND_WORDS[row.info.kind], plain(row.info.name), mark, tuple(values), row.info.kind != "oracle")


def paper_tables(reference: Sequence[PaperRow]) -> Iterator[tuple[str, list[PaperRow]]]:
    """Each table that there are rows of, by its name."""
    for table in sorted({row.table for row in reference}):
        yield f"Table {table}", [row for row in reference if row.table == table]


def paper_grid(rows: Sequence[PaperRow]) -> Grid:
    """Rows of one table."""
    domains = tuple(dict.fromkeys(cell.domain for cell in rows[0].cells))
    return Grid(domains, EVALUATED, tuple(GridRow(row.group, row.model, "", _printed(row), False) for row in rows))


def _printed(row: PaperRow) -> tuple[float, ...]:
    return tuple(v / 100 for v in (*(cell.v for cell in row.cells), *row.averages.values(), row.overall))


def percent(value: float | None) -> str:
    """0.48311 -> 48.31, as the paper writes V; a dash where it is undefined."""
    known = finite(value)
    return "–" if known is None else f"{100 * known:.2f}"


def plain(text: str) -> str:
    """On one line, without what a terminal would obey."""
    return "".join(mark if mark.isprintable() else "?" for mark in " ".join(text.split()))
