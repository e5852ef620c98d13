"""`cluster-r1 adopt`: tasks from the labels that a corpus has already."""

from __future__ import annotations

import typer

from .console import out, watched
from .context import CommandContext


def adopt(context: typer.Context) -> None:
    """Take the corpus' gold labels as the labels of the settings' tasks; no model is asked."""
    from ..graphs.adopt import adopt_gold

    command: CommandContext = context.obj
    workspace = command.workspace
    settings = workspace.settings()
    with workspace.lock(), watched() as progress:
        results = adopt_gold(workspace, settings, progress)
    for result in results:
        kept = result.outcomes.get("kept", 0)
        out.print(
            f"{result.task.id}: {kept:,} documents in {len(result.task.taxonomy.clusters)} clusters, as labelled",
            markup=False,
        )
    out.print("next: cluster-r1 build", markup=False)
