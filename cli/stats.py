"""`cluster-r1 stats`: what a benchmark holds, on the terminal, as a page, as Markdown or as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.errors import SettingsError
from .console import out
from .context import CommandContext

if TYPE_CHECKING:
    from ..reports.benchmark_summary import BenchmarkSummary

_PAGE = "statistics.html"


def stats(
    context: typer.Context,
    path: Annotated[Path | None, typer.Argument(help="a benchmark; default: the project's")] = None,
    html: Annotated[bool, typer.Option("--html", help=f"write one offline page, PATH/{_PAGE}")] = False,
    page: Annotated[Path | None, typer.Option("--out", help="with --html: write the page to this file")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="print a Markdown table")] = False,
) -> None:
    """Tokens, examples, N and K by domain and split, beside the paper's (Figure 4); tasks, pools, what is missing."""
    from ..benchmark.files import Benchmark
    from ..benchmark.statistics import summarise
    from ..reports.benchmark_markdown import statistics_markdown

    if html + as_json + as_markdown > 1:
        raise SettingsError("--html, --json and --markdown exclude each other; give one")
    if page is not None and not html:
        raise SettingsError("--out names the page's file; give --html too")
    command: CommandContext = context.obj
    folder = path or command.workspace.benchmark
    summary = summarise(Benchmark(folder))
    if as_json:
        typer.echo(summary.model_dump_json(indent=1))
    elif as_markdown:
        typer.echo(statistics_markdown(summary), nl=False)
    elif html:
        _write(summary, page or folder / _PAGE)
    else:
        _show(summary)


def _write(summary: BenchmarkSummary, page: Path) -> None:
    from ..core.workspace import write_text
    from ..reports.benchmark import render_benchmark

    write_text(page, render_benchmark(summary))
    out.print(f"page: {page}", markup=False)


def _show(summary: BenchmarkSummary) -> None:
    from rich.table import Table
    from rich.text import Text

    from ..reports.benchmark_markdown import HEAD, row_cells

    held = [task.held for task in summary.tasks]
    out.print(
        f"{summary.name}: {len(held)} tasks ({held.count('held-in')} held-in, {held.count('held-out')} held-out),"
        f" {summary.funnel.examples:,} examples, {summary.funnel.texts:,} texts",
        markup=False,
    )
    table = Table(*HEAD[:2], box=None)
    for name in HEAD[2:]:
        table.add_column(name, justify="right")
    for row in summary.rows:
        table.add_row(*map(Text, row_cells(row)))
    out.print(table)
    if any(row.paper for row in summary.rows):
        out.print("in brackets: the paper's values (Figure 4)")
    for short in summary.shortfalls:
        out.print(f"  {short.split} {short.task}: {short.made} of {short.wanted}: {short.reason}", markup=False)
    out.print(_proof(summary), markup=False)


def _proof(summary: BenchmarkSummary) -> str:
    if not summary.proof:
        return "proof: none in the manifest; run `cluster-r1 verify`"
    if summary.leaks:
        return f"proof: {summary.leaks:,} leaks; run `cluster-r1 verify`"
    return f"proof: {len(summary.proof)} checks found no leak when it was built"
