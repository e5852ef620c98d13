"""Position bias: does a labeler prefer clusters for the place they are listed at?

Each document is shown the clusters in one of a few rotations, chosen by the document's hash. A labeler that reads the
list fairly votes for position p as often as the clusters shown there deserve by its own overall votes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple


class PositionBias(NamedTuple):
    """Shares of a labeler's votes by list position (0-based), observed and expected of a fair reader.

    `bias` is half the summed absolute difference: 0 is none, 1 is total; `None` with no votes.
    """

    labeler: str
    observed: tuple[float, ...]
    expected: tuple[float, ...]
    bias: float | None


def position_bias(labeler: str, orders: list[tuple[str, ...]], votes: Iterable[tuple[int, str]]) -> PositionBias:
    """`orders[i]` is the i-th list as shown; a vote is (order, cluster). Votes for no cluster are not passed in."""
    by_order: Counter[int] = Counter()
    by_cluster: Counter[str] = Counter()
    by_position: Counter[int] = Counter()
    places = [{name: place for place, name in enumerate(order)} for order in orders]
    for order, cluster in votes:
        by_order[order] += 1
        by_cluster[cluster] += 1
        by_position[places[order][cluster]] += 1
    total = by_order.total()
    positions = range(len(orders[0]))
    observed = tuple(by_position[p] / max(1, total) for p in positions)
    expected = tuple(
        sum(count * by_cluster[orders[order][p]] for order, count in by_order.items()) / max(1, total) ** 2
        for p in positions
    )
    bias = sum(abs(o - e) for o, e in zip(observed, expected, strict=True)) / 2 if total else None
    return PositionBias(labeler, observed, expected, bias)
