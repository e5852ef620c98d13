"""Which examples use which text, from one pass over the examples of every split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.errors import BenchmarkError
from .evidence import Evidence
from .files import SPLITS, ExampleRecord, Split

_NONE = -1


class Place(NamedTuple):
    """An example by its place among all: split by split, in order."""

    split: Split
    id: str
    task: str

    def __str__(self) -> str:
        return f"{self.split} example {self.id!r} (task {self.task!r})"


class Usage:
    """Places of examples, and for each text the first one of each split that has it: 20 bytes a text."""

    def __init__(self, texts: int) -> None:
        self.places: list[Place] = []
        self._first = {split: np.full(texts, _NONE, dtype=np.int32) for split in SPLITS}

    def add(self, split: Split, record: ExampleRecord) -> Place:
        """The next example, whose texts all exist."""
        number = len(self.places)
        place = Place(split, record.id, record.task)
        self.places.append(place)
        first = self._first[split]
        for text in record.texts:
            if first[text] == _NONE:
                first[text] = number
        return place

    def used(self, splits: Sequence[Split]) -> NDArray[np.bool_]:
        """Whether an example of these splits has the text: (texts,)."""
        return np.any([self._first[split] != _NONE for split in splits], axis=0)

    def place(self, splits: Sequence[Split], text: int) -> Place:
        """The first example of these splits that has the text."""
        return self.places[min(n for split in splits if (n := self._first[split][text]) != _NONE)]


def streamed(evidence: Evidence, split: Split) -> Iterator[tuple[ExampleRecord, ExampleRecord]]:
    """Each example as it is stored, and what of it can be looked at further: without texts that do not exist.

    Raises BenchmarkError when the split's file is not one of examples.
    """
    try:
        for record in evidence.source.records(split):
            bad = [text for text in record.texts if not 0 <= text < len(evidence.texts)]
            if not bad and len(record.labels) == len(record.texts):
                yield record, record
                continue
            pairs = [(t, c) for t, c in zip(record.texts, record.labels, strict=False) if t not in bad]
            texts, labels = tuple(text for text, _ in pairs), tuple(label for _, label in pairs)
            yield record, record._replace(texts=texts, labels=labels)
    except (KeyError, TypeError) as error:
        raise BenchmarkError(f"the file of split {split!r} is not one of examples ({error!r}); build again") from error
