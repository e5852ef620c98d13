"""The labeling graph: one run labels a chunk of documents. labeler A and labeler B in parallel, then consensus.

    START -> labeler_a -> consensus -> END
    START -> labeler_b -> consensus

State holds row numbers and file references, never texts: checkpoints stay small and documents are read where needed.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from ..agents.labeling import LABELERS, Labeler, LabelingAgent
from ..core.consensus import Assignment, decide
from ..core.documents import Document
from ..core.labels import Keys, LabelRow, LabelStore, read_votes, write_votes
from ..corpora.subset import Documents
from .pending import pending_rows

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph


class ChunkState(TypedDict, total=False):
    """A chunk on its way: `rows` are places in the corpus file, the rest are file names in the label folder."""

    chunk: str
    rows: list[int]
    labeler_a: str
    labeler_b: str
    labels: str


@dataclass(frozen=True)
class LabelingContext:
    """What the nodes work with: `in_flight` is how many calls a labeler has open; `answered` is told of every vote."""

    documents: Documents
    labels: LabelStore
    agents: dict[Labeler, LabelingAgent]
    in_flight: int
    answered: Callable[[Assignment], None] = lambda _: None

    @property
    def parts(self) -> Path:
        return self.labels.folder / "parts"


async def vote_on(
    agent: LabelingAgent, documents: Sequence[Document], in_flight: int, answered: Callable[[Assignment], None]
) -> list[Assignment]:
    """One labeler's votes, in the documents' order, `in_flight` at a time. The first fatal failure cancels the rest."""
    votes: dict[int, Assignment] = {}
    places = iter(sorted(range(len(documents)), key=lambda place: agent.order_of(documents[place])))

    async def work() -> None:
        for place in places:
            votes[place] = await agent.label(documents[place])
            answered(votes[place])

    await together(work() for _ in range(min(in_flight, len(documents))))
    return [votes[place] for place in range(len(documents))]


async def together(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run coroutines at once; the first error cancels the others and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            for coroutine in work:
                group.create_task(coroutine)
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


def labeling_graph(checkpoints: BaseCheckpointSaver[str] | None) -> CompiledStateGraph[Any, Any, Any, Any]:
    """The compiled graph; its runs take a LabelingContext."""
    graph = StateGraph(ChunkState, context_schema=LabelingContext)
    for labeler in LABELERS:
        graph.add_node(labeler, _labeler_node(labeler))
        graph.add_edge(START, labeler)
    graph.add_node("consensus", _consensus)
    graph.add_edge(list(LABELERS), "consensus")
    graph.add_edge("consensus", END)
    return graph.compile(checkpointer=checkpoints)


def _labeler_node(labeler: Labeler) -> Any:
    async def node(state: ChunkState, runtime: Runtime[LabelingContext]) -> dict[str, str]:
        context = runtime.context
        documents = context.documents.rows(state["rows"], meta=False)
        votes = await vote_on(context.agents[labeler], documents, context.in_flight, context.answered)
        name = f"{state['chunk']}.{labeler}.jsonl"
        write_votes(context.parts / name, votes)
        return {labeler: name}

    return node


async def _consensus(state: ChunkState, runtime: Runtime[LabelingContext]) -> dict[str, str]:
    context = runtime.context
    documents = context.documents.rows(state["rows"], meta=False)
    parts = [context.parts / state[labeler] for labeler in LABELERS]
    first, second = (read_votes(part) for part in parts)
    agent = context.agents["labeler_a"]
    rows = [
        LabelRow(document.key, row, agent.is_cut(document), decide(document.id, a, b))
        for row, document, a, b in zip(state["rows"], documents, first, second, strict=True)
    ]
    path = context.labels.write(state["chunk"], rows)
    for part in parts:
        part.unlink(missing_ok=True)
    return {"labels": path.name}


async def label_pending(
    context: LabelingContext,
    task: str,
    chunk: int,
    checkpoints: BaseCheckpointSaver[str] | None,
    limit: int | None = None,
    starting: Callable[[int], None] = lambda _: None,
) -> int:
    """Label the documents that have no decided label yet, in chunks; returns how many were pending.

    `limit` looks at the corpus' first documents only; `starting` is told the number pending. Enough chunks run at once
    to fill the endpoints. A chunk is named by its documents, so after a crash the same pending documents find their
    graph run, and a run that finished is found in its file.
    """
    keys = context.documents.keys()[:limit]
    pending = pending_rows(keys, context.labels.decided())
    starting(len(pending))
    graph = labeling_graph(checkpoints)
    chunks = [pending[start : start + chunk] for start in range(0, len(pending), chunk)]
    running = asyncio.Semaphore(1 + -(-context.in_flight // (2 * chunk)))

    async def run(rows: list[int]) -> None:
        async with running:
            await _run_chunk(graph, context, task, rows, keys[rows], checkpoints)

    await together(run(rows) for rows in chunks)
    shutil.rmtree(context.parts, ignore_errors=True)
    return len(pending)


async def _run_chunk(
    graph: CompiledStateGraph[Any, Any, Any, Any],
    context: LabelingContext,
    task: str,
    rows: list[int],
    keys: Keys,
    checkpoints: BaseCheckpointSaver[str] | None,
) -> None:
    name = hashlib.blake2b(keys.tobytes(), digest_size=8).hexdigest()
    thread = f"{task}/{context.labels.folder.name}/{name}"
    config: Any = {"configurable": {"thread_id": thread}}
    state: ChunkState | None = {"chunk": name, "rows": rows}
    if checkpoints is not None and await _resumable(graph, config, rows, context):
        state = None
    await graph.ainvoke(state, config, context=context, durability="sync")
    if checkpoints is not None:
        await checkpoints.adelete_thread(thread)


async def _resumable(
    graph: CompiledStateGraph[Any, Any, Any, Any], config: Any, rows: list[int], context: LabelingContext
) -> bool:
    """A run was interrupted in this chunk, its rows still lie where they did, and the parts it wrote are there."""
    snapshot = await graph.aget_state(config)
    values = snapshot.values
    parts = [values[labeler] for labeler in LABELERS if labeler in values]
    return bool(snapshot.next) and values.get("rows") == rows and all((context.parts / p).exists() for p in parts)
