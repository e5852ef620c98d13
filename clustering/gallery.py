"""Which texts of a clustered corpus are shown: a bounded choice in one pass, typical and borderline ones marked.

The map has about 2,000 points: of each cluster its share, but some of the smallest too. A few hundred can be read.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..core.clustering import AssignedText, ClusteringResult
from ..corpora.subset import Documents
from ..reports.benchmark_summary import Histogram
from ..reports.charts import shortened
from ..reports.clustering_view import ClusteringView, Neighbours, Role, ShownText
from .layout import Points, TextVectors, on_a_plane, reduced

_MOST = 2000
_FLOOR = 12
"""Texts of a small cluster on the map, where it has them."""
_LISTED = 400
_TYPICAL, _TYPICAL_EACH = 320, 10
_BORDERLINE = 100
_NONE_FITS, _UNANSWERED = 60, 40
_SURE = 0.9
"""Confidence from which no text is borderline."""
_UNSURE = 0.7
"""Confidence below which a text counts for the clusters that it lies between."""
_SAME = 0.9
"""Likeness from which two texts are not both typical."""
_PAIRS = 12
_READ = 2000
"""Characters of a text that decide its place."""
_EXCERPT, _GLIMPSE = 1200, 160
"""Characters of a text to read, and of one that is only a point."""
_FETCHED = 64

Key = tuple[bool, str | None]
"""(answered, cluster): a cluster's texts, those that fit none, those without an answer."""


class _Marked(NamedTuple):
    """What the vectors tell: roles by place among the drawn, and the other cluster that each borderline one is near."""

    roles: list[Role]
    seconds: list[str | None]


def view(
    result: ClusteringResult,
    rows: Iterable[AssignedText],
    documents: Documents,
    seed: int = 0,
    *,
    vectors: TextVectors,
    map_says: str,
) -> ClusteringView:
    """What the page shows of a result: `rows` are read once, and of `documents` only the texts that are shown.

    `vectors` turns texts into rows of numbers, `map_says` tells what they are made of. Where no text has a confidence,
    borderline are those whose vectors are more like another cluster's than their own.
    """
    passed = _Pass(result, seed)
    for row in rows:
        passed.take(row)
    drawn = passed.drawn()
    texts = _texts(documents, drawn)
    points = reduced(vectors(texts), seed) if texts else np.zeros((0, 1))
    marked = _marked(drawn, points, None if not any(passed.tenths) else passed.lowest_rows())
    listed = _listed(drawn, marked.roles)
    flat = on_a_plane(points, seed)
    shown = tuple(
        ShownText(
            document_id=row.document_id,
            text=shortened(text, _EXCERPT if place in listed else _GLIMPSE),
            cluster=row.cluster,
            decided=row.decided,
            confidence=row.confidence,
            second=row.second or marked.seconds[place],
            x=float(flat[place, 0]),
            y=float(flat[place, 1]),
            role=marked.roles[place],
            listed=place in listed,
        )
        for place, (row, text) in enumerate(zip(drawn, texts, strict=True))
    )
    return ClusteringView(
        result,
        shown,
        map_says,
        _borderline_says(passed),
        passed.histogram(),
        _neighbours(passed.between or _between(drawn, marked)),
    )


class _Pass:
    """One pass over all rows: a reservoir for each cluster, the least sure rows, counts; bounded by the clusters."""

    def __init__(self, result: ClusteringResult, seed: int) -> None:
        sizes: dict[Key, int] = {(True, cluster.name): cluster.texts for cluster in result.clusters}
        sizes |= {(True, None): result.none_fits, (False, None): result.unanswered}
        self._rooms = _rooms(sizes)
        self._draws = random.Random(seed)
        self._seen: Counter[Key] = Counter()
        self._reservoirs: dict[Key, list[AssignedText]] = defaultdict(list)
        self._lowest: list[tuple[float, int, AssignedText]] = []
        self.tenths = [0] * 10
        self.between: Counter[tuple[str, str]] = Counter()

    def take(self, row: AssignedText) -> None:
        key = (row.decided != "unanswered", row.cluster)
        here, room = self._reservoirs[key], self._rooms.get(key, _FLOOR)
        self._seen[key] += 1
        if len(here) < room:
            here.append(row)
        elif (place := self._draws.randrange(self._seen[key])) < room:
            here[place] = row
        if row.confidence is not None:
            self._take_confidence(row, row.confidence)

    def _take_confidence(self, row: AssignedText, confidence: float) -> None:
        self.tenths[min(9, max(0, int(confidence * 10 + 1e-6)))] += 1
        if confidence < _UNSURE and row.cluster is not None and row.second is not None:
            self.between[_pair(row.cluster, row.second)] += 1
        if confidence < _SURE and row.cluster is not None:
            heapq.heappush(self._lowest, (-confidence, -row.row, row))
            if len(self._lowest) > _BORDERLINE:
                heapq.heappop(self._lowest)

    def lowest_rows(self) -> list[int]:
        """Row numbers of the least sure texts, least sure first; at most a tenth of all, or ten."""
        most = max(10, self._seen.total() // 10)
        return [-row for _, row, _ in sorted(self._lowest, reverse=True)][:most]

    def drawn(self) -> list[AssignedText]:
        """All that are shown, in the corpus' order."""
        found = {row.row: row for rows in self._reservoirs.values() for row in rows}
        found |= {row.row: row for _, _, row in self._lowest}
        return [found[row] for row in sorted(found)]

    def histogram(self) -> Histogram | None:
        if not any(self.tenths):
            return None
        labels = tuple(f"{n / 10:.1f}–{(n + 1) / 10:.1f}" for n in range(10))
        return Histogram(labels=labels, counts=tuple(self.tenths))


def _rooms(sizes: Mapping[Key, int]) -> dict[Key, int]:
    """Points on the map for each cluster: a few for every one, the rest by size; all of them where there is room."""
    total = sum(sizes.values())
    if total <= _MOST:
        return dict(sizes)
    floor = min(_FLOOR, max(1, _MOST // (2 * len(sizes))))
    first = {key: min(size, floor) for key, size in sizes.items()}
    rest, more = _MOST - sum(first.values()), total - sum(first.values())
    return {key: first[key] + max(0, rest) * (size - first[key]) // max(1, more) for key, size in sizes.items()}


def _texts(documents: Documents, drawn: Sequence[AssignedText]) -> list[str]:
    """The beginnings of the texts; a few are held whole at once."""
    found: list[str] = []
    for start in range(0, len(drawn), _FETCHED):
        wanted = [row.row for row in drawn[start : start + _FETCHED]]
        found += [one.text[:_READ].strip() for one in documents.rows(wanted, meta=False)]
    return found


def _marked(drawn: Sequence[AssignedText], points: Points, lowest: Sequence[int] | None) -> _Marked:
    """`lowest` are the row numbers of the least sure texts; None where no text has a confidence."""
    roles: list[Role] = ["drawn"] * len(drawn)
    seconds: list[str | None] = [None] * len(drawn)
    names = sorted({row.cluster for row in drawn if row.cluster is not None})
    if not names:
        return _Marked(roles, seconds)
    number = {name: n for n, name in enumerate(names)}
    members = [np.flatnonzero([row.cluster == name for row in drawn]) for name in names]
    alike = points @ np.stack([_centre(points[rows]) for rows in members]).T
    each = min(_TYPICAL_EACH, max(1, _TYPICAL // len(names)))
    for n, rows in enumerate(members):
        ordered = rows[np.argsort(-alike[rows, n], kind="stable")]
        for place in _different(points, [p for p in ordered.tolist() if _is_sure(drawn[p])], each):
            roles[place] = "typical"
    if lowest is not None:
        unsure = set(lowest)
        for place, row in enumerate(drawn):
            roles[place] = "borderline" if row.row in unsure else roles[place]
    elif len(names) > 1:
        for place, other in _strays(drawn, alike, number):
            roles[place], seconds[place] = "borderline", names[other]
    return _Marked(roles, seconds)


def _is_sure(row: AssignedText) -> bool:
    return row.confidence is None or row.confidence >= _UNSURE


def _different(points: Points, ordered: Sequence[int], most: int) -> list[int]:
    """The first of the places that are not nearly the same as an earlier one."""
    taken: list[int] = []
    for place in ordered:
        if len(taken) == most:
            break
        if not taken or float((points[taken] @ points[place]).max()) < _SAME:
            taken.append(place)
    return taken


def _centre(points: Points) -> Points:
    middle = points.mean(axis=0)
    length = float(np.linalg.norm(middle))
    return middle / length if length > 1e-9 else middle


def _strays(drawn: Sequence[AssignedText], alike: Points, number: Mapping[str, int]) -> list[tuple[int, int]]:
    """(place, other cluster) of texts that are more like another cluster, the most so first."""
    found: list[tuple[float, int, int]] = []
    for place, row in enumerate(drawn):
        if row.cluster is None:
            continue
        own, others = number[row.cluster], alike[place].copy()
        others[own] = -np.inf
        other = int(others.argmax())
        if (ahead := float(others[other] - alike[place, own])) > 1e-9:
            found.append((-ahead, place, other))
    most = min(_BORDERLINE, max(10, len(drawn) // 10))
    return [(place, other) for _, place, other in sorted(found)[:most]]


def _listed(drawn: Sequence[AssignedText], roles: Sequence[Role]) -> set[int]:
    """Places of the texts to read: the marked ones, some that fit nowhere or have no answer, and others by chance."""
    if len(drawn) <= _LISTED:
        return set(range(len(drawn)))
    chosen = {place for place, role in enumerate(roles) if role != "drawn"}
    unanswered = [place for place, row in enumerate(drawn) if row.decided == "unanswered"]
    nowhere = [place for place, row in enumerate(drawn) if row.cluster is None and row.decided != "unanswered"]
    chosen |= {*_spread(nowhere, _NONE_FITS), *_spread(unanswered, _UNANSWERED)}
    rest = [place for place, row in enumerate(drawn) if place not in chosen and row.cluster is not None]
    return chosen | set(_spread(rest, max(0, _LISTED - len(chosen))))


def _spread(places: Sequence[int], most: int) -> list[int]:
    """At most so many of them, evenly."""
    if len(places) <= most:
        return list(places)
    return [places[n * len(places) // most] for n in range(most)]


def _pair(first: str, second: str) -> tuple[str, str]:
    return (first, second) if first < second else (second, first)


def _between(drawn: Sequence[AssignedText], marked: _Marked) -> Counter[tuple[str, str]]:
    return Counter(
        _pair(row.cluster, second)
        for row, second in zip(drawn, marked.seconds, strict=True)
        if row.cluster is not None and second is not None
    )


def _neighbours(between: Counter[tuple[str, str]]) -> tuple[Neighbours, ...]:
    ordered = sorted(between.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Neighbours(first, second, texts) for (first, second), texts in ordered[:_PAIRS])


def _borderline_says(passed: _Pass) -> str:
    if any(passed.tenths):
        return f"Borderline are the texts with the lowest confidence, of those below {_SURE}."
    return (
        "Nothing measured how sure a choice was, so borderline are those of the shown texts that lie nearer to"
        " another cluster's centre than to their own's."
    )
