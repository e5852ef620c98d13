"""Scores of answers to examples called SPLIT/TASK/NUMBER, where a task is called DOMAIN-NAME."""

from __future__ import annotations

from typing import Any

from cluster_r1.core.evaluation import AnswerScore
from scored import answer_score


def made_score(example: str, v: float = 0.5, **changes: Any) -> AnswerScore:
    """Of a valid answer, if nothing else is said."""
    split, task, _ = example.split("/")
    return answer_score(example, v, (task.partition("-")[0], split), **{"task": task, "tokens": 1000, **changes})


def failed(example: str, error: str = "tags", **changes: Any) -> AnswerScore:
    return made_score(example, 0.0, error=error, k_pred=0, **changes)
