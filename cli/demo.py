"""`cluster-r1 train demo`: see a model learn, on this machine's CPU, with nothing downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import out, watched
from .context import CommandContext
from .trial import show_trials


def demo(
    context: typer.Context,
    folder: Annotated[Path, typer.Option("--out", help="a new folder, which becomes a project")] = Path("train-demo"),
) -> None:
    """A toy benchmark, SFT, GRPO and trials of a random model in about three minutes; it ends with a table."""
    from ..core.json_lines import read_lines
    from ..core.training_runs import Trial
    from ..training.demo import run_demo

    command: CommandContext = context.obj
    with watched() as progress:
        run = run_demo(command.directory / folder, progress)
    show_trials(read_lines(run.trials, Trial))
    out.print("c1: unseen texts, known instructions; c2: an instruction that was never trained on")
    out.print(f"report: {run.report}", markup=False)
