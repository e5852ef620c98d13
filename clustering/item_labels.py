"""Items and the labels they get: lists of items to labels and back, gaps closed, items that read the same joined."""

from __future__ import annotations

from collections.abc import Sequence


def distinct_texts(texts: Sequence[str]) -> tuple[list[str], list[int]]:
    """Texts that differ in more than white space, and for each text its place among them."""
    seen: dict[str, int] = {}
    distinct: list[str] = []
    places: list[int] = []
    for text in texts:
        place = seen.setdefault(" ".join(text.split()), len(distinct))
        if place == len(distinct):
            distinct.append(text)
        places.append(place)
    return distinct, places


def standing_in(clusters: Sequence[Sequence[int]], n: int) -> list[list[int]]:
    """For each text the 0-based clusters that list it."""
    standing: list[list[int]] = [[] for _ in range(n)]
    for cluster, items in enumerate(clusters):
        for item in items:
            standing[item - 1].append(cluster)
    return standing


def without_gaps(labels: Sequence[int]) -> list[int]:
    """Labels that count only clusters with texts, in their order; -1 stays."""
    numbers = {label: number for number, label in enumerate(sorted(set(labels) - {-1}))}
    return [numbers.get(label, -1) for label in labels]


def as_clusters(labels: Sequence[int]) -> list[list[int]]:
    """1-based items of each cluster; labels have no gaps, and -1 is in none."""
    clusters: list[list[int]] = [[] for _ in range(max(labels) + 1)]
    for item, label in enumerate(labels, start=1):
        if label >= 0:
            clusters[label].append(item)
    return clusters
