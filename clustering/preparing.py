"""A pass is prepared: the job's folder gets all that a worker needs, within the calls that are left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from ..core.clustering import ResultFolder
from ..core.settings import Settings
from ..core.taxonomy import Taxonomy
from ..corpora.sampling import random_rows
from ..graphs.run import Run
from .assigning import Assigner, voters
from .jobs import Job, JobFolder, copied, local_path
from .ladder import LEAST, learn

LABELER = "labeler_a"
"""The role that chooses a text's cluster."""


class Engine(NamedTuple):
    """Where shards are done. `store` is a URL for jobs, any that fsspec knows; None: the result's folder."""

    kind: Literal["local", "ray"] = "local"
    workers: int = 2
    store: str | None = None
    only_prepare: bool = False


HERE = Engine()


class Corpus(NamedTuple):
    """The documents of a run as a file, for workers, and the fingerprint that tells them from others."""

    documents: Path
    fingerprint: str


class Before(NamedTuple):
    """The job before: its folder, some rows of it that fit nowhere, all that do, and the texts the model was asked."""

    job: str
    rows: Sequence[int]
    texts: int
    spent: int


async def prepared(
    run: Run,
    taxonomy: Taxonomy,
    result: ResultFolder,
    corpus: Corpus,
    engine: Engine,
    before: Before | None,
    rounds_left: int,
) -> tuple[JobFolder, Job]:
    """The job's folder with all that a worker needs; `rounds_left` may come after it."""
    rows = _to_label(run, before)
    job = _job(
        run,
        taxonomy,
        corpus,
        engine,
        before,
        _asked(run.settings, before.texts if before else len(run.documents), before, len(rows), rounds_left),
    )
    store = engine.store.rstrip("/") if engine.store else str(result.jobs)
    folder = JobFolder(f"{store}/{job.fingerprint}")
    if folder.exists():
        return folder, _where_it_lies_now(folder, job)
    if job.assign == "llm":
        folder.put(job)
        return folder, job
    run.progress.stage(f"labels for the classifier, version {taxonomy.version}", len(rows))
    assigner = Assigner(
        voters(run.roles.bulk(LABELER), taxonomy, job.labeling, job.votes, job.seed),
        job.model.concurrency,
        answered=counting(run),
    )
    learnt = await learn(assigner, run.documents, rows, run.settings.cluster, job.seed)
    job = job.model_copy(update={"quality": learnt.quality})
    folder.put(job, learnt.classifier, learnt.labelled)
    return folder, job


def _where_it_lies_now(folder: JobFolder, job: Job) -> Job:
    """The stored job with the addresses and paths of this run, which decide nothing: workers read them from there."""
    known = folder.job()
    fresh = job.model_copy(update={"quality": known.quality})
    if fresh != known:
        folder.put(fresh)
    return fresh


def _job(
    run: Run,
    taxonomy: Taxonomy,
    corpus: Corpus,
    engine: Engine,
    before: Before | None,
    asked: float,
) -> Job:
    settings, state = run.settings.cluster, run.workspace.state
    documents = str(corpus.documents)
    if engine.store is not None and local_path(engine.store) is None:
        documents = copied(corpus.documents, f"{engine.store.rstrip('/')}/documents-{corpus.fingerprint}.parquet")
    return Job(
        documents=documents,
        corpus=corpus.fingerprint,
        count=len(run.documents),
        shard=settings.shard,
        taxonomy=taxonomy,
        model=run.settings.models.labeler_a,
        labeling=run.settings.labeling,
        votes=settings.votes,
        assign=settings.assign,
        embedder="" if settings.assign == "llm" else settings.embedder,
        asked=asked,
        learnt=_learnt(run.settings),
        before=before.job if before else None,
        ledgers=str(state / "ledgers"),
        logs=str(run.workspace.logs),
        seed=run.settings.seed,
    )


def _to_label(run: Run, before: Before | None) -> list[int]:
    """Rows of the texts that the classifier is to learn from, within the calls that are left."""
    settings = run.settings.cluster
    if settings.assign == "llm":
        return []
    if before is None:
        return random_rows(run.documents, settings.labelled, run.settings.seed)
    left = _left(run.settings, before.spent)
    return list(before.rows if left is None else before.rows[:left])


def _asked(settings: Settings, texts: int, before: Before | None, labelled: int, rounds_left: int) -> float:
    """The share of a shard's open texts that the model may be asked about, so that all stay within the calls.

    Later rounds learn from labels of their own: these are kept back, but at most half of what is left.
    """
    if settings.cluster.assign == "embed":
        return 0.0
    left = _left(settings, before.spent if before else 0)
    if left is None:
        return 1.0
    unlabelled = max(0, left - labelled)
    kept_back = min(settings.cluster.labelled * rounds_left, unlabelled / 2)
    return min(1.0, (unlabelled - kept_back) / texts)


def _left(settings: Settings, spent: int) -> int | None:
    """Texts that the model may still be asked about; None: any number."""
    cluster = settings.cluster
    return None if cluster.assign != "hybrid" or cluster.calls is None else max(0, cluster.calls - spent)


def calls_used_up(settings: Settings, spent: int) -> bool:
    """Too few calls are left for a classifier to learn from."""
    left = _left(settings, spent)
    return left is not None and left < LEAST


def _learnt(settings: Settings) -> str:
    cluster = settings.cluster
    if cluster.assign == "llm":
        return ""
    return f"{cluster.labelled} labels, {cluster.held_back} held back, target {cluster.target}"


def counting(run: Run) -> Callable[[int], None]:
    """Tells a run's progress of texts that were decided."""

    def answered(texts: int) -> None:
        run.progress.advance(texts)
        run.progress.spent(run.ledger.tokens, run.ledger.usd)

    return answered
