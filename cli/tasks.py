"""`cluster-r1 tasks`: the tasks of a registry, such as the paper's 28."""

from __future__ import annotations

from typing import Annotated

import typer

from ..core.registry import load_registry
from .console import out
from .context import CommandContext


def tasks(
    context: typer.Context,
    registry: Annotated[str, typer.Option(help="name of a registry, or a YAML file")] = "reasoncluster",
) -> None:
    """List a registry's tasks: id, split and instruction, by domain."""
    command: CommandContext = context.obj
    found = load_registry(registry, command.workspace.root)
    for domain in found.domains:
        out.print(f"{domain}:", markup=False, highlight=False)
        for task in found.of(domain):
            out.print(f"  {task.id} ({task.split}): {task.instruction}", markup=False, highlight=False, soft_wrap=True)
