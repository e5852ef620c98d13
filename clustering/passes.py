"""Passes over a corpus: every text gets a cluster of the taxonomy, and what fits nowhere may add clusters, bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event
from typing import Literal, NamedTuple

import numpy as np

from ..agents.generation import propose_clusters
from ..agents.refinement import extend_clusters
from ..core.clustering import AssignedText, ClassifierQuality, ResidualRound, ResultFolder
from ..core.documents import Document
from ..core.errors import IncompleteError, ModelAnswerError
from ..core.moments import now
from ..core.settings import Settings, TaxonomySettings
from ..core.taxonomy import Cluster, Provenance, Taxonomy
from ..core.tokens import cut_to_tokens, estimate_tokens
from ..corpora.sampling import random_rows
from ..graphs.run import Run
from .assigning import Assigner, voters
from .jobs import Job, JobFolder, copied, local_path
from .ladder import learn
from .outputs import Tally, tally
from .shards import ShardDone, assign_here, assigners_of

_LABELER = "labeler_a"
_RESIDUAL_TEXTS = 60
"""Texts that fit nowhere shown to the model that names clusters for them."""
_FEWEST = 2
_MOST = 500
"""Clusters of a taxonomy."""


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


class Assigned(NamedTuple):
    """A corpus under its taxonomy; `rows` reads every text's row from the last job's shards."""

    taxonomy: Taxonomy
    rows: Callable[[], Iterator[AssignedText]]
    counts: Tally
    quality: ClassifierQuality | None
    residual: tuple[ResidualRound, ...]
    trouble: tuple[str, ...]
    prepared: str | None = None


async def assign_corpus(
    run: Run, taxonomy: Taxonomy, result: ResultFolder, corpus: Corpus, engine: Engine = HERE, rounds: int | None = None
) -> Assigned:
    """All texts of the run's corpus, in as many passes as the settings allow; `rounds` bounds them otherwise.

    With `engine.only_prepare` the first pass that is not done is prepared and left.
    Raises EndpointError, BudgetReached; IncompleteError where shards were not done.
    """
    settings = run.settings.cluster
    left = settings.residual_rounds if rounds is None else rounds
    history: list[ResidualRound] = []
    trouble: list[str] = []
    folder, job = await _prepared(run, taxonomy, result, corpus, engine, None)
    while True:
        if engine.only_prepare and folder.open_shards(job):
            return _assigned(folder, job, history, trouble, folder.url)
        counts = await _pass(run, folder, job, engine)
        if history:
            history[-1] = history[-1].model_copy(update={"after": counts.none_fits})
        if counts.unanswered or len(history) >= left or not _worth_it(run.settings, counts):
            return _assigned(folder, job, history, trouble)
        rows = _residual_rows(folder, job, settings.labelled, run.settings.seed)
        taxonomy, said = await _extended(run, job.taxonomy, rows[:_RESIDUAL_TEXTS], len(history))
        trouble += said
        if taxonomy.fingerprint == job.taxonomy.fingerprint:
            return _assigned(folder, job, history, trouble)
        added = tuple(name for name in taxonomy.names if name not in job.taxonomy.names)
        run.progress.note(f"{counts.none_fits:,} texts fit nowhere; added for them: {', '.join(added)}")
        history.append(ResidualRound(before=counts.none_fits, added=added, after=counts.none_fits))
        folder, job = await _prepared(run, taxonomy, result, corpus, engine, (folder.url, rows))


def _assigned(
    folder: JobFolder,
    job: Job,
    residual: Sequence[ResidualRound],
    trouble: Sequence[str],
    prepared: str | None = None,
) -> Assigned:
    counts = tally(()) if prepared else tally(folder.rows(job))
    return Assigned(
        job.taxonomy, lambda: folder.rows(job), counts, job.quality, tuple(residual), tuple(trouble), prepared
    )


async def _prepared(
    run: Run,
    taxonomy: Taxonomy,
    result: ResultFolder,
    corpus: Corpus,
    engine: Engine,
    before: tuple[str, Sequence[int]] | None,
) -> tuple[JobFolder, Job]:
    """The job's folder with all that a worker needs. `before`: an earlier job and rows of it that fit nowhere."""
    job = _job(run, taxonomy, result, corpus, engine, before[0] if before else None)
    store = engine.store.rstrip("/") if engine.store else str(result.jobs)
    folder = JobFolder(f"{store}/{job.fingerprint}")
    if folder.exists():
        return folder, folder.job()
    if job.assign == "llm":
        folder.put(job)
        return folder, job
    rows = before[1] if before else random_rows(run.documents, run.settings.cluster.labelled, run.settings.seed)
    run.progress.stage(f"labels for the classifier, version {taxonomy.version}", len(rows))
    assigner = Assigner(
        voters(run.roles.bulk(_LABELER), taxonomy, job.labeling, job.votes, job.seed),
        job.model.concurrency,
        answered=_counting(run),
    )
    learnt = await learn(assigner, run.documents, rows, run.settings.cluster, job.seed)
    job = job.model_copy(update={"quality": learnt.quality})
    folder.put(job, learnt.classifier, learnt.labelled)
    return folder, job


def _job(run: Run, taxonomy: Taxonomy, result: ResultFolder, corpus: Corpus, engine: Engine, before: str | None) -> Job:
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
        asked=_asked(run.settings, len(run.documents)),
        learnt=_learnt(run.settings),
        before=before,
        ledgers=str(state / "ledgers"),
        logs=str(run.workspace.logs),
        seed=run.settings.seed,
    )


def _asked(settings: Settings, documents: int) -> float:
    """The share of a shard that the model may be asked about, so that all shards together stay within the calls."""
    cluster = settings.cluster
    if cluster.assign == "llm" or (cluster.assign == "hybrid" and cluster.calls is None):
        return 1.0
    if cluster.assign == "embed" or cluster.calls is None:
        return 0.0
    return min(1.0, max(0.0, (cluster.calls - cluster.labelled) / documents))


def _learnt(settings: Settings) -> str:
    cluster = settings.cluster
    if cluster.assign == "llm":
        return ""
    return f"{cluster.labelled} labels, {cluster.held_back} held back, target {cluster.target}"


async def _pass(run: Run, folder: JobFolder, job: Job, engine: Engine) -> Tally:
    """Do what is left of a job, and count its rows."""
    shards = folder.open_shards(job)
    if shards:
        texts = sum(len(job.rows(shard)) for shard in shards)
        run.progress.note(_dues(job, texts))
        run.progress.stage(f"assigning texts, version {job.taxonomy.version} of the taxonomy", texts)
        done = await _done(run, folder, job, shards, engine)
        failed = [one for one in done if one.error]
        if failed:
            raise IncompleteError(
                f"{len(failed)} of {len(shards)} shards were not done; the same command does those alone. The first,"
                f" shard {failed[0].shard}: {failed[0].error}"
            )
    return tally(folder.rows(job))


def _dues(job: Job, texts: int) -> str:
    """What a pass may cost, before it is paid."""
    most = round(job.asked * texts) if job.quality is not None else texts
    return f"{texts:,} texts to assign, at most {most * job.votes:,} calls to {job.model.model}"


async def _done(run: Run, folder: JobFolder, job: Job, shards: Sequence[int], engine: Engine) -> list[ShardDone]:
    if engine.kind == "local":
        assigners = assigners_of(folder, job, run.roles.bulk(_LABELER), _counting(run))
        return await assign_here(folder, job, run.documents, assigners, shards)
    from .ray_engine import run_on_ray

    def finished(done: ShardDone) -> None:
        run.progress.advance(done.texts)

    stopped = Event()
    try:
        return await asyncio.to_thread(
            run_on_ray, folder.url, shards, engine.workers, finished, run.progress.note, stopped=stopped
        )
    except asyncio.CancelledError:
        stopped.set()
        raise


def _counting(run: Run) -> Callable[[int], None]:
    def answered(texts: int) -> None:
        run.progress.advance(texts)
        run.progress.spent(run.ledger.tokens, run.ledger.usd)

    return answered


def _worth_it(settings: Settings, counts: Tally) -> bool:
    return counts.none_fits >= max(_FEWEST, settings.cluster.residual_share * counts.texts)


def _residual_rows(folder: JobFolder, job: Job, most: int, seed: int) -> list[int]:
    """Row numbers of texts that fit nowhere: at most so many, drawn evenly in one reading (reservoir sampling)."""
    rng = np.random.default_rng(seed)
    drawn: list[int] = []
    seen = 0
    for row in folder.rows(job):
        if row.cluster is not None or row.decided == "unanswered":
            continue
        seen += 1
        if len(drawn) < most:
            drawn.append(row.row)
        elif (place := int(rng.integers(seen))) < most:
            drawn[place] = row.row
    return drawn


async def _extended(run: Run, taxonomy: Taxonomy, rows: Sequence[int], number: int) -> tuple[Taxonomy, list[str]]:
    """The taxonomy with clusters for these texts, as a version of its own; the same one where none came of it."""
    longest = run.settings.taxonomy.excerpt_tokens
    documents: list[Document] = run.documents.rows(rows, meta=False)
    texts = _within([cut_to_tokens(document.text, longest) for document in documents], run.settings)
    try:
        added = await _further(run, taxonomy, texts, number)
    except ModelAnswerError as error:
        return taxonomy, [f"No clusters were added for texts that fit nowhere: {error}"]
    provenance = Provenance(
        author="refiner",
        kind="model",
        model=run.settings.models.refiner.model,
        parent=taxonomy.fingerprint,
        changes=tuple(f"Added {cluster.name!r} for texts that fit nowhere." for cluster in added),
        at=now(),
    )
    extended = taxonomy.model_copy(update={"clusters": (*taxonomy.clusters, *added), "provenance": provenance})
    return (run.archive.add(extended), []) if added else (taxonomy, [])


async def _further(run: Run, taxonomy: Taxonomy, texts: Sequence[str], number: int) -> tuple[Cluster, ...]:
    """Clusters for texts that fit none: asked of the refiner, who is shown those there are; small models only repeat
    them, so the generator is asked about the texts alone then."""
    bounds = _room(run.settings, taxonomy)
    try:
        return await extend_clusters(
            run.roles.thinking("refiner"),
            taxonomy.instruction,
            taxonomy.clusters,
            bounds,
            texts,
            f"residual/{number + 1}",
        )
    except ModelAnswerError:
        left = bounds.max_clusters - len(taxonomy.clusters)
        own = bounds.model_copy(update={"min_clusters": 1, "max_clusters": left})
        proposal = await propose_clusters(run.roles.thinking("generator"), taxonomy.instruction, [texts], own)
        taken = {name.casefold() for name in taxonomy.names}
        return tuple(cluster for cluster in proposal.clusters if cluster.name.casefold() not in taken)


def _room(settings: Settings, taxonomy: Taxonomy) -> TaxonomySettings:
    """Bounds for an extension: up to the most clusters that were asked for, else as many again as there are."""
    most = settings.cluster.max_clusters or 2 * len(taxonomy.clusters)
    return settings.taxonomy.model_copy(update={"max_clusters": min(most, _MOST)})


def _within(texts: Sequence[str], settings: Settings) -> list[str]:
    """The first texts that together fill a sample's tokens."""
    left, kept = settings.taxonomy.sample_tokens, []
    for text in texts:
        left -= estimate_tokens(text)
        if left < 0 and kept:
            break
        kept.append(text)
    return kept
