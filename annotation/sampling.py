"""Which labelled documents people look at: a random slice for estimates, the rest where their word is worth most.

One pass over the labels, in memory that depends on the sample's size alone. Every choice goes by a hash of seed and
document, so that the same labels in other files, or in another order, give the same sample.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import Collection, Iterable
from typing import NamedTuple

from ..core.agreement import Agreement
from ..core.human import Slice
from ..core.labels import LabelRow
from ..core.settings import ReviewSettings
from ..core.taxonomy import NONE_FITS

_CONFLICTS = 2 / 3
"""Share of the places chosen for value that conflicts take while kept documents of weak clusters could fill the rest:
a conflict is out of the task whatever people say, a wrong label that both labelers agree on is in it."""


class Chosen(NamedTuple):
    """A document to show, and why."""

    row: LabelRow
    slice: Slice


def weak_clusters(agreement: Agreement, share: float = 0.25) -> tuple[str, ...]:
    """The quarter of the clusters (`share`) on which the labelers agree least, weakest first, at least one.

    Clusters with no document on which they agree are not among them, and none on which they always agree.
    """
    used = [cluster for cluster in agreement.clusters if cluster.both and cluster.cluster != NONE_FITS]
    doubtful = sorted((c.agreement or 0.0, c.cluster) for c in used if c.both < c.either)
    return tuple(name for _, name in doubtful[: max(1, round(share * len(used)))])


def choose_documents(
    rows: Iterable[LabelRow], weak: Collection[str], review: ReviewSettings, seed: int
) -> list[Chosen]:
    """A sample of the answered documents, `review.sample` at most, in an order that tells nothing of the slices.

    `review.random_share` of it, more where there are few others, is drawn from all of them with equal chances. How
    many does not depend on the draw, so its figures are estimates without bias. The other places go to documents that
    no person has labelled yet: conflicts, then kept documents of `weak` clusters, then those that both labelers found
    to fit nowhere, spread over the pairs that are confused and the clusters. No document is in two slices.
    """
    left = review.sample - round(review.random_share * review.sample)
    drawn = _Random(review.sample, seed)
    value = _Value(weak, left, seed)
    for row in rows:
        if row.consensus.outcome != "unanswered":
            passed = drawn.offer(row)
            value.count(row)
            if passed is not None:
                value.offer(passed)
    left = min(left, value.eligible)
    random_rows = drawn.rows()
    for row in random_rows[review.sample - left :]:
        value.offer(row)
    chosen = [Chosen(row, "random") for row in random_rows[: review.sample - left]] + value.chosen(left)
    return sorted(chosen, key=lambda one: _hash(seed, "order", one.row.key))


class _Value:
    """Documents that no person has labelled yet and on which a person's word is worth most."""

    def __init__(self, weak: Collection[str], places: int, seed: int) -> None:
        self.eligible = 0
        self._weak = weak
        self._conflicts, self._doubtful, self._homeless = (_Spread(places, seed) for _ in range(3))

    def count(self, row: LabelRow) -> None:
        self.eligible += self._pool(row) is not None

    def offer(self, row: LabelRow) -> None:
        if (found := self._pool(row)) is not None:
            pool, group = found
            pool.offer(group, row)

    def chosen(self, left: int) -> list[Chosen]:
        """At most `left`: conflicts, then kept documents of weak clusters, then those that fit nowhere."""
        first = max(round(_CONFLICTS * left), left - len(self._doubtful))
        split = [Chosen(row, "conflict") for row in self._conflicts.rows(first)]
        unsure = [Chosen(row, "weak") for row in self._doubtful.rows(left - len(split))]
        rest = left - len(split) - len(unsure)
        return [*split, *unsure, *(Chosen(row, "conflict") for row in self._homeless.rows(rest))]

    def _pool(self, row: LabelRow) -> tuple[_Spread, str] | None:
        if row.human is not None:
            return None
        if row.consensus.outcome == "conflict":
            return self._conflicts, _pair(row)
        if row.consensus.outcome == "none_fits":
            return self._homeless, NONE_FITS
        cluster = str(row.consensus.cluster)
        return (self._doubtful, cluster) if cluster in self._weak else None


class _Random:
    """The rows with the lowest hashes, a simple random sample; what falls out of it is passed on."""

    def __init__(self, places: int, seed: int) -> None:
        self._places = places
        self._seed = seed
        self._heap: list[tuple[int, int, LabelRow]] = []

    def offer(self, row: LabelRow) -> LabelRow | None:
        """Take a row; returns the one that has no place any more, which may be this one."""
        item = (-_hash(self._seed, "random", row.key), row.key, row)
        if len(self._heap) < self._places:
            heapq.heappush(self._heap, item)
            return None
        return heapq.heappushpop(self._heap, item)[2]

    def rows(self) -> list[LabelRow]:
        """In the order of their hashes, so that any first part is a simple random sample too."""
        return [row for _, _, row in sorted(self._heap, key=lambda item: (-item[0], item[1]))]


class _Spread:
    """Rows taken in turns from their groups, at random within a group: no group fills the places while others wait.

    A row's turn is its place within its group. More rows can only put it later, so the latest ones may be dropped
    at any time, and at most twice as many as there are places are held.
    """

    def __init__(self, places: int, seed: int) -> None:
        self._places = places
        self._seed = seed
        self._held: list[tuple[str, int, LabelRow]] = []

    def __len__(self) -> int:
        return min(len(self._held), self._places)

    def offer(self, group: str, row: LabelRow) -> None:
        self._held.append((group, _hash(self._seed, "value", row.key), row))
        if len(self._held) > 2 * self._places:
            self._held = self._in_turns()[: self._places]

    def rows(self, count: int) -> list[LabelRow]:
        return [row for _, _, row in self._in_turns()[:count]]

    def _in_turns(self) -> list[tuple[str, int, LabelRow]]:
        turns: Counter[str] = Counter()
        placed: list[tuple[int, int, tuple[str, int, LabelRow]]] = []
        for item in sorted(self._held, key=lambda held: (held[0], held[1], held[2].key)):
            placed.append((turns[item[0]], _hash(self._seed, item[0], 0), item))
            turns[item[0]] += 1
        return [item for _, _, item in sorted(placed, key=lambda place: place[:2])]


def _pair(row: LabelRow) -> str:
    """The pair of clusters that a conflict is about, whoever voted for which."""
    return "\n".join(sorted(str(vote.cluster) for vote in row.consensus.votes))


def _hash(seed: int, purpose: str, key: int) -> int:
    content = f"{seed}\n{purpose}\n{key}".encode()
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big")
