"""Passes over a corpus: every text gets a cluster of the taxonomy, and what fits nowhere may add clusters, bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from threading import Event
from typing import NamedTuple

from ..core.clustering import AssignedText, ClassifierQuality, ResidualRound, ResultFolder
from ..core.errors import IncompleteError
from ..core.taxonomy import Taxonomy
from ..graphs.run import Run
from .jobs import Job, JobFolder
from .outputs import Tally, tally
from .preparing import HERE, LABELER, Before, Corpus, Engine, calls_used_up, counting, prepared
from .residual import extended, residual_rows, worth_a_round
from .shards import ShardDone, assign_here, assigner_of


class Assigned(NamedTuple):
    """A corpus under its taxonomy; `rows` reads every text's row from the last job's shards.

    quality: of the first pass' classifier, which is about all texts.
    """

    taxonomy: Taxonomy
    rows: Callable[[], Iterator[AssignedText]]
    counts: Tally
    quality: ClassifierQuality | None
    residual: tuple[ResidualRound, ...]
    trouble: tuple[str, ...]
    prepared: str | None = None


class _SoFar(NamedTuple):
    quality: ClassifierQuality | None
    residual: list[ResidualRound]
    trouble: list[str]


async def assign_corpus(
    run: Run, taxonomy: Taxonomy, result: ResultFolder, corpus: Corpus, engine: Engine = HERE, rounds: int | None = None
) -> Assigned:
    """All texts of the run's corpus, in as many passes as the settings allow; `rounds` bounds them otherwise.

    With `engine.only_prepare` the first pass that is not done is prepared and left.
    Raises EndpointError, BudgetReached; IncompleteError where shards were not done.
    """
    settings = run.settings.cluster
    left = settings.residual_rounds if rounds is None else rounds
    folder, job = await prepared(run, taxonomy, result, corpus, engine, None, left)
    so_far = _SoFar(job.quality, [], [])
    history, trouble = so_far.residual, so_far.trouble
    while True:
        if engine.only_prepare and folder.open_shards(job):
            return _assigned(folder, job, so_far, tally(()), folder.url)
        counts = await _pass(run, folder, job, engine)
        if history:
            history[-1] = history[-1].model_copy(update={"after": counts.none_fits})
        if counts.unanswered or len(history) >= left or not worth_a_round(run.settings, counts):
            return _assigned(folder, job, so_far, counts)
        spent = counts.decided["model"]
        if calls_used_up(run.settings, spent):
            trouble.append(
                f"The {settings.calls:,} calls are used up: texts that fit nowhere were not clustered again."
            )
            return _assigned(folder, job, so_far, counts)
        rows = residual_rows(folder, job, settings.labelled, run.settings.seed)
        taxonomy, said = await extended(run, job.taxonomy, rows, len(history))
        trouble += said
        if taxonomy.fingerprint == job.taxonomy.fingerprint:
            return _assigned(folder, job, so_far, counts)
        added = tuple(name for name in taxonomy.names if name not in job.taxonomy.names)
        run.progress.note(f"{counts.none_fits:,} texts fit nowhere; added for them: {', '.join(added)}")
        history.append(ResidualRound(before=counts.none_fits, added=added, after=counts.none_fits))
        before = Before(folder.url, rows, counts.none_fits, spent)
        folder, job = await prepared(run, taxonomy, result, corpus, engine, before, left - len(history))
        history[-1] = history[-1].model_copy(update={"classifier": job.quality})


def _assigned(folder: JobFolder, job: Job, so_far: _SoFar, counts: Tally, prepared_at: str | None = None) -> Assigned:
    residual, trouble = tuple(so_far.residual), tuple(so_far.trouble)
    return Assigned(job.taxonomy, lambda: folder.rows(job), counts, so_far.quality, residual, trouble, prepared_at)


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
        assigner = assigner_of(folder, job, run.roles.bulk(LABELER), counting(run))
        return await assign_here(folder, job, run.documents, assigner, shards)
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
