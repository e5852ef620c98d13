"""Everything that would stop a training stage later, refused before a weight is loaded, all of it at once.

Rows, tokenizer and machine are checked against the recipe; what the checks look at are plain values, so that they say
the same on a machine without torch.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from .data import TrainingRow
from .machine_checks import Machine, machine_notes, machine_problems
from .problems import refuse
from .recipe import Recipe, Stage
from .row_checks import tally_rows
from .shapes import ModelShape, model_shape
from .tokenizer_checks import tokenizer_problems


class Preflight(NamedTuple):
    """What was looked at. `left_out`: rows that are not trained on, by reason; `notes`: worth knowing."""

    rows: int
    usable: int
    longest: int
    left_out: dict[str, int]
    notes: tuple[str, ...]


def check_stage(
    recipe: Recipe, stage: Stage, rows: Iterable[TrainingRow], tokenizer: Any, machine: Machine
) -> Preflight:
    """Look at every row once, in constant memory; `longest` is in tokens, of a prompt (grpo) or an example (sft).

    tokenizer: a transformers tokenizer; None where there is none yet (a tiny model's is learnt from the rows).
    Raises TrainingError with every problem, each with its key and what to do.
    """
    shape = model_shape(recipe.model)
    problems = machine_problems(recipe, stage, machine, shape)
    spoilt = tokenizer_problems(tokenizer, recipe.prompt.system) if tokenizer is not None else []
    tally = tally_rows(recipe, stage, rows, tokenizer if not spoilt else None)
    refuse(f"train {stage} of recipe {recipe.name!r}", [*problems, *spoilt, *tally.problems()])
    notes = tuple(machine_notes(recipe, stage, machine, shape))
    return Preflight(tally.rows, tally.usable, tally.longest, tally.left_out(), notes)


def check_machine(recipe: Recipe, stage: Stage, machine: Machine) -> tuple[str, ...]:
    """The part that needs neither rows nor tokenizer; returns notes. Raises TrainingError with every problem."""
    shape: ModelShape | None = model_shape(recipe.model)
    refuse(f"train {stage} of recipe {recipe.name!r}", machine_problems(recipe, stage, machine, shape))
    return tuple(machine_notes(recipe, stage, machine, shape))
