"""The main job: corpus -> taxonomy -> review gate -> dual-labeler consensus -> labelled task. Runs or resumes."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from langgraph.types import Command

from ..core.archive import read_taxonomy
from ..core.consensus import Assignment
from ..core.moments import now
from ..core.settings import Settings, TaskSettings
from ..core.taxonomy import Provenance, Taxonomy
from ..core.workspace import Workspace
from ..corpora.store import ingest
from .carry import carry_labels
from .labeling import LabelingContext, label_pending
from .progress import Progress
from .results import TaskResult, measure_task
from .reviews import Decision, Gate, TaskEdit, Waiting, close_review, open_review, read_decision, retire_gate
from .run import Run, open_run
from .taxonomy import proposals_graph, taxonomy_graph

_ACCEPTED = Decision(verdict="accept", author="--yes")
_GateOf = Callable[[Run, str, Mapping[str, Any]], Gate]


class SynthResult(NamedTuple):
    """What a run came to: labelled tasks, closed gates, tasks that a reviewer dropped, calls paid in this run."""

    tasks: tuple[TaskResult, ...]
    waiting: tuple[Waiting, ...]
    rejected: tuple[str, ...]
    paid: int

    @property
    def unanswered(self) -> int:
        return sum(task.outcomes.get("unanswered", 0) for task in self.tasks)


class _Settled(NamedTuple):
    """A task whose taxonomy is decided (or None: rejected), or the gate it waits at."""

    task: str
    taxonomy: Taxonomy | None
    waiting: Waiting | None


async def synthesize(
    workspace: Workspace, settings: Settings, progress: Progress, limit: int | None = None, yes: bool = False
) -> SynthResult:
    """Run what has not run yet. `limit` labels the first documents only; `yes` passes every gate as proposed.

    Raises EndpointError, BudgetReached, CorpusError, TaxonomyError; whatever was answered before is kept, and the
    same call goes on from there. The caller holds the workspace's lock.
    """
    progress.stage("corpus", None)
    await asyncio.to_thread(ingest, settings.corpus, workspace, progress.advance)
    async with open_run(workspace, settings, progress) as run:
        tasks, waiting = await _tasks(run, yes)
        settled = [await _settle(run, task, yes) for task in tasks]
        results = [
            await _label(run, s.taxonomy, limit) for s in settled if s.taxonomy is not None and s.waiting is None
        ]
        return SynthResult(
            tasks=tuple(results),
            waiting=(*waiting, *(s.waiting for s in settled if s.waiting is not None)),
            rejected=tuple(s.task for s in settled if s.taxonomy is None and s.waiting is None),
            paid=run.roles.paid,
        )


async def _tasks(run: Run, yes: bool) -> tuple[list[TaskEdit | TaskSettings], list[Waiting]]:
    """The settings' tasks, or those that the proposals graph found and a person let pass."""
    if run.settings.tasks:
        return list(run.settings.tasks), []
    graph = proposals_graph(run.checkpoints)
    run.progress.stage("proposals", None)
    state, payload = await _advance(run, graph, "proposals", {}, yes, _proposals_gate)
    if payload is not None:
        return [], [payload]
    retire_gate(run.workspace, "proposals")
    return [TaskEdit.model_validate(task) for task in state.get("tasks", [])], []


async def _settle(run: Run, task: TaskEdit | TaskSettings, yes: bool) -> _Settled:
    """The task's current taxonomy; made now, by its graph, if there is none for this instruction."""
    given = task.taxonomy if isinstance(task, TaskSettings) else None
    if given is not None:
        return _Settled(task.id, _given(run, task, given), None)
    graph = taxonomy_graph(run.checkpoints)
    thread = f"taxonomy/{task.id}/{hashlib.sha256(task.instruction.encode()).hexdigest()[:16]}"
    current = run.archive.current(task.id)
    if current is not None and (current.instruction == task.instruction or await _has_ended(graph, thread)):
        retire_gate(run.workspace, f"taxonomy-{task.id}")
        return _Settled(task.id, current, None)
    start: dict[str, Any] = {"task": task.id, "instruction": task.instruction}
    if isinstance(task, TaskEdit):
        start["clusters"] = [cluster.model_dump() for cluster in task.clusters]
    run.progress.stage(f"{task.id}: taxonomy", None)
    state, waiting = await _advance(run, graph, thread, start, yes, _taxonomy_gate)
    if waiting is not None:
        return _Settled(task.id, None, waiting)
    for trouble in state.get("trouble", []):
        run.progress.note(f"{task.id}: an agent could not help: {trouble}")
    if Decision.model_validate(state["decision"]).verdict == "reject":
        return _Settled(task.id, None, None)
    accepted = run.archive.version(task.id, state["version"])
    run.archive.accept(accepted)
    return _Settled(task.id, accepted, None)


async def _has_ended(graph: Any, thread: str) -> bool:
    snapshot = await graph.aget_state({"configurable": {"thread_id": thread}})
    return bool(snapshot.values) and not snapshot.next


def _given(run: Run, task: TaskEdit | TaskSettings, file: str) -> Taxonomy:
    path = run.workspace.resolve(file)
    taxonomy = read_taxonomy(path, task.id, task.instruction)
    provenance = Provenance(author=path.name, kind="given", at=now())
    stored = run.archive.add(taxonomy.model_copy(update={"task": task.id, "provenance": provenance}))
    run.archive.accept(stored)
    return stored


async def _advance(
    run: Run, graph: Any, thread: str, start: Mapping[str, Any], yes: bool, gate: _GateOf
) -> tuple[dict[str, Any], Waiting | None]:
    """Start or resume a gated graph. Returns its state and None at the end, or the gate where it waits."""
    config = {"configurable": {"thread_id": thread}}
    context = run.taxonomy_context()
    snapshot = await graph.aget_state(config)
    given: Any = None if snapshot.next else dict(start)
    while True:
        if not snapshot.interrupts:
            if not (snapshot.values and not snapshot.next):
                await graph.ainvoke(given, config, context=context, durability="sync")
            snapshot = await graph.aget_state(config)
        if not snapshot.interrupts:
            return snapshot.values, None
        asked = snapshot.interrupts[0]
        waiting = open_review(run.workspace, gate(run, asked.id, asked.value))
        decision = read_decision(waiting) or (_ACCEPTED if yes else None)
        if decision is None:
            return snapshot.values, waiting
        await graph.ainvoke(
            Command(resume=decision.model_dump(mode="json")), config, context=context, durability="sync"
        )
        close_review(run.workspace, waiting, decision)
        snapshot = await graph.aget_state(config)
        given = None


def _proposals_gate(run: Run, ticket: str, payload: Mapping[str, Any]) -> Gate:
    return Gate(
        name="proposals",
        kind="proposals",
        ticket=ticket,
        title="Which of these tasks shall be made?",
        tasks=tuple(TaskEdit.model_validate(task) for task in payload["tasks"]),
    )


def _taxonomy_gate(run: Run, ticket: str, payload: Mapping[str, Any]) -> Gate:
    taxonomy = run.archive.version(payload["task"], payload["version"])
    check = run.archive.check(taxonomy.task, taxonomy.version)
    return Gate(
        name=payload["gate"],
        kind="taxonomy",
        ticket=ticket,
        title=f"Is this the taxonomy for {taxonomy.task!r}?",
        tasks=(TaskEdit(id=taxonomy.task, instruction=taxonomy.instruction, clusters=taxonomy.clusters),),
        findings=tuple(finding.text for finding in check.findings) if check else (),
        version=taxonomy.version,
    )


async def _label(run: Run, taxonomy: Taxonomy, limit: int | None) -> TaskResult:
    labels = run.labels(taxonomy)
    await asyncio.to_thread(carry_labels, run.workspace, run.settings, run.documents.keys(), taxonomy)

    def answered(_: Assignment) -> None:
        run.progress.advance()
        run.progress.spent(run.ledger.tokens, run.ledger.usd)

    context = LabelingContext(run.documents, labels, run.agents(taxonomy), run.in_flight, answered)
    await label_pending(
        context,
        taxonomy.task,
        run.settings.labeling.chunk,
        run.checkpoints,
        limit,
        lambda pending: run.progress.stage(f"{taxonomy.task}: labeling", 2 * pending),
    )
    return measure_task(run.workspace, run.settings, run.documents, taxonomy)
