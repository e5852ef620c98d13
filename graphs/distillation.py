"""The distillation graph: one run makes the traces of a chunk of examples (paper §5.1, App. C).

    START -> trace -> check -> review -> rederive -> store -> END
               ^                            |
               +--------- send_back <-------+   while a trace is rejected and rounds are left

State holds places of examples and a file's name, never texts: drafts lie in the chunk's folder, one file a step.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypedDict

import orjson
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from pydantic import BaseModel, ConfigDict

from ..agents.leaning import leaning_signs
from ..agents.rederiving import RederivingAgent
from ..agents.reviewing import ReviewAgent, leaning_complaint
from ..agents.tracing import NoTrace, TracingAgent
from ..core.answer import Answer, parse_answer, render_answer
from ..core.distill_settings import DistillSettings
from ..core.errors import ModelAnswerError
from ..core.tasks import Example
from ..core.traces import RejectionReason, TraceAttempt, TraceScores
from ..core.workspace import write_bytes
from ..llm.failures import CallFailed
from .labeling import together

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph

Status = Literal["open", "written", "kept", "rejected", "unanswered"]


class Examples(Protocol):
    """A split's examples by place, 0 first; each is read when it is asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, place: int, /) -> Example: ...


class Draft(BaseModel):
    """A trace on its way: `open` waits to be written, `written` to be judged; `error` says why one is `unanswered`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    place: int
    status: Status = "open"
    reasoning: str = ""
    answer: tuple[tuple[int, ...], ...] = ()
    call: str = ""
    scores: TraceScores | None = None
    rederived: float | None = None
    attempts: tuple[TraceAttempt, ...] = ()
    rejected: TraceAttempt | None = None
    error: str = ""

    def with_(self, **fields: Any) -> Draft:
        return self.model_copy(update=fields)

    def reject(self, reason: RejectionReason, says: str) -> Draft:
        attempt = TraceAttempt(round=len(self.attempts) + 1, reason=reason, says=says, call=self.call)
        return self.with_(status="rejected", rejected=attempt)

    def sent_back(self) -> Draft:
        assert self.rejected is not None
        return Draft(place=self.place, attempts=(*self.attempts, self.rejected))


class Agents(NamedTuple):
    """Who writes and who judges."""

    tracing: TracingAgent
    review: ReviewAgent
    rederiving: RederivingAgent


class ChunkState(TypedDict, total=False):
    """A chunk on its way: places of its examples, the round, and the file with its drafts as they stand."""

    chunk: str
    examples: list[int]
    round: int
    drafts: str


@dataclass(frozen=True)
class DistillationContext:
    """What the nodes work with. `parts` has a folder for each chunk; `in_flight` examples are worked on at once.

    `settled` is told of each draft that is kept, rejected for good or without an answer; `store` keeps the former two.
    """

    examples: Examples
    agents: Agents
    settings: DistillSettings
    parts: Path
    in_flight: int
    store: Callable[[Sequence[Draft]], None]
    settled: Callable[[Draft], None] = lambda _: None

    def goes_back(self, draft: Draft) -> bool:
        return draft.status == "rejected" and len(draft.attempts) + 1 < self.settings.rounds


def distillation_graph(checkpoints: BaseCheckpointSaver[str]) -> CompiledStateGraph[Any, Any, Any, Any]:
    """The compiled graph; its runs take a DistillationContext."""
    graph = StateGraph(ChunkState, context_schema=DistillationContext)
    steps: dict[str, _Step] = {"trace": _trace, "check": _check, "review": _review, "rederive": _rederive}
    for name, step in steps.items():
        graph.add_node(name, _node(name, step))
    graph.add_node("send_back", _send_back)
    graph.add_node("store", _store)
    graph.add_edge(START, "trace")
    graph.add_edge("trace", "check")
    graph.add_edge("check", "review")
    graph.add_edge("review", "rederive")
    graph.add_conditional_edges("rederive", _again, ["send_back", "store"])
    graph.add_edge("send_back", "trace")
    graph.add_edge("store", END)
    return graph.compile(checkpointer=checkpoints)


_Step = Callable[[DistillationContext, Draft], Awaitable[Draft]]


def _node(name: str, step: _Step) -> Any:
    """A node that takes every draft in need of the step through it and writes them all anew."""
    needs: Status = "open" if name == "trace" else "written"

    async def node(state: ChunkState, runtime: Runtime[DistillationContext]) -> dict[str, str]:
        context = runtime.context
        drafts = list(_read(context, state))
        waiting = iter([place for place, draft in enumerate(drafts) if draft.status == needs])

        async def work() -> None:
            for place in waiting:
                drafts[place] = await _answered(step, context, drafts[place])
                if drafts[place].status == "kept":
                    context.settled(drafts[place])

        await together(work() for _ in range(min(context.in_flight, len(drafts))))
        return _write(context, state, name, drafts)

    return node


async def _answered(step: _Step, context: DistillationContext, draft: Draft) -> Draft:
    """The step's draft, or an unanswered one. Raises CallFailed when no call to the endpoint can succeed."""
    try:
        return await step(context, draft)
    except CallFailed as failure:
        if failure.kind == "fatal":
            raise
        return draft.with_(status="unanswered", error=str(failure))
    except ModelAnswerError as error:
        return draft.with_(status="unanswered", error=str(error))


async def _trace(context: DistillationContext, draft: Draft) -> Draft:
    """A new trace; one that is unreadable or answers other than gold is rejected without being looked at."""
    try:
        made = await context.agents.tracing.trace(context.examples[draft.place], draft.attempts, len(draft.attempts))
    except NoTrace as error:
        return draft.with_(call=error.call).reject(error.reason, error.says)
    return draft.with_(status="written", reasoning=made.reasoning, answer=made.answer.clusters, call=made.call)


async def _check(context: DistillationContext, draft: Draft) -> Draft:
    """What needs no model: the student's answer can be read back and is gold, the length, signs of leaning."""
    settings, example, words = context.settings, context.examples[draft.place], len(draft.reasoning.split())
    try:
        answer = parse_answer(render_answer(Answer(draft.answer), draft.reasoning), len(example.texts))
    except ValueError as error:
        return draft.reject("unusable", f"with this reasoning the answer cannot be read back: {error}")
    if {*map(frozenset, answer.clusters)} != {*map(frozenset, example.gold.clusters)}:
        return draft.reject("answer", "its answer is another clustering than the one to arrive at")
    if words < settings.least_words:
        return draft.reject("too_short", f"the reasoning has {words} words; write at least {settings.least_words}")
    if words > settings.most_words:
        return draft.reject("too_long", f"the reasoning has {words} words; write at most {settings.most_words}")
    signs = leaning_signs(draft.reasoning, example.gold) if settings.blind else ()
    if signs:
        return draft.reject("leaning", leaning_complaint(signs))
    return draft


async def _review(context: DistillationContext, draft: Draft) -> Draft:
    review = await context.agents.review.review(context.examples[draft.place], draft.reasoning)
    rated = draft.with_(scores=review.scores)
    return rated if review.reason is None else rated.reject(review.reason, review.says)


async def _rederive(context: DistillationContext, draft: Draft) -> Draft:
    if not context.settings.rederive:
        return draft.with_(status="kept")
    found = await context.agents.rederiving.rederive(context.examples[draft.place], draft.reasoning)
    judged = draft.with_(rederived=found.quality)
    if found.quality >= context.settings.pass_rederived:
        return judged.with_(status="kept")
    return judged.reject("rederived", _not_rederived(found.quality, context.settings.pass_rederived))


def _not_rederived(quality: float, bar: float) -> str:
    return (
        "a reader who had only the reasoning could not repeat the assignment from it"
        f" (V-measure {quality:.2f}, at least {bar:.2f} is needed): say where every text goes, by its number, and why"
    )


def _again(state: ChunkState, runtime: Runtime[DistillationContext]) -> Literal["send_back", "store"]:
    return "send_back" if any(map(runtime.context.goes_back, _read(runtime.context, state))) else "store"


async def _send_back(state: ChunkState, runtime: Runtime[DistillationContext]) -> dict[str, Any]:
    context = runtime.context
    drafts = [draft.sent_back() if context.goes_back(draft) else draft for draft in _read(context, state)]
    return {**_write(context, state, "send_back", drafts), "round": state["round"] + 1}


async def _store(state: ChunkState, runtime: Runtime[DistillationContext]) -> dict[str, Any]:
    context = runtime.context
    drafts = list(_read(context, state))
    context.store([draft for draft in drafts if draft.status in ("kept", "rejected")])
    for draft in drafts:
        if draft.status in ("rejected", "unanswered"):
            context.settled(draft)
    return {}


def _folder(context: DistillationContext, chunk: str) -> Path:
    return context.parts / chunk


def _read(context: DistillationContext, state: ChunkState) -> Iterator[Draft]:
    if "drafts" not in state:
        return (Draft(place=place) for place in state["examples"])
    lines = (_folder(context, state["chunk"]) / state["drafts"]).read_bytes().splitlines()
    return map(Draft.model_validate_json, lines)


def _write(context: DistillationContext, state: ChunkState, step: str, drafts: Sequence[Draft]) -> dict[str, str]:
    name = f"{state['round']}-{step}.jsonl"
    lines = b"".join(orjson.dumps(draft.model_dump(mode="json")) + b"\n" for draft in drafts)
    write_bytes(_folder(context, state["chunk"]) / name, lines)
    return {"drafts": name}


async def distill_chunk(
    graph: CompiledStateGraph[Any, Any, Any, Any],
    context: DistillationContext,
    places: Sequence[int],
    made_from: Sequence[str],
    checkpoints: BaseCheckpointSaver[str],
) -> None:
    """Make a chunk's traces, or go on where a run was interrupted.

    A chunk is named by what its traces are made from, so that the same pending examples find their graph run again.
    """
    name = hashlib.blake2b("\n".join(made_from).encode(), digest_size=8).hexdigest()
    config: Any = {
        "configurable": {"thread_id": f"distill/{name}"},
        "recursion_limit": 10 + 5 * context.settings.rounds,
    }
    state: ChunkState | None = {"chunk": name, "examples": list(places), "round": 1}
    if await _resumable(graph, config, places, context):
        state = None
    await graph.ainvoke(state, config, context=context, durability="sync")
    await checkpoints.adelete_thread(config["configurable"]["thread_id"])
    shutil.rmtree(_folder(context, name), ignore_errors=True)


async def _resumable(
    graph: CompiledStateGraph[Any, Any, Any, Any], config: Any, places: Sequence[int], context: DistillationContext
) -> bool:
    """A run was interrupted in this chunk, its examples still lie where they did, and its drafts are there."""
    snapshot = await graph.aget_state(config)
    values = snapshot.values
    if not snapshot.next or values.get("examples") != list(places):
        return False
    return "drafts" not in values or (_folder(context, values["chunk"]) / values["drafts"]).exists()
