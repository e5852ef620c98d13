"""`cluster-r1 train launch`: scripts that start a stage of training on one or more nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from ..core.training_runs import Stage
from .console import out
from .context import CommandContext

To = Literal["shell", "slurm", "ray"]


def launch(
    context: typer.Context,
    stage: Annotated[Stage, typer.Option(help="what is trained")],
    recipe: Annotated[str, typer.Option(help="a bundled recipe's name, or a YAML file")],
    to: Annotated[To, typer.Option(help="what starts it")] = "shell",
    run: Annotated[str, typer.Option(help="the run's name; default: the recipe's")] = "",
    options: Annotated[list[str] | None, typer.Argument(help="after --: further options for train STAGE")] = None,
    folder: Annotated[Path | None, typer.Option("--out", help="write the script there; default: print it")] = None,
) -> None:
    """Print or write what starts a stage: accelerate's configuration, vLLM's server and the training itself."""
    from ..core.workspace import write_text
    from ..training.launching import Launch, script, script_name
    from ..training.recipe_file import load_recipe

    command: CommandContext = context.obj
    root = command.workspace.root
    started = Launch(load_recipe(recipe, root), stage, recipe, root, run, tuple(options or ()))
    if folder is None:
        typer.echo(script(started, to), nl=False)
        return
    for target in _written(to):
        path = folder / script_name(started, target)
        write_text(path, script(started, target))
        path.chmod(0o755)
        out.print(f"written: {path}", markup=False)


def _written(to: To) -> tuple[To, ...]:
    return ("shell", "ray") if to == "ray" else (to,)
