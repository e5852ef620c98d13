"""`cluster-r1 train recipes`: the recipes that come with the package, and what one says."""

from __future__ import annotations

from typing import Annotated

import typer

from .console import out
from .context import CommandContext


def recipes(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="a recipe to print; copy it to a file to change it")] = None,
) -> None:
    """List the bundled recipes, or print one, comments included."""
    from ..training.recipe_file import bundled_recipes, load_recipe, recipe_text

    command: CommandContext = context.obj
    if name is not None:
        typer.echo(recipe_text(name, command.directory), nl=False)
        return
    listed = {bundled: load_recipe(bundled) for bundled in bundled_recipes()}
    width = max(map(len, listed))
    for bundled, recipe in listed.items():
        out.print(f"{bundled:{width}}  {recipe.about}", markup=False)
