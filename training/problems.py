"""What stands in the way of a training stage, all of it at once: a person mends a recipe once, not ten times."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..core.errors import TrainingError


class Problem(NamedTuple):
    """A key of the recipe, or where else to look, what is wrong there and what to do about it."""

    key: str
    says: str


def refuse(stage: str, problems: Sequence[Problem]) -> None:
    """Raises TrainingError with every problem, if there are any."""
    if problems:
        lines = "\n".join(f"  {problem.key}: {problem.says}" for problem in problems)
        raise TrainingError(f"{stage} cannot start, {len(problems)} problem(s), before any weight was loaded:\n{lines}")


def listed(problems: Iterable[Problem | None]) -> list[Problem]:
    return [problem for problem in problems if problem is not None]
