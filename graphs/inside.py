"""Instructions for the insides of coarse clusters: proposed in each from its own documents, then one gate for all.

    START -> propose (one for each cluster, a few at once) -> collect -> gate -> END

A cluster is asked about once. Clusters that come later, because they have grown or are new, get a round of their own.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Send, interrupt

from ..agents.generation import propose_tasks
from ..core.errors import ModelAnswerError, WaitingForReview
from ..core.task_settings import inside_id
from ..core.taxonomy import Taxonomy, diff_taxonomies
from .reviews import Decision, Gate, TaskEdit, Waiting, retire_gate
from .run import Run
from .tasks import advance, instruction_hash
from .taxonomy import TaxonomyContext

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph

ContextOf = Callable[[str], TaxonomyContext]


@dataclass(frozen=True)
class InsideContext:
    """What the nodes work with: `context_of` gives a coarse cluster's own documents; `gated` asks a person."""

    context_of: ContextOf
    gated: bool


class _Asked(TypedDict):
    cluster: str


class InsideState(TypedDict, total=False):
    """`proposed` gathers {cluster, proposals, trouble}; `tasks` holds {cluster, task}, first all, then those kept."""

    coarse: str
    clusters: list[str]
    taken: list[str]
    proposed: Annotated[list[dict[str, Any]], operator.add]
    tasks: list[dict[str, Any]]
    dropped: list[dict[str, Any]]


@dataclass
class Proposed:
    """What became of the clusters that were asked about: tasks by cluster, those dropped, and where none came.

    `mistake` says what is wrong in the gate's file.
    """

    tasks: dict[str, list[TaskEdit]] = field(default_factory=dict)
    dropped: dict[str, list[TaskEdit]] = field(default_factory=dict)
    trouble: dict[str, str] = field(default_factory=dict)
    waiting: Waiting | None = None
    mistake: WaitingForReview | None = None

    def add(self, state: Mapping[str, Any], new_names: Mapping[str, str]) -> None:
        """Take over a round that has ended; `new_names` holds those of clusters that were renamed since."""
        for store, key in ((self.tasks, "tasks"), (self.dropped, "dropped")):
            for one in state.get(key, []):
                cluster = new_names.get(one["cluster"], one["cluster"])
                store.setdefault(cluster, []).append(TaskEdit.model_validate(one["task"]))
        for one in state.get("proposed", []):
            cluster = new_names.get(one["cluster"], one["cluster"])
            self.trouble.pop(cluster, None)
            if one["trouble"]:
                self.trouble[cluster] = one["trouble"]

    @property
    def answered(self) -> set[str]:
        return {*self.tasks, *self.dropped}

    @property
    def ids(self) -> set[str]:
        return {task.id for store in (self.tasks, self.dropped) for tasks in store.values() for task in tasks}


async def propose_inside(
    run: Run, coarse: Taxonomy, clusters: Sequence[str], taken: set[str], context_of: ContextOf, yes: bool
) -> Proposed:
    """Tasks inside these coarse clusters. Earlier rounds are read back; clusters that none asked about get a new one.

    `taken` are ids that no task may get. The agent's failure on a cluster is that cluster's `trouble`.
    """
    graph = inside_graph(run.checkpoints)
    context = InsideContext(context_of, run.settings.review.proposals)
    found = Proposed()
    history = run.archive.history(coarse.task)
    new_names = {old: new for other in history for old, new in diff_taxonomies(other, coarse).renamed}
    for number in itertools.count():
        thread = f"inside/{coarse.task}/{instruction_hash(coarse.instruction)}/{number}"
        before = await graph.aget_state({"configurable": {"thread_id": thread}})
        start: dict[str, Any] = {}
        if not before.values:
            missing = [cluster for cluster in clusters if cluster not in found.answered]
            if not missing:
                break
            start = {"coarse": coarse.task, "clusters": missing, "taken": sorted(taken | found.ids), "proposed": []}
        try:
            state, found.waiting = await advance(run, graph, thread, start, yes, _gate, context)
        except WaitingForReview as error:
            found.mistake = error
            return found
        if found.waiting is not None:
            return found
        found.add(state, new_names)
        if start:
            if not state.get("tasks") and not state.get("dropped"):
                await run.checkpoints.adelete_thread(thread)
            break
    retire_gate(run.workspace, f"proposals-{coarse.task}")
    return found


def inside_graph(checkpoints: BaseCheckpointSaver[str] | None) -> CompiledStateGraph[Any, Any, Any, Any]:
    graph = StateGraph(InsideState, context_schema=InsideContext)
    graph.add_node("propose", _propose)
    graph.add_node("collect", _collect)
    graph.add_node("gate", _choose)
    graph.add_conditional_edges(START, _to_each_cluster, ["propose"])
    graph.add_edge("propose", "collect")
    graph.add_conditional_edges("collect", _after_collect, {"gate": "gate", "end": END})
    graph.add_edge("gate", END)
    return graph.compile(checkpointer=checkpoints)


def _to_each_cluster(state: InsideState) -> list[Send]:
    return [Send("propose", {"cluster": cluster}) for cluster in state.get("clusters", [])]


async def _propose(state: _Asked, runtime: Runtime[InsideContext]) -> InsideState:
    cluster = state["cluster"]
    context = runtime.context.context_of(cluster)
    context.note(f"{cluster}: the generation agent proposes an instruction from {len(context.documents)} documents")
    proposals, trouble = [], ""
    try:
        proposals = await propose_tasks(context.generator, context.samples(), context.settings.taxonomy)
    except ModelAnswerError as error:
        trouble = str(error)
    found = [proposal.model_dump(mode="json") for proposal in proposals]
    return {"proposed": [{"cluster": cluster, "proposals": found, "trouble": trouble}]}


def _collect(state: InsideState) -> InsideState:
    """The proposals as tasks, in the clusters' order, each with an id of its own."""
    places = {cluster: place for place, cluster in enumerate(state.get("clusters", []))}
    taken = set(state.get("taken", []))
    tasks: list[dict[str, Any]] = []
    for one in sorted(state.get("proposed", []), key=lambda one: places[one["cluster"]]):
        for proposal in one["proposals"]:
            task = inside_id(state.get("coarse", ""), one["cluster"], taken)
            taken.add(task)
            edit = TaskEdit(id=task, **proposal)
            tasks.append({"cluster": one["cluster"], "task": edit.model_dump(mode="json")})
    return {"tasks": tasks}


def _after_collect(state: InsideState) -> Literal["gate", "end"]:
    return "gate" if state.get("tasks") else "end"


def _choose(state: InsideState, runtime: Runtime[InsideContext]) -> InsideState:
    tasks = state.get("tasks", [])
    if not runtime.context.gated:
        return {"tasks": tasks}
    decision = Decision.model_validate(interrupt({"coarse": state.get("coarse"), "tasks": tasks}))
    edits = {task.id: task.model_dump(mode="json") for task in decision.tasks} or {
        one["task"]["id"]: one["task"] for one in tasks
    }
    if decision.verdict == "reject":
        edits = {}
    return {
        "tasks": [{**one, "task": edits[one["task"]["id"]]} for one in tasks if one["task"]["id"] in edits],
        "dropped": [one for one in tasks if one["task"]["id"] not in edits],
    }


def _gate(run: Run, ticket: str, payload: Mapping[str, Any]) -> Gate:
    tasks = payload["tasks"]
    return Gate(
        name=f"proposals-{payload['coarse']}",
        kind="proposals",
        ticket=ticket,
        title="Which of these tasks shall be made inside the coarse clusters? Leave out or rewrite; keep the ids.",
        tasks=tuple(TaskEdit.model_validate(one["task"]) for one in tasks),
        findings=tuple(f"{one['task']['id']} is asked of the documents in {one['cluster']!r}" for one in tasks),
        fixed_ids=True,
    )
