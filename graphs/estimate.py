"""What a run will cost, from a small probe: calls, tokens, time and money before anything large is spent.

The probe has each labeler answer a few documents, through the ledger: where the taxonomy is already accepted these
are the run's own calls and cost nothing extra, unless its labels are about to be carried over. Without a taxonomy a
placeholder of middling size stands in.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict

from ..agents.labeling import LABELERS, Labeler, LabelingAgent
from ..core.documents import Document
from ..core.errors import EndpointError
from ..core.hierarchy import read_hierarchy
from ..core.settings import ModelSettings, Role, Settings
from ..core.taxonomy import Cluster, Taxonomy
from ..core.workspace import Workspace
from ..corpora.sampling import random_rows
from ..corpora.store import ingest
from ..corpora.subset import Documents
from ..llm.model import cost_usd
from ..llm.protocol import ChatModel, ChatRequest, Reply, Usage
from .carry import coming_keys
from .pending import pending_rows
from .progress import Progress
from .run import Run, open_run
from .task_documents import TaskDocuments

_PROBE = 8
_TOKENS_A_CLUSTER = 45
_PROMPT_OVERHEAD = 350
_READ_PER_WRITTEN = 10


class RoleEstimate(BaseModel):
    """What a role will still need; `seconds_least` assumes the endpoint keeps its latency at full concurrency,
    `seconds_most` that it never does more at once than in the probe."""

    model_config = ConfigDict(frozen=True)

    role: str
    model: str
    calls: int
    prompt_tokens: int
    completion_tokens: int
    usd: float
    seconds_least: float
    seconds_most: float


class Estimate(BaseModel):
    """The estimate of a whole run, and how it was found."""

    model_config = ConfigDict(frozen=True)

    documents: int
    tasks: int
    roles: tuple[RoleEstimate, ...]
    probe_calls: int
    placeholder: bool

    @property
    def usd(self) -> float:
        return sum(role.usd for role in self.roles)


class _Measured(NamedTuple):
    """Means over a labeler's probe calls."""

    usage: tuple[float, float]
    latency_s: float
    together: int


class _Todo(NamedTuple):
    """What is left: tasks in all, taxonomies to draft, documents to label, and a taxonomy to probe with."""

    tasks: int
    drafts: int
    pending: int
    ready: Taxonomy | None


async def estimate_run(
    workspace: Workspace, settings: Settings, progress: Progress, hierarchical: bool = False
) -> Estimate:
    """Probe the labelers and add up. Raises EndpointError when the probe gets no answer."""
    progress.stage("corpus", None)
    await asyncio.to_thread(ingest, settings.corpus, workspace, progress.advance)
    async with open_run(workspace, settings, progress) as run:
        todo = _levels(run) if hierarchical else _flat(run)
        taxonomy = todo.ready or _placeholder(settings)
        probe = run.documents.rows(random_rows(run.documents, _PROBE, settings.seed))
        progress.stage("probe", len(LABELERS) * len(probe))
        measured = {labeler: await _probe(run, labeler, taxonomy, probe) for labeler in LABELERS}
        roles = [
            _labeler(settings.models.role(la), la, measured[la], todo.pending, todo.drafts, settings) for la in LABELERS
        ]
        thinking = _thinking(settings, measured["labeler_a"], todo.drafts) if todo.drafts else []
        return Estimate(
            documents=len(run.documents),
            tasks=todo.tasks,
            roles=(*thinking, *roles),
            probe_calls=run.roles.paid,
            placeholder=todo.ready is None,
        )


def _flat(run: Run) -> _Todo:
    settings = run.settings
    ready = [t for task in settings.tasks if (t := run.archive.accepted(task.id)) is not None]
    tasks = len(settings.tasks) or settings.taxonomy.proposals
    drafts = tasks - len(ready)
    pending = sum(_pending(run, run.documents, t) for t in ready) + drafts * len(run.documents)
    return _Todo(tasks, drafts, pending, ready[0] if ready else None)


def _levels(run: Run) -> _Todo:
    """Both levels; before the first run every document counts once in each, as if no coarse vote were a conflict."""
    settings, hierarchy = run.settings.hierarchy, read_hierarchy(run.workspace)
    coarse = run.archive.accepted(settings.id)
    pending = _pending(run, run.documents, coarse) if coarse is not None else len(run.documents)
    if hierarchy is None or hierarchy.task != settings.id:
        inside = settings.proposals * (settings.clusters if coarse is None else len(coarse.clusters))
        pending += settings.proposals * len(run.documents)
        return _Todo(1 + inside, inside + (coarse is None), pending, coarse)
    all_documents = TaskDocuments(run.workspace, run.documents)
    tasks = [task.id for cluster in hierarchy.clusters for task in cluster.tasks if task.stage != "dropped"]
    drafts = int(coarse is None)
    for task in tasks:
        taxonomy, documents = run.archive.accepted(task), all_documents.of(task)
        drafts += taxonomy is None
        pending += len(documents) if taxonomy is None else _pending(run, documents, taxonomy)
    return _Todo(1 + len(tasks), drafts, pending, coarse)


class _Listening:
    """A model that remembers the replies that pass through it."""

    def __init__(self, model: ChatModel) -> None:
        self._model = model
        self.replies: list[Reply] = []

    @property
    def name(self) -> str:
        return self._model.name

    async def complete(self, request: ChatRequest, subject: str = "") -> Reply:
        reply = await self._model.complete(request, subject)
        self.replies.append(reply)
        return reply


async def _probe(run: Run, labeler: Labeler, taxonomy: Taxonomy, documents: list[Document]) -> _Measured:
    model = _Listening(run.roles.bulk(labeler))
    agent = LabelingAgent(labeler, model, taxonomy, run.settings.labeling, run.settings.seed)
    together = min(len(documents), run.settings.models.role(labeler).concurrency)

    async def one(document: Document) -> None:
        await agent.label(document)
        run.progress.advance()

    async with asyncio.TaskGroup() as group:
        for document in documents:
            group.create_task(one(document))
    if not model.replies:
        raise EndpointError(f"no probe call of {labeler} was answered; `cluster-r1 doctor` tells why")
    count = len(model.replies)
    prompt = sum(reply.usage.prompt_tokens for reply in model.replies) / len(documents)
    completion = sum(reply.usage.completion_tokens for reply in model.replies) / len(documents)
    return _Measured((prompt, completion), sum(r.latency_s for r in model.replies) / count, together)


def _labeler(
    model: ModelSettings, labeler: Labeler, measured: _Measured, pending: int, drafts: int, settings: Settings
) -> RoleEstimate:
    """Labels of every pending document, and the probes of taxonomies that are still to be made (at most all rounds)."""
    probes = drafts * settings.taxonomy.probe * settings.taxonomy.rounds
    calls = pending + probes
    prompt, completion = (round(calls * mean) for mean in measured.usage)
    work = calls * measured.latency_s
    usd = cost_usd(model.price, Usage(prompt, completion))
    return RoleEstimate(
        role=labeler,
        model=model.model,
        calls=calls,
        prompt_tokens=prompt,
        completion_tokens=completion,
        usd=usd,
        seconds_least=work / model.concurrency,
        seconds_most=work / measured.together,
    )


def _thinking(settings: Settings, measured: _Measured, drafts: int) -> list[RoleEstimate]:
    """Generator and refiner, from the settings' budgets and the probe's seconds a token."""
    taxonomy = settings.taxonomy
    answer = taxonomy.max_clusters * _TOKENS_A_CLUSTER
    sample = taxonomy.sample_tokens + _PROMPT_OVERHEAD
    generator_calls = drafts * (taxonomy.samples + (taxonomy.samples > 1))
    refiner_calls = drafts * (1 + taxonomy.rounds)
    rows = []
    prompt, completion = measured.usage
    seconds_a_token = measured.latency_s / max(1.0, completion + prompt / _READ_PER_WRITTEN)
    needed: dict[Role, int] = {"generator": generator_calls, "refiner": refiner_calls}
    for role, calls in needed.items():
        model = settings.models.role(role)
        usage = Usage(calls * sample, calls * answer)
        seconds = calls * answer * seconds_a_token
        rows.append(
            RoleEstimate(
                role=role,
                model=model.model,
                calls=calls,
                prompt_tokens=usage.prompt_tokens,
                completion_tokens=usage.completion_tokens,
                usd=cost_usd(model.price, usage),
                seconds_least=seconds,
                seconds_most=seconds,
            )
        )
    return rows


def _pending(run: Run, documents: Documents, taxonomy: Taxonomy) -> int:
    keys = documents.keys()
    coming = coming_keys(run.workspace, run.settings, keys, taxonomy)
    return len(pending_rows(keys, np.concatenate([run.labels(taxonomy).decided(), coming])))


def _placeholder(settings: Settings) -> Taxonomy:
    count = (settings.taxonomy.min_clusters + settings.taxonomy.max_clusters) // 2
    description = "A sentence of the usual length that tells which texts belong here, and which of them do not."
    clusters = tuple(Cluster(name=f"Cluster number {n}", description=description) for n in range(1, count + 1))
    instruction = settings.tasks[0].instruction if settings.tasks else "Cluster the texts by what they are about."
    return Taxonomy(task="estimate", instruction=instruction, clusters=clusters)
