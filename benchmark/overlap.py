"""How much of a C0 example one training example has: no leak (paper §4.3), but worth knowing."""

from __future__ import annotations

from array import array
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from .files import ExampleRecord


class Overlap:
    """Takes the training examples first, then those of C0: 8 bytes a text of a training example."""

    def __init__(self) -> None:
        self._training: dict[str, _Examples] = {}
        self.percent: Counter[int] = Counter()

    def train(self, record: ExampleRecord) -> None:
        self._training.setdefault(record.task, _Examples()).add(record.texts)

    def test(self, record: ExampleRecord) -> None:
        """Count the largest Jaccard similarity, in percent rounded down, of its texts and a training example's."""
        training = self._training.get(record.task)
        self.percent[0 if training is None else training.largest(record.texts)] += 1


class _Examples:
    """The training examples of one task, by text."""

    def __init__(self) -> None:
        self._texts, self._numbers, self._sizes = array("i"), array("i"), array("i")
        self._sorted: tuple[NDArray[np.int32], NDArray[np.int32]] | None = None

    def add(self, texts: tuple[int, ...]) -> None:
        self._texts.extend(texts)
        self._numbers.extend([len(self._sizes)] * len(texts))
        self._sizes.append(len(texts))

    def largest(self, texts: tuple[int, ...]) -> int:
        """In whole percent."""
        if self._sorted is None:
            known = np.array(self._texts, dtype=np.int32)
            order = np.argsort(known, kind="stable")
            self._sorted = known[order], np.array(self._numbers, dtype=np.int32)[order]
        known, numbers = self._sorted
        starts = np.searchsorted(known, texts, "left")
        ends = np.searchsorted(known, texts, "right")
        found = np.concatenate([numbers[a:b] for a, b in zip(starts, ends, strict=True)])
        both = np.bincount(found, minlength=len(self._sizes))
        either = np.array(self._sizes) + len(texts) - both
        return int((100 * both // either).max())
