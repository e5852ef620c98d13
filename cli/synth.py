"""`cluster-r1 synth`: the main job, run or resumed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.errors import ArgillaError, IncompleteError, WaitingForReview
from .console import out, watched
from .context import CommandContext
from .levels import hierarchy_lines

if TYPE_CHECKING:
    from ..core.settings import Settings
    from ..core.workspace import Workspace
    from ..graphs.progress import Progress
    from ..graphs.results import TaskResult
    from ..graphs.synth import SynthResult


_OTHER_WAYS = (
    "or in a web page: `cluster-r1 argilla up` in another terminal, or `cluster-r1 review push --to file`,"
    " then `cluster-r1 review pull`"
)


def synth(
    context: typer.Context,
    limit: Annotated[int | None, typer.Option(min=1, help="label the first N documents only")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="pass every review gate as proposed")] = False,
    hierarchical: Annotated[
        bool,
        typer.Option("--hierarchical", help="coarse clusters first, then tasks inside each (settings: hierarchy)"),
    ] = False,
) -> None:
    """Run or resume: corpus, taxonomies, review gates, two labelers, consensus."""
    command: CommandContext = context.obj
    workspace = command.workspace
    run_once(workspace, workspace.settings(), limit, yes, hierarchical)


def run_once(
    workspace: Workspace,
    settings: Settings,
    limit: int | None = None,
    yes: bool = False,
    hierarchical: bool = False,
) -> None:
    """Run or resume once, draw the page, show open gates to people, and say what came of it.

    Raises IncompleteError, WaitingForReview or ModelAnswerError when something is left to do.
    """
    from ..graphs.pages import write_page
    from ..graphs.synth import synthesize

    with workspace.lock(), watched() as progress:
        result = asyncio.run(synthesize(workspace, settings, progress, limit, yes, hierarchical))
        page = write_page(workspace, settings)
        shown = _shown_to_people(workspace, settings, progress) if result.waiting else []
    _say(result)
    out.print(f"page: {page}", markup=False)
    if result.failed:
        raise result.failed[0]
    if result.unanswered:
        raise IncompleteError(
            f"{result.unanswered} documents got no usable answer; run synth again to ask for those alone,"
            " or see `cluster-r1 status` for the reasons"
        )
    if result.waiting:
        gates = [f"{gate.title} {gate.file}" for gate in result.waiting]
        raise WaitingForReview("\n  ".join(["waiting for a person:", *gates, *shown]))


def _shown_to_people(workspace: Workspace, settings: Settings, progress: Progress) -> list[str]:
    """Push the open gates to the project's Argilla, if it has one; where they are or could be, in words."""
    from ..annotation.opening import has_argilla, open_channel
    from ..annotation.push import push_reviews

    try:
        if not has_argilla(workspace, settings):
            return [_OTHER_WAYS]
        channel = open_channel(workspace, settings, "argilla")
        pushed = push_reviews(workspace, settings, channel, "argilla", ["taxonomy"], progress)
    except ArgillaError as error:
        return [f"it could not be shown in Argilla, `cluster-r1 review push` tries again: {error}"]
    return [f"or in Argilla: {result.place}, then `cluster-r1 review pull`" for result in pushed]


def _say(result: SynthResult) -> None:
    for task in result.tasks:
        for line in task_lines(task):
            out.print(line, markup=False)
    if result.hierarchy is not None:
        for line in hierarchy_lines(result.hierarchy):
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
    lines += _human_and_carried(result)
    for score in result.gold:
        if score.accuracy is not None:
            lines.append(
                f"  {score.who}: accuracy {score.accuracy:.1%}, V {score.v_measure:.3f}, ARI {score.ari:.3f}"
                f" against gold on {score.documents} documents"
            )
    return lines


def _human_and_carried(result: TaskResult) -> list[str]:
    """What people said, and what was taken over from another taxonomy version, where there is any of it."""
    lines = []
    if result.human:
        labels = "1 label" if result.human == 1 else f"{result.human} labels"
        lines.append(f"  {labels} by people, {result.corrected} of them corrections")
    if (carried := result.carried) is not None:
        again = "none of the documents like them was voted on anew"
        if carried.rechecked:
            again = (
                f"of {carried.rechecked} untouched documents voted anew, {carried.same} kept their label"
                f" ({_interval(carried.stability)})"
            )
        lines.append(f"  {carried.documents} labels carried over from version {carried.version}; {again}")
    return lines


def _interval(interval: tuple[float | None, float | None, float | None]) -> str:
    value, low, high = interval
    return "undefined" if value is None else f"{value:.3f} [{low:.3f}, {high:.3f}]"
