"""The main job: corpus -> taxonomy -> review gate -> dual-labeler consensus -> labelled task. Runs or resumes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..core.errors import ModelAnswerError
from ..core.hierarchy import Hierarchy
from ..core.settings import Settings, TaskSettings
from ..core.workspace import Workspace
from ..corpora.store import ingest
from .hierarchy import synthesize_levels
from .progress import Progress
from .results import TaskResult
from .reviews import Gate, TaskEdit, Waiting, retire_gate
from .run import Run, open_run
from .tasks import advance, label_task, settle
from .taxonomy import proposals_graph


class SynthResult(NamedTuple):
    """What a run came to: labelled tasks, closed gates, tasks that a reviewer dropped, calls paid in this run.

    A hierarchical run has its levels in `hierarchy`, and in `failed` why tasks inside clusters got no taxonomy.
    """

    tasks: tuple[TaskResult, ...]
    waiting: tuple[Waiting, ...]
    rejected: tuple[str, ...]
    paid: int
    hierarchy: Hierarchy | None = None
    failed: tuple[ModelAnswerError, ...] = ()

    @property
    def unanswered(self) -> int:
        return sum(task.outcomes.get("unanswered", 0) for task in self.tasks)


async def synthesize(
    workspace: Workspace,
    settings: Settings,
    progress: Progress,
    limit: int | None = None,
    yes: bool = False,
    hierarchical: bool = False,
) -> SynthResult:
    """Run what has not run yet. `limit` labels the first documents only; `yes` passes every gate as proposed.

    A `hierarchical` run makes what `settings.hierarchy` says in place of `settings.tasks`.

    Raises EndpointError, BudgetReached, CorpusError, TaxonomyError; whatever was answered before is kept, and the
    same call goes on from there. The caller holds the workspace's lock.
    """
    progress.stage("corpus", None)
    await asyncio.to_thread(ingest, settings.corpus, workspace, progress.advance)
    async with open_run(workspace, settings, progress) as run:
        if hierarchical:
            return await _levels(run, yes, limit)
        tasks, waiting = await _tasks(run, yes)
        settled = [await settle(run, task, yes) for task in tasks]
        results = [
            await label_task(run, s.taxonomy, limit) for s in settled if s.taxonomy is not None and s.waiting is None
        ]
        return SynthResult(
            tasks=tuple(results),
            waiting=(*waiting, *(s.waiting for s in settled if s.waiting is not None)),
            rejected=tuple(s.task for s in settled if s.taxonomy is None and s.waiting is None),
            paid=run.roles.paid,
        )


async def _levels(run: Run, yes: bool, limit: int | None) -> SynthResult:
    levels = await synthesize_levels(run, yes, limit)
    return SynthResult(levels.tasks, levels.waiting, levels.rejected, run.roles.paid, levels.hierarchy, levels.failed)


async def _tasks(run: Run, yes: bool) -> tuple[list[TaskEdit | TaskSettings], list[Waiting]]:
    """The settings' tasks, or those that the proposals graph found and a person let pass."""
    if run.settings.tasks:
        return list(run.settings.tasks), []
    graph = proposals_graph(run.checkpoints)
    run.progress.stage("proposals", None)
    state, payload = await advance(run, graph, "proposals", {}, yes, _proposals_gate, run.taxonomy_context())
    if payload is not None:
        return [], [payload]
    retire_gate(run.workspace, "proposals")
    return [TaskEdit.model_validate(task) for task in state.get("tasks", [])], []


def _proposals_gate(run: Run, ticket: str, payload: Mapping[str, Any]) -> Gate:
    return Gate(
        name="proposals",
        kind="proposals",
        ticket=ticket,
        title="Which of these tasks shall be made?",
        tasks=tuple(TaskEdit.model_validate(task) for task in payload["tasks"]),
    )
