"""`cluster-r1 train`: supervised fine-tuning and GRPO by a recipe, begun or gone on with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from ..core.errors import SettingsError
from ..core.training_runs import RunFolder, RunInfo, Stage
from ..core.workspace import Workspace
from .ablation import ablation
from .console import out, watched
from .context import CommandContext
from .demo import demo
from .launch import launch
from .recipes import recipes
from .trial import trial

if TYPE_CHECKING:
    from ..graphs.progress import Progress
    from ..training.data import Source, TrainingRow
    from ..training.recipe import Recipe

    Train = Callable[[Recipe, Iterable[TrainingRow], RunFolder, Progress, str], RunInfo]

train = typer.Typer(help="Train a model by a recipe: supervised fine-tuning, then GRPO.", no_args_is_help=True)
train.command()(recipes)
train.command()(launch)
train.command()(demo)
train.command()(trial)
train.command()(ablation)

_Recipe = Annotated[str, typer.Option(help="a bundled recipe's name, or a YAML file")]
_Benchmark = Annotated[Path | None, typer.Option(help="a built benchmark; default: the project's")]
_Run = Annotated[str, typer.Option(help="name of the run below runs/, or a folder; default: the recipe's name")]
_Restart = Annotated[bool, typer.Option("--restart", help="begin the stage anew; the old one is moved aside")]
_MaxSteps = Annotated[int | None, typer.Option(min=1, help="updates, instead of the recipe's max_steps")]


class _Order(NamedTuple):
    """What both commands are asked for."""

    stage: Stage
    recipe: Recipe
    run: RunFolder
    restart: bool


@train.command()
def sft(
    context: typer.Context,
    recipe: _Recipe,
    benchmark: _Benchmark = None,
    data: Annotated[Path | None, typer.Option(help="a file of `export --to trl-sft` instead of a benchmark")] = None,
    traces: Annotated[
        Path | None, typer.Option(help="reasoning to learn, a folder of `distill`; default: the project's traces")
    ] = None,
    run: _Run = "",
    restart: _Restart = False,
    max_steps: _MaxSteps = None,
) -> None:
    """Fine-tune the recipe's model on kept traces, or on answers alone; the same command goes on where it stopped."""
    from ..training.recipe_file import load_recipe
    from ..training.sft import train_sft

    command: CommandContext = context.obj
    chosen = _with_steps(load_recipe(recipe, command.directory), "sft", max_steps)
    source = _sft_rows(command.workspace, chosen, benchmark, data, traces)
    order = _Order("sft", chosen, command.run(run or chosen.name), restart)
    _train(order, source, train_sft)


@train.command()
def grpo(
    context: typer.Context,
    recipe: _Recipe,
    benchmark: _Benchmark = None,
    data: Annotated[Path | None, typer.Option(help="a file of `export --to trl-grpo` instead of a benchmark")] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="MODEL", help="start from this model, not from the run's SFT model")
    ] = None,
    run: _Run = "",
    restart: _Restart = False,
    max_steps: _MaxSteps = None,
) -> None:
    """GRPO with the clustering reward, from the run's SFT model; the same command goes on where it stopped."""
    from ..training.data import Source, proven_benchmark, read_rows, stage_source
    from ..training.grpo import train_grpo
    from ..training.recipe_file import load_recipe

    command: CommandContext = context.obj
    chosen = _with_steps(load_recipe(recipe, command.directory), "grpo", max_steps)
    if start is not None:
        chosen = _changed(chosen, model={"name": start, "tiny": None}, grpo={"start": "base"})
    if data is not None:
        source = Source(read_rows(_alone(data, benchmark)), str(data))
    else:
        built = proven_benchmark(benchmark or command.workspace.benchmark)
        source = stage_source(chosen, "grpo", built, command.workspace.traces)
    order = _Order("grpo", chosen, command.run(run or chosen.name), restart)
    _train(order, source, train_grpo)


def _train(order: _Order, source: Source, stage: Train) -> None:
    from ..core.workspace import write_text
    from ..reports.training import training_page
    from ..training.ranks import rank, wait_for_all
    from ..training.resuming import held, set_aside

    main = rank() == 0
    with held(order.run), watched() as progress:
        if order.restart:
            moved = set_aside(order.run.stage(order.stage)) if main else None
            wait_for_all(order.recipe.hardware)
            if moved is not None:
                progress.note(f"the old stage is now {moved}")
        try:
            info = stage(order.recipe, source.rows, order.run, progress, source.says)
        finally:
            if main and order.run.stage(order.stage).info.exists():
                write_text(order.run.report, training_page(order.run))
    if main:
        _say(order, info)


def _say(order: _Order, info: RunInfo) -> None:
    left_out = ", ".join(f"{count:,} {reason}" for reason, count in info.left_out.items())
    out.print(
        f"{order.stage} {info.outcome}: {info.steps:,} steps on {info.rows:,} rows"
        f"{f' ({left_out} left out)' if left_out else ''}, {info.seconds:,.0f} s",
        markup=False,
    )
    out.print(f"model: {order.run.stage(order.stage).model}", markup=False)
    out.print(f"report: {order.run.report}", markup=False)


def _sft_rows(
    workspace: Workspace, recipe: Recipe, benchmark: Path | None, data: Path | None, traces: Path | None
) -> Source:
    from ..training.data import Source, proven_benchmark, read_rows, stage_source

    if data is not None:
        if traces is not None:
            raise SettingsError("--traces goes with a benchmark; a file of --data has its reasoning in it")
        return Source(read_rows(_alone(data, benchmark)), str(data))
    if recipe.sft.target == "answer" and traces is not None:
        raise SettingsError(
            "--traces is for sft.target: reasoning; this recipe learns answers alone (sft.target: answer)"
        )
    built = proven_benchmark(benchmark or workspace.benchmark)
    return stage_source(recipe, "sft", built, traces or workspace.traces)


def _alone(data: Path, benchmark: Path | None) -> Path:
    if benchmark is not None:
        raise SettingsError("--data and --benchmark are two sources of rows; give one")
    return data


def _with_steps(recipe: Recipe, stage: Stage, steps: int | None) -> Recipe:
    return recipe if steps is None else _changed(recipe, **{stage: {"max_steps": steps}})


def _changed(recipe: Recipe, **changes: Any) -> Recipe:
    from ..training.recipe_file import changed_recipe

    return changed_recipe(recipe, f"recipe {recipe.name} as the options change it", **changes)
