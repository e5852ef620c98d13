"""Other documents into a result that is there: assigned to its clusters, with a report on how well those still cover.

What is in the result already (the same id and text) is passed over. The result's own rows stay as they are; the added
documents are a result of their own in `batches/NAME`.
"""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.clustering import AssignedText, Batch, ClusteringResult, Drift, ResultFolder
from ..core.drift import drift
from ..core.errors import CorpusError, IncompleteError
from ..core.labels import keys_of
from ..core.moments import now
from ..core.settings import Settings
from ..core.taxonomy import Cluster, Taxonomy
from ..core.workspace import Workspace, write_text
from ..corpora.store import DocumentStore, ingest, keep_new
from ..corpora.subset import Documents
from ..graphs.progress import Progress
from ..graphs.run import open_run
from .corpus import as_one, costs_of, write_page
from .outputs import (
    Tally,
    figures,
    read_assignments,
    read_clusters,
    read_result,
    tally,
    write_assignments,
    write_result,
)
from .passes import assign_corpus
from .plan import TASK, added_plan, plan_of
from .preparing import HERE, Corpus, Engine

_FEWEST = 2


class Added(NamedTuple):
    """The batch, where it lies, and the documents that the result had already."""

    batch: Batch
    folder: ResultFolder
    known: int


async def add_documents(
    folder: ResultFolder,
    source: str,
    progress: Progress,
    text: str | None = None,
    id: str | None = None,
    engine: Engine = HERE,
) -> Added:
    """Assign the documents of a source to a result's clusters; run again to go on where it stopped.

    Raises SettingsError and WorkspaceError where there is no result; CorpusError where the source has nothing new;
    EndpointError, BudgetReached, IncompleteError as `cluster_corpus` does. The caller holds the result's lock.
    """
    settings = added_plan(plan_of(folder), source, text, id)
    result = read_result(folder)
    batch = folder.batch(_name(settings.corpus.source))
    workspace = Workspace(batch.folder)
    progress.stage("corpus", None)
    report = await asyncio.to_thread(ingest, settings.corpus, workspace, progress.advance)
    new = workspace.corpus / "new.parquet"
    kept = await asyncio.to_thread(keep_new, workspace.documents, _keys(folder.assignments), new)
    if not kept:
        raise CorpusError(f"every document of {settings.corpus.source} is in {folder.folder} already")
    if kept < report.kept:
        progress.note(f"{report.kept - kept:,} documents are in the result already and are passed over")
    documents = DocumentStore(new)
    corpus = Corpus(new, f"{report.fingerprint}-{kept}")
    clusters = read_clusters(folder.taxonomy)
    assigned = await assign_to(clusters, documents, corpus, batch, settings, progress, engine)
    counts, before = tally(assigned()), tally(read_assignments(folder.assignments))
    moved = _drift(settings, before, counts)
    added = Batch(name=batch.folder.name, source=settings.corpus.source, documents=counts.texts, drift=moved)
    await asyncio.to_thread(_write, batch, settings, result, added, assigned, counts, documents)
    await asyncio.to_thread(_tell, folder, settings, result, added)
    if counts.unanswered:
        raise IncompleteError(f"{counts.unanswered} texts got no answer; the same command asks for those alone")
    return Added(added, batch, report.kept - kept)


async def assign_to(
    clusters: Sequence[Cluster],
    documents: Documents,
    corpus: Corpus,
    folder: ResultFolder,
    settings: Settings,
    progress: Progress,
    engine: Engine = HERE,
) -> Callable[[], Iterator[AssignedText]]:
    """Rows of documents in clusters that are there and stay as they are; jobs and ledger lie in the folder."""
    if len(clusters) < _FEWEST:
        return lambda: as_one(documents, clusters[0].name)
    taxonomy = Taxonomy(task=TASK, instruction=settings.tasks[0].instruction, clusters=tuple(clusters))
    async with open_run(Workspace(folder.folder), settings, progress) as opened:
        run = dataclasses.replace(opened, documents=documents)
        return (await assign_corpus(run, taxonomy, folder, corpus, engine, rounds=0)).rows


def _drift(settings: Settings, before: Tally, now: Tally) -> Drift:
    return drift(
        before.clusters,
        now.clusters,
        before.none_fits,
        now.none_fits,
        settings.cluster.drift_share,
        confidence=now.confidence,
        confidence_before=before.confidence,
    )


def _write(
    batch: ResultFolder,
    settings: Settings,
    result: ClusteringResult,
    added: Batch,
    rows: Callable[[], Iterator[AssignedText]],
    counts: Tally,
    documents: Documents,
) -> None:
    """The batch as a result of its own, in the result's clusters and groups."""
    groups = {cluster.name: cluster.group for cluster in result.clusters if cluster.group is not None}
    own = result.model_copy(
        update={
            "source": added.source,
            "clusters": tuple(
                cluster.model_copy(update={"texts": counts.clusters[cluster.name]}) for cluster in result.clusters
            ),
            "repairs": None,
            "residual": (),
            "batches": (added,),
            "trouble": (),
            "finished": now(),
            **figures(counts),
            **costs_of(Workspace(batch.folder)),
        }
    )
    write_assignments(batch.assignments, rows(), groups)
    write_result(batch, own)
    write_text(batch.drift, added.drift.model_dump_json(indent=1) + "\n")
    write_page(batch, settings, own, rows(), documents)


def _tell(folder: ResultFolder, settings: Settings, result: ClusteringResult, added: Batch) -> None:
    """The result's own page and figures name the batch; a batch that was there is replaced."""
    others = (batch for batch in result.batches if batch.name != added.name)
    told = result.model_copy(update={"batches": (*others, added)})
    write_result(folder, told)
    documents = DocumentStore(Workspace(folder.folder).documents)
    write_page(folder, settings, told, read_assignments(folder.assignments), documents)


def _keys(assignments: Path) -> Iterator[NDArray[np.uint64]]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(assignments, pre_buffer=False) as file:
        for group in range(file.metadata.num_row_groups):
            yield keys_of(file.read_row_group(group, columns=["key"]))


def _name(source: str) -> str:
    """Of a batch: the source's name, with a few digits that tell it from another file of that name."""
    stem = re.sub(r"[^A-Za-z0-9]+", "-", Path(source).stem).strip("-") or "batch"
    return f"{stem[:40]}-{hashlib.sha256(source.encode()).hexdigest()[:6]}"
