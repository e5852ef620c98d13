"""`cluster-r1 synth`: the main job, run or resumed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.errors import IncompleteError, WaitingForReview
from .console import out, watched
from .context import CommandContext

if TYPE_CHECKING:
    from ..graphs.results import TaskResult
    from ..graphs.synth import SynthResult


def synth(
    context: typer.Context,
    limit: Annotated[int | None, typer.Option(min=1, help="label the first N documents only")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="pass every review gate as proposed")] = False,
) -> None:
    """Run or resume: corpus, taxonomies, review gates, two labelers, consensus."""
    from ..graphs.pages import write_page
    from ..graphs.synth import synthesize

    command: CommandContext = context.obj
    workspace = command.workspace
    settings = workspace.settings()
    with workspace.lock(), watched() as progress:
        result = asyncio.run(synthesize(workspace, settings, progress, limit, yes))
        page = write_page(workspace, settings)
    _say(result)
    out.print(f"page: {page}", markup=False)
    if result.unanswered:
        raise IncompleteError(
            f"{result.unanswered} documents got no usable answer; run synth again to ask for those alone,"
            " or see `cluster-r1 status` for the reasons"
        )
    if result.waiting:
        raise WaitingForReview("\n  ".join(["waiting for a person:", *(f"{w.title} {w.file}" for w in result.waiting)]))


def _say(result: SynthResult) -> None:
    for task in result.tasks:
        for line in task_lines(task):
            out.print(line, markup=False)
    for task_id in result.rejected:
        out.print(f"{task_id}: dropped by a reviewer", markup=False)
    out.print(f"calls paid in this run: {result.paid}", markup=False)


def task_lines(result: TaskResult) -> list[str]:
    """A labelled task in a few lines: what was kept, how far the labelers agree, what gold says."""
    task, agreement = result.task, result.agreement
    counts = ", ".join(f"{count} {outcome.replace('_', ' ')}" for outcome, count in sorted(task.outcomes.items()))
    shape = f"{len(task.taxonomy.clusters)} clusters (version {task.taxonomy.version})"
    statistics = f"kappa {_interval(agreement.kappa)}, alpha {_interval(agreement.alpha)}"
    lines = [
        f"{task.id}: {task.instruction}",
        f"  {task.documents} documents in {shape}: {counts}",
        f"  agreement {_interval(agreement.raw)}, {statistics}",
    ]
    for score in result.gold:
        if score.accuracy is not None:
            lines.append(
                f"  {score.who}: accuracy {score.accuracy:.1%}, V {score.v_measure:.3f}, ARI {score.ari:.3f}"
                f" against gold on {score.documents} documents"
            )
    return lines


def _interval(interval: tuple[float | None, float | None, float | None]) -> str:
    value, low, high = interval
    return "undefined" if value is None else f"{value:.3f} [{low:.3f}, {high:.3f}]"
