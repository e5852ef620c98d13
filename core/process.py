"""How far the reasoning between the think tags agrees with the answer after it: an optional factor of the reward.

The paper's reward looks at the answer alone; its failure case (App. I.3) merges a cluster into a broader one while
"reflecting" and goes on using both. Reconsidering is allowed: the last count counts, and of the groups those that the
reasoning comes back to last. Silence earns nothing. What is measured is consistency, not insight: a model that reasons
badly and answers accordingly agrees with itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from .answer import Answer
from .statements import Statement, last_count, read_statements


class Process(NamedTuple):
    """How the reasoning agrees with the answer; each in [0, 1].

    count: 1 where the number of clusters that is stated last is the answer's, else 0.
    placed: share of the items that are in some group of those stated last.
    overlap: share that is in more than one of them.
    agreement: mean over items of the Jaccard index of its stated group and its cluster in the answer; 0 for an item in
        no stated group or in several.
    value: mean of count and agreement.
    """

    count: float  # pyright: ignore[reportIncompatibleMethodOverride]
    placed: float
    overlap: float
    agreement: float
    value: float


class _Stated(NamedTuple):
    """The groups stated last; all are bit masks of items."""

    groups: Mapping[str, int]
    placed: int
    overlap: int


def read_process(reasoning: str, answer: Answer) -> Process:
    """Compare a reasoning with the answer it led to. Whatever the text is, it gets a value."""
    n = answer.size
    stated = _stated_last(read_statements(reasoning, n), (2 << n) - 2)
    count = float(last_count(reasoning) == len(answer.clusters))
    agreement = _agreement(stated, answer) / n
    return Process(
        count, stated.placed.bit_count() / n, stated.overlap.bit_count() / n, agreement, (count + agreement) / 2
    )


def _stated_last(statements: Sequence[Statement], everything: int) -> _Stated:
    """Read from the end until every item is placed, then on through the clauses right before, which are one list.

    A group listed again and an item placed again leave what was said of them before.
    """
    groups: dict[str, int] = {}
    listed: set[str] = set()
    placed = overlap = moved = mentioned = 0
    after = -1
    for group, items, listing, place in reversed(statements):
        if mentioned == everything and (after - place > 1 or group in groups):
            break
        after, mentioned = place, mentioned | items
        claimed = 0 if group in listed else items & ~moved
        if listing:
            listed.add(group)
        else:
            moved |= items
        overlap |= placed & claimed
        placed |= claimed
        groups[group] = groups.get(group, 0) | claimed
    return _Stated(groups, placed, overlap)


def _agreement(stated: _Stated, answer: Answer) -> float:
    clusters = [sum(1 << item for item in cluster) for cluster in answer.clusters]
    total = 0.0
    for group in stated.groups.values():
        alone = group & ~stated.overlap
        for cluster in clusters if alone else ():
            if here := (alone & cluster).bit_count():
                total += here * (group & cluster).bit_count() / (group | cluster).bit_count()
    return total
