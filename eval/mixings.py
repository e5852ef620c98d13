"""How entries mix up a task's gold clusters: predicted against gold as shares of pairs of texts.

Predicted clusters have no names, so a confusion matrix would need a matching of them to gold, and one for each example.
Pairs need none: two texts were put together or not, whatever the cluster is called and however many there are.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ..core.evaluation import Mixing

MOST_CLUSTERS = 20
"""Of a task's mixing that is shown."""

Pair = tuple[str, str]


class Answered(NamedTuple):
    """A valid answer: for each text that it is about the gold cluster and the predicted one."""

    task: str
    gold: Sequence[str]
    predicted: Sequence[int]


class _Pairs:
    """Pairs of texts by their gold clusters (sorted names): how many there are, how many were put together."""

    def __init__(self) -> None:
        self.all: Counter[Pair] = Counter()
        self.together: Counter[Pair] = Counter()

    def add(self, answered: Answered) -> None:
        _count(self.all, Counter(answered.gold))
        by_cluster: defaultdict[int, Counter[str]] = defaultdict(Counter)
        for gold, predicted in zip(answered.gold, answered.predicted, strict=True):
            by_cluster[predicted][gold] += 1
        for sizes in by_cluster.values():
            _count(self.together, sizes)

    def share(self, first: str, second: str) -> float | None:
        pair = (min(first, second), max(first, second))
        return self.together[pair] / self.all[pair] if self.all[pair] else None


def mixings(answered: Mapping[str, Iterable[Answered]], most: int = MOST_CLUSTERS) -> tuple[Mixing, ...]:
    """The mixing of each entry (in the mapping's order) and task (by name) with a valid answer; answers are streamed.

    A task has the same clusters for all entries, sorted by name. Of more than `most` those stay that were most often
    put together with others, all entries' pairs summed.
    """
    counted = {entry: _by_task(answers) for entry, answers in answered.items()}
    clusters = {
        task: _clusters([tasks[task] for tasks in counted.values() if task in tasks], most)
        for task in sorted({task for tasks in counted.values() for task in tasks})
    }
    return tuple(
        _mixing(entry, task, clusters[task], pairs)
        for entry, tasks in counted.items()
        for task, pairs in sorted(tasks.items(), key=lambda item: item[0])
    )


def _by_task(answers: Iterable[Answered]) -> dict[str, _Pairs]:
    tasks: defaultdict[str, _Pairs] = defaultdict(_Pairs)
    for answered in answers:
        tasks[answered.task].add(answered)
    return dict(tasks)


def _count(pairs: Counter[Pair], sizes: Mapping[str, int]) -> None:
    """Add the pairs of texts within a group that has `sizes` texts of each gold cluster."""
    for name, size in sizes.items():
        pairs[name, name] += size * (size - 1) // 2
    for first, second in itertools.combinations(sorted(sizes), 2):
        pairs[first, second] += sizes[first] * sizes[second]


def _clusters(entries: Sequence[_Pairs], most: int) -> tuple[tuple[str, ...], int]:
    """The clusters of a task that are shown, and how many are not."""
    mixed: Counter[str] = Counter()
    for pairs in entries:
        for first, second in pairs.all:
            together = pairs.together[first, second] if first != second else 0
            mixed[first] += together
            mixed[second] += together
    kept = sorted(mixed, key=lambda name: (-mixed[name], name))[:most]
    return tuple(sorted(kept)), len(mixed) - len(kept)


def _mixing(entry: str, task: str, clusters: tuple[tuple[str, ...], int], pairs: _Pairs) -> Mixing:
    names, left_out = clusters
    return Mixing(
        entry=entry,
        task=task,
        clusters=names,
        together=tuple(tuple(pairs.share(first, second) for second in names) for first in names),
        pairs=sum(number for pair, number in pairs.all.items() if set(pair) <= set(names)),
        left_out=left_out,
    )
