"""One task of a run: its taxonomy is settled at its gate, then its documents are labelled and measured."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from langgraph.types import Command, StateSnapshot

from ..core.archive import read_taxonomy
from ..core.consensus import Assignment
from ..core.errors import WaitingForReview
from ..core.moments import now
from ..core.settings import TaskSettings
from ..core.tasks import Parent
from ..core.taxonomy import Provenance, Taxonomy
from .carry import carry_labels
from .labeling import LabelingContext, label_pending
from .results import TaskResult, measure_task
from .reviews import Decision, Gate, TaskEdit, Waiting, close_review, open_review, read_decision, retire_gate
from .run import Run
from .taxonomy import taxonomy_graph

_ACCEPTED = Decision(verdict="accept", author="--yes")
_GateOf = Callable[[Run, str, Mapping[str, Any]], Gate]


class Settled(NamedTuple):
    """A task whose taxonomy is decided (or None: rejected), or the gate it waits at."""

    task: str
    taxonomy: Taxonomy | None
    waiting: Waiting | None


async def settle(run: Run, task: TaskEdit | TaskSettings, yes: bool) -> Settled:
    """The task's current taxonomy; made now, by its graph, if there is none for this instruction."""
    given = task.taxonomy if isinstance(task, TaskSettings) else None
    if given is not None:
        return Settled(task.id, _given(run, task, given), None)
    graph = taxonomy_graph(run.checkpoints)
    thread = f"taxonomy/{task.id}/{instruction_hash(task.instruction)}"
    current = run.archive.current(task.id)
    if current is not None and (current.instruction == task.instruction or await _has_ended(graph, thread)):
        retire_gate(run.workspace, f"taxonomy-{task.id}")
        return Settled(task.id, current, None)
    start: dict[str, Any] = {"task": task.id, "instruction": task.instruction}
    if isinstance(task, TaskEdit):
        start["clusters"] = [cluster.model_dump() for cluster in task.clusters]
    run.progress.stage(f"{task.id}: taxonomy", None)
    state, waiting = await advance(run, graph, thread, start, yes, _taxonomy_gate, run.taxonomy_context())
    if waiting is not None:
        return Settled(task.id, None, waiting)
    for trouble in state.get("trouble", []):
        run.progress.note(f"{task.id}: an agent could not help: {trouble}")
    if Decision.model_validate(state["decision"]).verdict == "reject":
        return Settled(task.id, None, None)
    accepted = run.archive.version(task.id, state["version"])
    run.archive.accept(accepted)
    return Settled(task.id, accepted, None)


async def label_task(run: Run, taxonomy: Taxonomy, limit: int | None, parent: Parent | None = None) -> TaskResult:
    """Label what is pending of the run's documents and measure the task; `parent` tells where they come from."""
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
    return measure_task(run.workspace, run.settings, run.documents, taxonomy, parent)


async def advance(
    run: Run, graph: Any, thread: str, start: Mapping[str, Any], yes: bool, gate_of: _GateOf, context: Any
) -> tuple[dict[str, Any], Waiting | None]:
    """Start or resume a gated graph. Returns its state and None at the end, or the gate where it waits."""
    config = {"configurable": {"thread_id": thread}, "max_concurrency": run.settings.hierarchy.parallel}
    snapshot = await graph.aget_state(config)
    given: Any = None if snapshot.tasks else dict(start)
    while True:
        if not snapshot.interrupts:
            if not _ended(snapshot):
                await graph.ainvoke(given, config, context=context, durability="sync")
            snapshot = await graph.aget_state(config)
        if not snapshot.interrupts:
            return snapshot.values, None
        asked = snapshot.interrupts[0]
        gate = gate_of(run, asked.id, asked.value).model_copy(update={"hierarchical": run.hierarchical})
        waiting = open_review(run.workspace, gate)
        decision = read_decision(waiting) or (_ACCEPTED if yes else None)
        if decision is None:
            return snapshot.values, waiting
        _check_ids(gate, decision, waiting)
        await graph.ainvoke(
            Command(resume=decision.model_dump(mode="json")), config, context=context, durability="sync"
        )
        close_review(run.workspace, waiting, decision)
        snapshot = await graph.aget_state(config)
        given = None


def instruction_hash(instruction: str) -> str:
    return hashlib.sha256(instruction.encode()).hexdigest()[:16]


def _check_ids(gate: Gate, decision: Decision, waiting: Waiting) -> None:
    """Raises WaitingForReview where a decision renames tasks that are known by their ids."""
    if not gate.fixed_ids:
        return
    ids = [task.id for task in decision.tasks]
    known = [task.id for task in gate.tasks]
    wrong = next((i for i in ids if i not in known or ids.count(i) > 1), None)
    if wrong is not None:
        raise WaitingForReview(
            f"{waiting.file} has a task {wrong!r} that was not proposed or stands twice; mend it and run again:"
            f" an id tells the task's cluster, keep those of {', '.join(known)}"
        )


async def _has_ended(graph: Any, thread: str) -> bool:
    return _ended(await graph.aget_state({"configurable": {"thread_id": thread}}))


def _ended(snapshot: StateSnapshot) -> bool:
    """Nothing is left to run. (`next` would not do: it is empty too where a node's result waits to be taken over.)"""
    return bool(snapshot.values) and not snapshot.tasks


def _given(run: Run, task: TaskEdit | TaskSettings, file: str) -> Taxonomy:
    path = run.workspace.resolve(file)
    taxonomy = read_taxonomy(path, task.id, task.instruction)
    provenance = Provenance(author=path.name, kind="given", at=now())
    stored = run.archive.add(taxonomy.model_copy(update={"task": task.id, "provenance": provenance}))
    run.archive.accept(stored)
    return stored


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
