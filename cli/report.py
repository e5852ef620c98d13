"""`cluster-r1 report`: the page of what has been made so far."""

from __future__ import annotations

import typer

from .console import out
from .context import CommandContext


def report(context: typer.Context) -> None:
    """Draw report.html anew from the workspace; no model is called."""
    from ..graphs.pages import write_page

    command: CommandContext = context.obj
    workspace = command.workspace
    out.print(f"page: {write_page(workspace, workspace.settings())}", markup=False)
