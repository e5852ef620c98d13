"""`cluster-r1 distill`: reasoning traces for the benchmark's `distill` split, made or resumed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.errors import IncompleteError
from .console import out, watched
from .context import CommandContext

if TYPE_CHECKING:
    from ..core.distillation import DistillReport
    from ..core.traces import RejectionReason


def distill(
    context: typer.Context,
    benchmark: Annotated[Path | None, typer.Option(help="a built benchmark; default: the project's")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="the first N examples of the split only")] = None,
) -> None:
    """Reasoning traces to learn from: written with the answer known, checked, reviewed blind, rederived, kept."""
    from ..benchmark.files import Benchmark
    from ..benchmark.split_examples import SplitExamples
    from ..graphs.distill import PAGE
    from ..graphs.distill import distill as distill_examples

    command: CommandContext = context.obj
    workspace = command.workspace
    settings = workspace.settings()
    built = Benchmark(benchmark or workspace.benchmark)
    examples = SplitExamples(built, "distill")
    with workspace.lock(), watched() as progress:
        result = asyncio.run(distill_examples(workspace, settings, examples, built.manifest.name, progress, limit))
    for line in distill_lines(result.report):
        out.print(line, markup=False)
    out.print(f"calls paid in this run: {result.paid}", markup=False)
    out.print(f"traces: {workspace.traces}", markup=False)
    out.print(f"page: {workspace.traces / PAGE}", markup=False)
    if result.unanswered:
        example, why = next(iter(result.unanswered.items()))
        raise IncompleteError(
            f"{len(result.unanswered)} examples got no usable answer; run distill again to ask for those alone,"
            f" with more distill.attempts if a model did not keep to its form. The first: {example}: {why}"
        )


def distill_lines(report: DistillReport) -> Iterator[str]:
    """The figures in lines for the terminal."""
    yield (
        f"{report.benchmark}: {report.kept} of {report.examples} examples have a kept trace,"
        f" {sum(report.rejected.values())} rejected, {report.pending} pending"
    )
    if report.rejected:
        yield f"  rejected in the end: {_reasons(report.rejected)}"
    if report.sent_back:
        yield f"  sent back: {_reasons(report.sent_back)}"
    if report.rounds_needed:
        rounds = ", ".join(f"{count} in round {number}" for number, count in report.rounds_needed.items())
        yield f"  kept traces were written: {rounds} (at most {report.rounds})"
    if report.scores is not None:
        means = ", ".join(f"{name} {value:.2f}" for name, value in report.scores)
        yield f"  ratings of kept traces, 1 to 5: {means}"
    if report.rederived is not None:
        yield f"  rederived from the reasoning alone: V {report.rederived:.3f}"
    if report.words is not None:
        words = report.words
        quartiles = f"{words.lower:.0f}, {words.median:.0f}, {words.upper:.0f}"
        yield f"  words of kept traces: {words.least} to {words.most}, quartiles {quartiles}"
    if report.people_kept or report.people_dropped:
        yield f"  people keep {report.people_kept} and drop {report.people_dropped}: {report.usable} to learn from"
    for task in report.tasks:
        rate = "" if task.kept_rate is None else f" ({task.kept_rate:.0%})"
        yield f"  {task.task}: {task.kept} of {task.examples - task.pending} kept{rate}"
    for cost in report.costs:
        money = f", ${cost.usd:.4f}" if cost.usd else ""
        tokens = f"{cost.prompt_tokens:,} tokens read, {cost.completion_tokens:,} written"
        yield f"  {cost.role} ({cost.model}): {cost.calls:,} calls, {tokens}{money}"


def _reasons(counts: Mapping[RejectionReason, int]) -> str:
    return ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in counts.items())
