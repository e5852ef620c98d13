"""`cluster-r1 estimate`: what a run will cost, before it is run."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from .console import in_words, out, watched
from .context import CommandContext


def estimate(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
    hierarchical: Annotated[bool, typer.Option("--hierarchical", help="of `synth --hierarchical`")] = False,
) -> None:
    """Calls, tokens, time and money of what is still to do, from a probe of a few documents."""
    from ..graphs.estimate import estimate_run

    command: CommandContext = context.obj
    workspace = command.workspace
    settings = workspace.settings()
    with workspace.lock(), watched() as progress:
        found = asyncio.run(estimate_run(workspace, settings, progress, hierarchical))
    if as_json:
        typer.echo(found.model_dump_json(indent=1))
        return
    from rich.table import Table

    table = Table("role", "model", "calls", "tokens in", "tokens out", "usd", "time", box=None)
    for role in found.roles:
        least, most = in_words(role.seconds_least), in_words(role.seconds_most)
        table.add_row(
            role.role,
            role.model,
            f"{role.calls:,}",
            f"{role.prompt_tokens:,}",
            f"{role.completion_tokens:,}",
            f"{role.usd:.4f}",
            least if least == most else f"{least} to {most}",
        )
    out.print(f"{found.documents:,} documents, {found.tasks} tasks; the probe paid {found.probe_calls} calls")
    out.print(table)
    out.print(f"in all: ${found.usd:.4f} at the prices in the settings")
    if found.placeholder:
        out.print("No taxonomy is accepted yet: a placeholder of middling size stood in for it.")
