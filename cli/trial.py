"""`cluster-r1 train trial`: models of a run sampled on held-out examples, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .console import out, watched
from .context import CommandContext

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..core.training_runs import Trial


def trial(
    context: typer.Context,
    recipe: Annotated[str, typer.Option(help="a bundled recipe's name, or a YAML file")],
    model: Annotated[
        list[str] | None,
        typer.Option(help="base, sft, grpo, tfidf-kmeans, or a model's folder or hub name; may be given again"),
    ] = None,
    split: Annotated[list[str] | None, typer.Option(help="examples of this split; may be given again; c1")] = None,
    examples: Annotated[int | None, typer.Option(min=1, help="the first of each split; default: all")] = None,
    samples: Annotated[int, typer.Option(min=1, help="completions of each example")] = 1,
    benchmark: Annotated[Path | None, typer.Option(help="a built benchmark; default: the project's")] = None,
    run: Annotated[str, typer.Option(help="name of the run below runs/, or a folder; default: the recipe's name")] = "",
) -> None:
    """Sample models on examples they were not trained on; every completion is kept in the run's folder.

    Without --model: those of the run that are there, and the baseline.
    """
    from ..benchmark.files import Benchmark
    from ..training.recipe_file import load_recipe
    from ..training.trying import TrialOrder, checked_splits, run_trials

    command: CommandContext = context.obj
    chosen = load_recipe(recipe, command.directory)
    folder = command.run(run or chosen.name)
    order = TrialOrder(chosen, tuple(model) if model else None, checked_splits(split or ["c1"]), examples, samples)
    built = Benchmark(benchmark or command.workspace.benchmark)
    with watched() as progress:
        show_trials(run_trials(order, built, folder, progress))
    out.print(f"completions: {folder.folder / 'trials'}", markup=False)
    out.print(f"report: {folder.report}", markup=False)


def show_trials(trials: Iterable[Trial]) -> None:
    from ..reports.training_markdown import trial_lines

    for line in trial_lines(sorted(trials, key=lambda one: one.split)):
        out.print(line, markup=False, highlight=False, soft_wrap=True)
