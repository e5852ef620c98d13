"""`cluster-r1 status`: where the project stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .console import in_words, out
from .context import CommandContext
from .levels import hierarchy_lines

if TYPE_CHECKING:
    from ..graphs.status import Status


def status(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Stages, progress, agreement, cost, and what is waiting for a person."""
    from ..graphs.status import project_status

    command: CommandContext = context.obj
    workspace = command.workspace
    found = project_status(workspace, workspace.settings())
    if as_json:
        typer.echo(found.model_dump_json(indent=1))
        return
    _corpus(found)
    _tasks(found)
    for line in hierarchy_lines(found.hierarchy) if found.hierarchy is not None else []:
        out.print(line, markup=False)
    _cost(found)
    for file in found.waiting:
        out.print(f"waiting for a person: {file}", markup=False, style="yellow")


def _corpus(found: Status) -> None:
    skipped = ", ".join(f"{count} {reason}" for reason, count in found.corpus_skipped.items() if count)
    tail = f" (skipped: {skipped})" if skipped else ""
    out.print(f"corpus: {found.corpus_kept} documents of {found.corpus_read} rows{tail}", markup=False)


def _tasks(found: Status) -> None:
    from .synth import task_lines

    for task in found.tasks:
        version = f", taxonomy version {task.version}" if task.version else ""
        out.print(f"{task.id}: {task.stage}, {task.labelled}/{task.documents} documents{version}", markup=False)
        if task.result is not None:
            for line in task_lines(task.result)[1:]:
                out.print(line, markup=False)


def _cost(found: Status) -> None:
    if not found.cost:
        out.print("cost: no call has been answered yet")
        return
    from rich.table import Table

    table = Table("role", "model", "calls", "tokens in", "tokens out", "time in calls", "usd", "failures", box=None)
    for row in found.cost:
        table.add_row(
            row.role,
            row.model,
            f"{row.calls:,}",
            f"{row.prompt_tokens:,}",
            f"{row.completion_tokens:,}",
            in_words(row.seconds),
            f"{row.usd:.4f}",
            str(row.failures),
        )
    out.print(table)
