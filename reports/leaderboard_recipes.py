"""Training recipes side by side (paper Tables 3 and 4): own entries that are named after one, and the paper's rows.

An entry belongs to a recipe when its name is the recipe's (`rl-hint`) or ends in it (`qwen-7b-rl-hint`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..core.evaluation import EVALUATED, Leaderboard, Standing
from ..core.training_runs import PaperFigure
from .leaderboard_rows import sure

HEADING = "Training recipes (Tables 3 and 4)"
COLUMNS = (*(split.upper() for split in EVALUATED), "mean")
NOTE = (
    "An entry named after a recipe, or ending in its name, stands beside the paper's row of it. The paper's figures are"
    " of its own benchmark: compare how recipes stand to each other, not the values."
)


class RecipeRow(NamedTuple):
    """V by split and its mean, in [0, 1]; None where an entry has no such split."""

    recipe: str
    whose: str
    values: tuple[float | None, ...]


def recipe_rows(board: Leaderboard, printed: Sequence[PaperFigure]) -> list[RecipeRow]:
    """Rows recipe by recipe in the paper's order, own entries first; empty when no figure is given."""
    recipes = list(dict.fromkeys(figure.arm for figure in printed))
    rows: list[RecipeRow] = []
    for recipe in recipes:
        rows += [_own(recipe, one) for one in board.standings if _recipe_of(one.info.name, recipes) == recipe]
        rows += [_printed(figure) for figure in printed if figure.arm == recipe]
    return rows


def _recipe_of(name: str, recipes: Sequence[str]) -> str | None:
    """The longest that fits: distilled-rl is no rl."""
    fitting = [recipe for recipe in recipes if name == recipe or name.endswith((f"-{recipe}", f"+{recipe}"))]
    return max(fitting, key=len, default=None)


def _own(recipe: str, one: Standing) -> RecipeRow:
    values = tuple(sure(one.splits.get(split)).value for split in EVALUATED)
    known = [value for value in values if value is not None]
    return RecipeRow(recipe, one.info.name, (*values, sum(known) / len(known) if known else None))


def _printed(figure: PaperFigure) -> RecipeRow:
    values = (figure.c0, figure.c1, figure.c2, figure.average)
    return RecipeRow(figure.arm, f"paper, {figure.model}", tuple(value / 100 for value in values))
