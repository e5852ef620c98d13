"""`cluster-r1 verify`: the proof of a benchmark, done anew on its files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .console import out
from .context import CommandContext

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..benchmark.files import Check


def verify(
    context: typer.Context,
    path: Annotated[
        Path | None, typer.Argument(help="a benchmark, or its export as plain JSONL; default: the project's")
    ] = None,
    tokenizer: Annotated[
        str | None, typer.Option(help="counts some prompts anew; default: the benchmark's, when it is on this machine")
    ] = None,
) -> None:
    """Prove anew, from the files alone, that training and evaluation share nothing; exit code 8 when they do."""
    from ..benchmark.proof import assert_sealed, prove
    from ..core.tokenizer import load_tokenizer

    command: CommandContext = context.obj
    folder = path or command.workspace.benchmark
    checks = prove(folder, load_tokenizer(tokenizer) if tokenizer else None)
    _show(checks)
    assert_sealed(checks)
    looked_at = sum(check.looked_at for check in checks)
    out.print(f"{folder}: sealed, {len(checks)} checks over {looked_at:,} things found no leak", markup=False)


def _show(checks: Sequence[Check]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("check", "what is proven", box=None)
    table.add_column("looked at", justify="right")
    table.add_column("leaks", justify="right")
    for check in checks:
        leaks = Text(f"{check.leaks:,}", style="bold red" if check.leaks else "")
        table.add_row(check.name, Text(check.says), f"{check.looked_at:,}", leaks)
    out.print(table)
