"""Examples' means over their samples: what standings and comparisons hold of an entry's scores, a few numbers each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np

from ..core.evaluation import EVALUATED, AnswerScore
from .bootstrap import Values


class CellKey(NamedTuple):
    """A domain's part of a split."""

    domain: str
    split: str


class ExampleMean(NamedTuple):
    """An example's cell and its measures, summed over so many samples."""

    cell: CellKey
    samples: int
    sums: tuple[float, ...]

    @property
    def values(self) -> tuple[float, ...]:
        return tuple(value / self.samples for value in self.sums)


def example_means(
    scores: Iterable[AnswerScore], measures: Callable[[AnswerScore], tuple[float, ...]]
) -> dict[str, ExampleMean]:
    """Each example's measures; scores are streamed, in any order, and an example may have any number of samples."""
    found: dict[str, ExampleMean] = {}
    cells: dict[CellKey, CellKey] = {}
    for score in scores:
        values = measures(score)
        known = found.get(score.example)
        if known is None:
            cell = CellKey(score.domain, score.split)
            found[score.example] = ExampleMean(cells.setdefault(cell, cell), 1, values)
        else:
            sums = tuple(a + b for a, b in zip(known.sums, values, strict=True))
            found[score.example] = ExampleMean(known.cell, known.samples + 1, sums)
    return found


def by_cell(examples: Mapping[str, CellKey]) -> dict[CellKey, list[str]]:
    """Ids of the examples of each cell, sorted; domains by name, splits in the order of every table."""
    cells: dict[CellKey, list[str]] = {}
    for example in sorted(examples):
        cells.setdefault(examples[example], []).append(example)
    return {cell: cells[cell] for cell in sorted(cells, key=_place)}


def value_rows(examples: Iterable[str], means: Mapping[str, ExampleMean]) -> Values:
    """(examples, measures)."""
    return np.array([means[example].values for example in examples], dtype=np.float64)


def _place(cell: CellKey) -> tuple[str, int, str]:
    known = EVALUATED.index(cell.split) if cell.split in EVALUATED else len(EVALUATED)
    return cell.domain, known, cell.split
