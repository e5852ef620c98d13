"""What the leaderboard's page says of an entry: its badges, its figures with what is not finite left out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from ..core.agreement import Interval
from ..core.evaluation import EVALUATED, EntryInfo, EntryKind, Leaderboard, Standing
from .page import count, decimal, plural

KIND_WORDS: dict[EntryKind, str] = {
    "model": "model",
    "constrained": "constrained model",
    "baseline": "baseline",
    "oracle": "oracle",
}
LOOKS: dict[EntryKind, int] = {"model": 1, "constrained": 2, "baseline": 3, "oracle": 4}
"""Shapes of `scatter.py`."""

_BADGES: dict[EntryKind, str] = {"constrained": "constrained", "baseline": "baseline", "oracle": "oracle"}
_BELOW_ALL = -1e9
_UNDEFINED = Interval(None, None, None)


class RankingRow(NamedTuple):
    """A row of the ranking; `measures` are macro, the splits in the order of EVALUATED, valid, ARI, AMI."""

    rank: int
    kind: EntryKind
    info: EntryInfo
    badges: tuple[str, ...]
    weighted: Interval
    measures: tuple[Interval, ...]
    k_right: float | None
    k_error: float | None
    tokens: float | None


def finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def sure(interval: Interval | None) -> Interval:
    """The interval without what is not finite; its ends are known together or not at all."""
    if interval is None or finite(interval.value) is None:
        return _UNDEFINED
    if finite(interval.low) is None or finite(interval.high) is None:
        return Interval(interval.value, None, None)
    return interval


def order(value: float | None) -> float:
    """What a column is sorted by: undefined comes below everything."""
    known = finite(value)
    return _BELOW_ALL if known is None else known


def number(value: float | None, digits: int = 2) -> str:
    """A figure that is no share; a dash where it is undefined or not finite."""
    return decimal(finite(value), digits)


def whole(value: float | None) -> str:
    known = finite(value)
    return "–" if known is None else count(round(known))


def told_k(info: EntryInfo) -> bool:
    """Whether the entry was told how many clusters there are."""
    return info.settings.get("k") == "gold"


def badges(info: EntryInfo) -> tuple[str, ...]:
    """What makes the entry's task another one than a model's, and what it lacks."""
    told = [_BADGES[info.kind]] if info.kind in _BADGES else []
    if told_k(info):
        told.append("told gold K")
    if info.unanswered:
        told.append(f"{count(len(info.unanswered))} unanswered")
    if info.texts_left_out:
        told.append(f"{plural(info.texts_left_out, 'text')} left out")
    return tuple(told)


def ranking(standings: Sequence[Standing]) -> list[RankingRow]:
    return [
        RankingRow(
            rank=rank,
            kind=row.info.kind,
            info=row.info,
            badges=badges(row.info),
            weighted=sure(row.weighted),
            measures=(
                sure(row.macro),
                *(sure(row.splits.get(split)) for split in EVALUATED),
                *map(sure, (row.valid, row.ari, row.ami)),
            ),
            k_right=finite(row.k_right),
            k_error=finite(row.k_error),
            tokens=finite(row.completion_tokens),
        )
        for rank, row in enumerate(standings, start=1)
    ]


def best_of_kinds(standings: Sequence[Standing]) -> list[tuple[str, Standing]]:
    """The best entry of each kind that there is, in the order of the kinds."""
    found: list[tuple[str, Standing]] = []
    for kind, words in KIND_WORDS.items():
        best = next((row for row in standings if row.info.kind == kind), None)
        if best is not None:
            found.append((words, best))
    return found


def cells_of(board: Leaderboard) -> list[tuple[str, str]]:
    """(domain, split) of all cells that some entry has, domains by name, splits in the order of every table."""
    found = {(cell.domain, cell.split) for row in board.standings for cell in row.cells}
    order = {split: place for place, split in enumerate(EVALUATED)}
    return sorted(found, key=lambda cell: (cell[0], order.get(cell[1], len(order)), cell[1]))


def probability(value: float | None) -> str:
    """A p-value; what is below 0.001 is only called that."""
    known = finite(value)
    if known is None:
        return "–"
    return "<0.001" if known < 0.001 else decimal(known, 3)
