"""The leaderboard's tab on confusion: which gold clusters an entry puts together, as shares of pairs of texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from ..core.evaluation import Leaderboard, Mixing
from .heat_table import HeatCell, HeatRow, heat_table, shade
from .leaderboard_rows import finite
from .page import render_part

_MOST_CELLS = 60_000
"""On the page, which grows by about 30 bytes a cell."""
_LISTED = 3


class ShownMixing(NamedTuple):
    """A task's mixing on the page; `worst` are the clusters most often put together that gold keeps apart."""

    mixing: Mixing
    facets: str
    worst: tuple[tuple[str, str, float], ...]
    table: Markup


def mixings_section(board: Leaderboard) -> Markup:
    """All of them one after the other, oracles last; the script shows the chosen one."""
    oracles = {row.info.name for row in board.standings if row.info.kind == "oracle"}
    kept = _kept(sorted(board.mixings, key=lambda one: one.entry in oracles))
    entries = {name: f"e{n}" for n, name in enumerate(dict.fromkeys(one.entry for one in kept), start=1)}
    tasks = {name: f"t{n}" for n, name in enumerate(sorted({one.task for one in kept}), start=1)}
    shown = [ShownMixing(one, f"{entries[one.entry]} {tasks[one.task]}", _worst(one), _table(one)) for one in kept]
    return render_part(
        "leaderboard_mixings.html",
        shown=shown,
        entries=entries,
        tasks=tasks,
        left_out=len(board.mixings) - len(kept),
    )


def _kept(mixings: Sequence[Mixing]) -> list[Mixing]:
    """The first ones, as many as the page has room for."""
    kept: list[Mixing] = []
    cells = 0
    for one in mixings:
        cells += len(one.clusters) ** 2
        if cells > _MOST_CELLS:
            break
        kept.append(one)
    return kept


def _worst(one: Mixing) -> tuple[tuple[str, str, float], ...]:
    found = [
        (one.clusters[row], one.clusters[column], share)
        for row, shares in enumerate(one.together)
        for column, value in enumerate(shares[:row])
        if (share := finite(value))
    ]
    return tuple(sorted(found, key=lambda pair: (-pair[2], pair[:2]))[:_LISTED])


def _table(one: Mixing) -> Markup:
    numbers = [str(n) for n in range(1, len(one.clusters) + 1)]
    rows = [
        HeatRow(f"{n} {name}", [_cell(share, row == column) for column, share in enumerate(one.together[row])])
        for row, (n, name) in enumerate(zip(numbers, one.clusters, strict=True))
    ]
    return heat_table(f"{one.entry} on {one.task}", "Gold cluster", numbers, rows)


def _cell(share: float | None, same: bool) -> HeatCell:
    value = finite(share)
    if value is None:
        return HeatCell("·")
    return HeatCell(f"{100 * value:.0f}", shade(value, "agree" if same else "differ"))
