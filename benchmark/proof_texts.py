"""Checks that look at texts: none that is trained on, nor one like it, is tested on or lies in the other pool."""

from __future__ import annotations

from array import array
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .evidence import Evidence, TextSource
from .files import TRAINING, Benchmark, ExampleRecord, Pool, Split
from .tally import Tally, quoted
from .usage import Place, Usage

_UNSEEN: tuple[Split, ...] = ("c1", "c2")
_POOL_OF: dict[Split, Pool] = {"train": "train", "distill": "train", "c0": "train", "c1": "eval", "c2": "eval"}
_POOL_WORDS: dict[Pool, str] = {"train": "training", "eval": "evaluation"}
_BITS: dict[Pool, int] = {"train": 1, "eval": 2}


class Likeness:
    """Which texts are the same or alike: `contents` and `groups` number them, both (texts,).

    Texts of one content are equal after normalising; those of one group are near-duplicates. `groups` is None when
    the benchmark does not look for any.
    """

    def __init__(self, texts: TextSource, contents: NDArray[np.int32], groups: NDArray[np.int32] | None) -> None:
        self.texts = texts
        self.contents = contents
        self.groups = groups

    def apart(
        self,
        names: tuple[str, str, str],
        says: tuple[str, str, str],
        first: NDArray[np.bool_],
        second: NDArray[np.bool_],
        told: Callable[[int, int], str],
    ) -> list[Tally]:
        """Checks that two sets of texts share none by number, by content and by likeness; each leak under one of them.

        `told` puts a text of the first set and one of the second into words.
        """
        tallies = [Tally(name, said, int(second.sum())) for name, said in zip(names, says, strict=True)]
        numbers = np.arange(len(self.texts), dtype=np.int32)
        left = second
        for tally, classes in zip(tallies, (numbers, self.contents, self.groups), strict=True):
            if classes is None:
                return tallies[:2]
            partner = np.full(len(self.texts), -1, dtype=np.int32)
            mine = np.flatnonzero(first)[::-1]
            partner[classes[mine]] = mine
            shared = left & (partner[classes] >= 0)
            for text in np.flatnonzero(shared).tolist():
                tally.leak(lambda text=text, classes=classes, partner=partner: told(int(partner[classes[text]]), text))
            left = left & ~shared
        return tallies


def unseen_texts(alike: Likeness, usage: Usage) -> list[Tally]:
    """Nothing that train and distill use is in C1 or C2."""

    def told(first: int, second: int) -> str:
        trained, tested = usage.place(TRAINING, first), usage.place(_UNSEEN, second)
        if first == second:
            return f"{quoted(alike.texts, first)} is in {trained} and in {tested}"
        return f"{quoted(alike.texts, first)} of {trained} is like {quoted(alike.texts, second)} of {tested}"

    names = ("training-texts", "training-contents", "near-duplicates")
    says = (
        "No text of C1 or C2 is in a training example.",
        "No text of C1 or C2 has the words of one in a training example.",
        "No text of C1 or C2 is a near-duplicate of one in a training example.",
    )
    return alike.apart(names, says, usage.used(TRAINING), usage.used(_UNSEEN), told)


class Pools:
    """Which text lies in which pool and, task by task, in which cluster: a byte a text, and 6 a text and task."""

    def __init__(self, benchmark: Benchmark, evidence: Evidence) -> None:
        self._bits = np.zeros(len(evidence.texts), dtype=np.uint8)
        self._labels: dict[str, tuple[NDArray[np.int32], NDArray[np.int16]]] = {}
        self._codes: dict[tuple[str, str], int] = {}
        self.rows = Tally("pools", "Every row of the pools is a text and a cluster of its task, once in a task.")
        self.labels = Tally("labels", "Every label of an example is its text's cluster in the pools of the task.")
        self._read(benchmark, evidence)

    def apart(self, alike: Likeness) -> list[Tally]:
        """Over all tasks, nothing is in both pools."""

        def told(first: int, second: int) -> str:
            if first == second:
                return f"{quoted(alike.texts, first)} is in the training pool and in the evaluation pool"
            return (
                f"{quoted(alike.texts, first)} of the training pool is like {quoted(alike.texts, second)} of the"
                " evaluation pool"
            )

        names = ("pool-texts", "pool-contents", "pool-near-duplicates")
        says = (
            "No text of a task's evaluation pool is in the training pool of any task.",
            "No text of the evaluation pool has the words of one in the training pool.",
            "No text of the evaluation pool is a near-duplicate of one in the training pool.",
        )
        return alike.apart(names, says, self._inside("train"), self._inside("eval"), told)

    def drawn(self, texts: TextSource, usage: Usage) -> Tally:
        """Each split takes its texts from its pool."""
        says = "Training and C0 take texts of the training pool alone, C1 and C2 of the evaluation pool."
        tally = Tally("split-pools", says)
        for split, pool in _POOL_OF.items():
            used = usage.used([split])
            tally.looked_at += int(used.sum())
            for text in np.flatnonzero(used & ~self._inside(pool)).tolist():
                place = usage.place([split], text)
                tally.leak(
                    lambda text=text, place=place, pool=pool: (
                        f"{quoted(texts, text)} of {place} is not in the {_POOL_WORDS[pool]} pool"
                    )
                )
        return tally

    def see(self, texts: TextSource, place: Place, record: ExampleRecord) -> None:
        """One example's labels against the pools."""
        self.labels.looked_at += len(record.texts)
        members, codes = self._labels.get(record.task, (np.empty(0, np.int32), np.empty(0, np.int16)))
        asked = np.array(record.texts, dtype=np.int32)
        at = np.minimum(np.searchsorted(members, asked), max(0, members.size - 1))
        there = members[at] == asked if members.size else np.zeros(asked.size, dtype=bool)
        said = np.array([self._codes.get((record.task, label), -1) for label in record.labels])
        wrong = ~there | (codes[at] != said) if members.size else ~there
        for position in np.flatnonzero(wrong).tolist():
            text, label = record.texts[position], record.labels[position]
            self.labels.leak(
                lambda text=text, label=label: (
                    f"{quoted(texts, text)} has the label {label!r} in {place}, and not in the task's pools"
                )
            )

    def _inside(self, pool: Pool) -> NDArray[np.bool_]:
        return (self._bits & _BITS[pool]) != 0

    def _read(self, benchmark: Benchmark, evidence: Evidence) -> None:
        clusters = {task.id: task.clusters for task in evidence.tasks}
        columns: dict[str, tuple[array[int], array[int]]] = {task: (array("i"), array("h")) for task in clusters}
        for row in benchmark.pools():
            self.rows.looked_at += 1
            if not 0 <= row.text < self._bits.size or row.cluster not in clusters.get(row.task, frozenset()):
                self.rows.leak(
                    lambda row=row: f"text {row.text} in cluster {row.cluster!r} of task {row.task!r} does not exist"
                )
                continue
            self._bits[row.text] |= _BITS[row.pool]
            members, codes = columns[row.task]
            members.append(row.text)
            codes.append(self._codes.setdefault((row.task, row.cluster), len(self._codes)))
        for task, (members, codes) in columns.items():
            self._labels[task] = self._sorted(evidence.texts, task, members, codes)

    def _sorted(
        self, texts: TextSource, task: str, members: array[int], codes: array[int]
    ) -> tuple[NDArray[np.int32], NDArray[np.int16]]:
        numbers = np.frombuffer(members, dtype=np.int32) if members else np.empty(0, np.int32)
        clusters = np.frombuffer(codes, dtype=np.int16) if codes else np.empty(0, np.int16)
        order = np.argsort(numbers, kind="stable")
        numbers, clusters = numbers[order], clusters[order]
        for text in numbers[1:][np.diff(numbers) == 0].tolist():
            self.rows.leak(lambda text=text: f"{quoted(texts, text)} is in the pools of task {task!r} twice")
        return numbers, clusters
