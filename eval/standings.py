"""An entry's standing: its figures over cells, splits and all examples, with intervals (paper §6, Tables 1 and 2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ..core.agreement import Interval
from ..core.errors import WorkspaceError
from ..core.evaluation import EVALUATED, AnswerScore, Cell, EntryInfo, Standing
from .bootstrap import CellMeans
from .example_means import CellKey, by_cell, example_means, value_rows


class _Measures(NamedTuple):
    """What an example holds of each measure; the places are those in `CellMeans`."""

    v: float
    ari: float
    ami: float
    valid: float
    homogeneity: float
    completeness: float


_PLACE = {name: place for place, name in enumerate(_Measures._fields)}


class _Answers:
    """What is counted over answers, as they go by."""

    def __init__(self) -> None:
        self.answers = self.tokens = self.cut = self.k_right = self.k_error = self.k_bias = 0
        self.errors: Counter[str] = Counter()

    def counted(self, scores: Iterable[AnswerScore]) -> Iterator[AnswerScore]:
        for score in scores:
            self.answers += 1
            self.tokens += score.completion_tokens
            self.cut += score.cut
            if score.error:
                self.errors[score.error] += 1
            else:
                self.k_right += score.k_pred == score.k_gold
                self.k_error += abs(score.k_pred - score.k_gold)
                self.k_bias += score.k_pred - score.k_gold
            yield score

    def figures(self) -> dict[str, object]:
        """Fields of a Standing."""
        valid = self.answers - self.errors.total()
        return {
            "answers": self.answers,
            "errors": dict(sorted(self.errors.items(), key=lambda item: (-item[1], item[0]))),
            "k_right": self.k_right / self.answers,
            "k_error": self.k_error / valid if valid else None,
            "k_bias": self.k_bias / valid if valid else None,
            "cut": self.cut / self.answers,
            "completion_tokens": self.tokens / self.answers,
        }


def standing(
    info: EntryInfo, scores: Iterable[AnswerScore], resamples: int = 2000, confidence: float = 0.95, seed: int = 0
) -> Standing:
    """The figures of an entry's scores, which are streamed in any order; samples of an example are averaged first.

    The same scores and seed give the same figures. Raises WorkspaceError when there is no score, SettingsError for
    settings of the intervals out of bounds.
    """
    answers = _Answers()
    examples = example_means(answers.counted(scores), _measures)
    if not examples:
        raise WorkspaceError(f"the entry {info.name!r} has no scored answer; run `cluster-r1 eval run` for it again")
    cells = by_cell({name: example.cell for name, example in examples.items()})
    means = CellMeans([value_rows(names, examples) for names in cells.values()], resamples, confidence, seed)

    def overall(measure: str) -> Interval:
        return means.mean(means.sizes, _PLACE[measure])

    return Standing.model_validate(
        {
            "info": info,
            "examples": len(examples),
            "cells": _cells(list(cells), means),
            "splits": _splits(list(cells), means),
            "macro": means.mean([1.0] * len(cells)),
            "weighted": overall("v"),
            **{measure: overall(measure) for measure in ("ari", "ami", "valid")},
            **{measure: overall(measure).value for measure in ("homogeneity", "completeness")},
            **answers.figures(),
        }
    )


def _measures(score: AnswerScore) -> tuple[float, ...]:
    return _Measures(score.v, score.ari, score.ami, not score.error, score.homogeneity, score.completeness)


def _cells(keys: list[CellKey], means: CellMeans) -> tuple[Cell, ...]:
    return tuple(
        Cell(
            domain=key.domain,
            split=key.split,
            examples=int(means.sizes[place]),
            v=means.mean([float(other == key) for other in keys]),
        )
        for place, key in enumerate(keys)
    )


def _splits(keys: list[CellKey], means: CellMeans) -> dict[str, Interval]:
    present = {key.split for key in keys}
    ordered = [*(split for split in EVALUATED if split in present), *sorted(present - set(EVALUATED))]
    return {split: means.mean([float(key.split == split) for key in keys]) for split in ordered}
