"""Scores of answers written by hand: what is not said is that of a valid answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cluster_r1.core.evaluation import AnswerScore


def answer_score(example: str, v: float, cell: tuple[str, str] = ("court", "c0"), **changes: Any) -> AnswerScore:
    """Of an answer whose other measures are all v."""
    domain, split = cell
    measures = dict.fromkeys(("v", "homogeneity", "completeness", "ari", "ami"), v)
    content = {"example": example, "task": f"{domain}-0", "domain": domain, "split": split, "n": 9, "k_gold": 3}
    return AnswerScore.model_validate({**content, **measures, "k_pred": 3, **changes})


def invalid(example: str, error: str, cell: tuple[str, str] = ("court", "c0"), **changes: Any) -> AnswerScore:
    return answer_score(example, 0.0, cell, error=error, k_pred=0, **changes)


def cell_scores(values: Sequence[float], cell: tuple[str, str] = ("court", "c0")) -> list[AnswerScore]:
    """One answer to each of so many examples of a cell."""
    domain, split = cell
    return [answer_score(f"{split}/{domain}/{place:05d}", v, cell) for place, v in enumerate(values)]
