"""Shards of a job: done here, or by workers in other processes that know nothing but the job's folder."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from ..core.clustering import AssignedText
from ..core.errors import ClusterR1Error
from ..core.settings import ModelSettings
from ..corpora.store import DocumentStore
from ..corpora.subset import Documents
from ..graphs.labeling import together
from ..llm.ledger import Ledger
from ..llm.protocol import ChatModel
from ..llm.roles import Roles
from ..llm.server import LocalServer, serve
from .assigning import Assigner, Numbered, text_vectors, voters
from .jobs import Job, JobFolder, fetched

_AT_ONCE = 2
"""Shards in work at a time: while the last texts of one are answered, the next one's are asked."""
_ROLE = "labeler_a"


class ShardDone(NamedTuple):
    """What a worker tells of a shard. With an `error` it is not there, and the next run does it."""

    shard: int
    texts: int
    unanswered: int
    error: str | None = None


def assigner_of(
    folder: JobFolder, job: Job, model: ChatModel, answered: Callable[[int], None] = lambda _: None
) -> Assigner:
    """The chunk function of a job over a model; its classifier and embedder are loaded where it has them."""
    classifier = folder.classifier()
    return Assigner(
        agents=voters(model, job.taxonomy, job.labeling, job.votes, job.seed),
        in_flight=job.model.concurrency,
        classifier=classifier,
        vectors=text_vectors(job.embedder, job.labeling.document_tokens) if classifier is not None else None,
        asked=job.asked,
        labelled=folder.labelled(),
        answered=answered,
    )


async def assign_shard(folder: JobFolder, job: Job, documents: Documents, assigner: Assigner, shard: int) -> ShardDone:
    """Do one shard and write it; what an earlier run answered of it is kept."""
    numbers = job.rows(shard)
    known = await asyncio.to_thread(_known, folder, job, shard)
    rows = [row for row in numbers if row not in known]
    read = await asyncio.to_thread(documents.rows, rows, meta=False)
    found = await assigner.assign([Numbered(row, document) for row, document in zip(rows, read, strict=True)])
    known |= {text.row: text for text in found}
    assigner.answered(len(numbers) - len(rows))
    done = await asyncio.to_thread(folder.write, shard, [known[row] for row in numbers])
    return ShardDone(shard, done.texts, done.unanswered)


async def assign_here(
    folder: JobFolder, job: Job, documents: Documents, assigner: Assigner, shards: Sequence[int]
) -> list[ShardDone]:
    """Do shards in this process, a few at once. The first error cancels the rest and is raised as it is."""
    done: list[ShardDone] = []
    waiting = iter(shards)

    async def work() -> None:
        for shard in waiting:
            done.append(await assign_shard(folder, job, documents, assigner, shard))

    await together(work() for _ in range(min(_AT_ONCE, len(shards))))
    return done


class ShardWorker:
    """A process' part in a job. Its calls go to a ledger of the shard, so that a shard begun by another is not paid
    twice; the model's server, where it has to be started, runs until the worker is closed."""

    def __init__(self, job_url: str, answered: Callable[[int], None] = lambda _: None) -> None:
        self._folder = JobFolder(job_url)
        self._job = self._folder.job()
        self._answered = answered
        self._scratch = tempfile.TemporaryDirectory(prefix="cluster-r1-")
        here = Path(self._scratch.name)
        self._ledgers = Path(self._job.ledgers) if self._job.ledgers else here
        self._logs = Path(self._job.logs) if self._job.logs else here
        self._documents = DocumentStore(fetched(self._job.documents, here))
        self._server: LocalServer | None = None

    def assign(self, shard: int) -> ShardDone:
        """Do one shard. An error of the project is told, not raised; what was answered before it is kept."""
        try:
            return asyncio.run(self._assign(shard))
        except ClusterR1Error as error:
            return ShardDone(shard, 0, 0, f"{type(error).__name__}: {error}")

    def close(self) -> None:
        if self._server is not None:
            self._server.stop()
        self._scratch.cleanup()

    def __enter__(self) -> ShardWorker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def _assign(self, shard: int) -> ShardDone:
        ledger = Ledger(self._ledgers / f"{shard:05}.sqlite")
        try:
            async with Roles({_ROLE: self._reached()}, ledger, self._logs) as roles:
                assigner = assigner_of(self._folder, self._job, roles.bulk(_ROLE), self._answered)
                return await assign_shard(self._folder, self._job, self._documents, assigner, shard)
        finally:
            ledger.close()

    def _reached(self) -> ModelSettings:
        model = self._job.model
        if model.serve is None:
            return model
        if self._server is None:
            self._server = serve(model, self._logs, lambda _: None)
        return model.model_copy(update={"serve": None, "base_url": self._server.base_url})


def _known(folder: JobFolder, job: Job, shard: int) -> dict[int, AssignedText]:
    """Rows by number that need no call: those of an earlier run, or of the job before."""
    if folder.state(shard) is not None:
        rows = folder.read(shard)
    elif job.before is not None:
        rows = [row for row in JobFolder(job.before).read(shard) if row.cluster is not None]
    else:
        rows = []
    return {row.row: row for row in rows if row.decided != "unanswered"}
