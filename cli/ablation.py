"""`cluster-r1 train ablation`: the paper's training recipes compared by one switch (Tables 3 and 4)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import out, watched
from .context import CommandContext


def ablation(
    context: typer.Context,
    recipe: Annotated[str, typer.Option(help="a bundled recipe's name, or a YAML file; every arm is made from it")],
    arm: Annotated[list[str] | None, typer.Option(help="run this arm; may be given again; default: all six")] = None,
    split: Annotated[list[str] | None, typer.Option(help="try on this split; may be given again; c0 c1 c2")] = None,
    examples: Annotated[int | None, typer.Option(min=1, help="the first of each split; default: all")] = None,
    samples: Annotated[int, typer.Option(min=1, help="completions of each example")] = 1,
    benchmark: Annotated[Path | None, typer.Option(help="a built benchmark; default: the project's")] = None,
    traces: Annotated[
        Path | None, typer.Option(help="reasoning to distil, a folder of `distill`; default: the project's traces")
    ] = None,
    run: Annotated[str, typer.Option(help="name of the run below runs/, or a folder; default: the recipe's name")] = "",
) -> None:
    """Train and try each arm in runs/NAME/ablation/ARM; arms that are done are not repeated."""
    from ..benchmark.files import EVALUATION
    from ..training.ablation import PAGE, TABLE, AblationOrder, run_ablation
    from ..training.ablation_table import ablation_markdown
    from ..training.arms import ARMS, checked_arms
    from ..training.data import proven_benchmark
    from ..training.ranks import rank
    from ..training.recipe_file import load_recipe
    from ..training.trying import checked_splits

    command: CommandContext = context.obj
    chosen = load_recipe(recipe, command.directory)
    folder = command.run(run or chosen.name).folder / "ablation"
    splits = checked_splits(split or EVALUATION)
    order = AblationOrder(chosen, checked_arms(arm or ARMS), splits, examples, samples)
    built = proven_benchmark(benchmark or command.workspace.benchmark)
    with watched() as progress:
        result = run_ablation(order, built, traces or command.workspace.traces, folder, progress)
    if rank() == 0:
        out.print(ablation_markdown(result), markup=False)
        out.print(f"table: {folder / TABLE}", markup=False)
        out.print(f"report: {folder / PAGE}", markup=False)
