"""The distillation job: examples -> traces, reviewed and kept, and the figures of all of them (paper §5.1, App. C).

Pending is computed: an example is done when its stored trace was made from the same example, prompts, models and
settings. What is made anew reads every call that is still the same from the ledger.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from ..agents.rederiving import RederivingAgent
from ..agents.reviewing import ReviewAgent
from ..agents.tracing import TracingAgent
from ..core.answer import Answer, answer_block
from ..core.distillation import Asked, DistillReport, distill_report, write_report
from ..core.errors import BudgetReached, EndpointError
from ..core.settings import ModelSettings, Role, Settings
from ..core.tasks import Example
from ..core.traces import (
    Trace,
    prompt_of,
    put_traces_away,
    read_task_traces,
    read_traces,
    read_verdicts,
    write_traces,
)
from ..core.workspace import Workspace, write_text
from ..llm.protocol import ChatRequest
from ..llm.requests import request_body
from ..reports.distillation import distillation_page
from .distillation import Agents, DistillationContext, Draft, Examples, distill_chunk, distillation_graph
from .labeling import together
from .opening import Opened, open_models
from .progress import Progress

PAGE = "report.html"
_RULES = 1
"""Raised when the graph decides otherwise about the same answers, so that traces are made anew."""
_ROLES: tuple[Role, Role] = ("tracer", "reviewer")


class DistillResult(NamedTuple):
    """What a run came to: the figures, calls paid, and the examples that got no answer with the reason."""

    report: DistillReport
    paid: int
    unanswered: dict[str, str]


async def distill(
    workspace: Workspace,
    settings: Settings,
    examples: Examples,
    benchmark: str,
    progress: Progress,
    limit: int | None = None,
) -> DistillResult:
    """Make the traces that are pending, of the first `limit` examples; the figures are about all of them.

    Raises EndpointError and BudgetReached; whatever was answered before is kept, the figures are written, and the
    same call goes on from there. The caller holds the workspace's lock.
    """
    async with open_models(workspace, settings, progress) as opened:
        job = _Job(workspace, settings, examples, benchmark, progress, opened)
        progress.stage("examples", None)
        await asyncio.to_thread(job.look)
        try:
            await job.make(limit)
        except (BudgetReached, EndpointError):
            job.report()
            raise
        return DistillResult(job.report(), opened.roles.paid, job.unanswered)


class _Job:
    """One run of the job."""

    def __init__(
        self,
        workspace: Workspace,
        settings: Settings,
        examples: Examples,
        benchmark: str,
        progress: Progress,
        opened: Opened,
    ) -> None:
        self.unanswered: dict[str, str] = {}
        self._folder = workspace.traces
        self._parts = workspace.state / "distill"
        self._settings = settings
        self._examples = examples
        self._benchmark = benchmark
        self._progress = progress
        self._opened = opened
        self._agents = Agents(
            TracingAgent(opened.roles.thinking("tracer"), settings.distill),
            ReviewAgent(opened.roles.thinking("reviewer"), settings.distill),
            RederivingAgent(opened.roles.thinking("reviewer"), settings.distill),
        )
        self._asked: list[Asked] = []
        self._places: dict[str, int] = {}

    def look(self) -> None:
        """Read every example once, and leave out traces of examples that the benchmark no longer has."""
        base = self._made_by()
        for place in range(len(self._examples)):
            example = self._examples[place]
            made_from = _hash([base, *example.model_dump(mode="json", exclude={"document_ids"}).values()])
            self._asked.append(Asked(example.id, example.task, example.instruction, made_from))
        self._places = {one.id: place for place, one in enumerate(self._asked)}
        self._leave_out_others()

    async def make(self, limit: int | None) -> None:
        pending = [place for place in self._pending() if limit is None or place < limit]
        distill = self._settings.distill
        self._progress.stage("traces", len(pending))
        chunks = [pending[start : start + distill.chunk] for start in range(0, len(pending), distill.chunk)]
        graph, context = distillation_graph(self._opened.checkpoints), self._context()
        running = asyncio.Semaphore(1 + -(-2 * context.in_flight // distill.chunk))

        async def run(places: list[int]) -> None:
            async with running:
                made_from = [self._asked[place].made_from for place in places]
                await distill_chunk(graph, context, places, made_from, self._opened.checkpoints)

        await together(run(places) for places in chunks)
        shutil.rmtree(self._parts, ignore_errors=True)

    def report(self) -> DistillReport:
        """Measure what is stored, and write the figures and their page."""
        models = self._settings.models
        verdicts = read_verdicts(self._folder)
        report = distill_report(
            self._asked,
            read_traces(self._folder),
            verdicts,
            benchmark=self._benchmark,
            tracer=models.tracer.model,
            reviewer=models.reviewer.model,
            rounds=self._settings.distill.rounds,
            costs=[cost for cost in self._opened.ledger.totals() if cost.role in _ROLES],
        )
        write_report(self._folder, report)
        write_text(self._folder / PAGE, distillation_page(report, read_traces(self._folder), verdicts))
        return report

    def _made_by(self) -> str:
        """Everything but the example that decides what a trace is: prompts, models, settings."""
        agents = self._agents
        return _hash(
            [
                _RULES,
                agents.tracing.prompt,
                agents.review.prompt,
                agents.rederiving.prompt,
                [_asked_of(self._settings.models.role(role)) for role in _ROLES],
                self._settings.distill.model_dump(mode="json", exclude={"chunk"}),
            ]
        )

    def _pending(self) -> list[int]:
        made = {trace.example: trace.made_from for trace in read_traces(self._folder)}
        return [place for place, one in enumerate(self._asked) if made.get(one.id) != one.made_from]

    def _leave_out_others(self) -> None:
        """An earlier benchmark's traces may hold texts that this one tests on; they are put away, not deleted."""
        for path in sorted(self._folder.glob("[!._]*.jsonl")):
            traces = list(read_task_traces(self._folder, path.stem))
            left = [trace for trace in traces if not trace.example or trace.example in self._places]
            gone = [trace for trace in traces if trace.example and trace.example not in self._places]
            if gone:
                put_away = put_traces_away(self._folder, gone)
                self._progress.note(
                    f"{path.name}: {len(gone)} traces of examples that the benchmark does not have, now in {put_away}"
                )
                write_traces(self._folder, path.stem, left)
            if not left:
                path.unlink()

    def _context(self) -> DistillationContext:
        models = self._settings.models
        return DistillationContext(
            examples=self._examples,
            agents=self._agents,
            settings=self._settings.distill,
            parts=self._parts,
            in_flight=max(models.role(role).concurrency for role in _ROLES),
            store=self._store,
            settled=self._settled,
        )

    def _settled(self, draft: Draft) -> None:
        self._progress.advance()
        self._progress.spent(self._opened.ledger.tokens, self._opened.ledger.usd)
        if draft.status == "unanswered":
            self.unanswered[self._asked[draft.place].id] = draft.error

    def _store(self, drafts: Sequence[Draft]) -> None:
        """Put traces into their tasks' files, in the examples' order, in place of earlier ones of the same examples."""
        by_task: dict[str, list[Draft]] = defaultdict(list)
        for draft in sorted(drafts, key=lambda draft: draft.place):
            by_task[self._asked[draft.place].task].append(draft)
        for task, made in by_task.items():
            before = list(read_task_traces(self._folder, task))
            earlier = {trace.example: trace for trace in before if trace.example}
            new = [self._trace(draft, earlier.get(self._asked[draft.place].id)) for draft in made]
            replaced = {trace.example for trace in new}
            traces = [*new, *(trace for trace in before if trace.example not in replaced)]
            write_traces(self._folder, task, sorted(traces, key=lambda trace: self._places.get(trace.example, -1)))

    def _trace(self, draft: Draft, earlier: Trace | None) -> Trace:
        example = self._examples[draft.place]
        return Trace(
            id=_id_of(example, draft.reasoning, earlier),
            task=example.task,
            instruction=example.instruction,
            prompt=prompt_of(example),
            reasoning=draft.reasoning,
            answer=answer_block(Answer(draft.answer) if draft.answer else example.gold),
            model=self._settings.models.tracer.model,
            scores=draft.scores,
            kept=draft.status == "kept",
            example=example.id,
            call=draft.call,
            rederived=draft.rederived,
            attempts=draft.attempts,
            rejected=draft.rejected,
            made_from=self._asked[draft.place].made_from,
        )


def _asked_of(model: ModelSettings) -> list[Any]:
    """What a role's calls depend on besides their messages; not the endpoint's address, which another may take over."""
    return [request_body(model, ChatRequest(())), model.structured]


def _hash(content: list[Any]) -> str:
    return hashlib.blake2b(orjson.dumps(content, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def _id_of(example: Example, reasoning: str, earlier: Trace | None) -> str:
    """The example's id; another reasoning in place of an earlier one gets an id of its own.

    People's decisions go by this id, so that none is taken for one about a text that nobody has read.
    """
    if earlier is None:
        return example.id
    if earlier.reasoning == reasoning:
        return earlier.id
    return f"{example.id}:{hashlib.blake2b(reasoning.encode(), digest_size=4).hexdigest()}"
