"""A corpus of any size into clusters: one generation where the texts fit a prompt, else a taxonomy and passes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..core.clustering import (
    AssignedText,
    ClassifierQuality,
    ClusteringResult,
    ClusterSize,
    Repairs,
    ResidualRound,
    ResultFolder,
    Way,
)
from ..core.costs import RoleCost
from ..core.errors import TaxonomyError
from ..core.moments import now
from ..core.settings import Settings
from ..core.taxonomy import Cluster
from ..core.tokens import estimate_tokens
from ..core.workspace import Workspace, write_text
from ..corpora.report import CorpusReport
from ..corpora.store import ingest
from ..corpora.subset import Documents
from ..eval.forms import MOST_THOUGHT
from ..graphs.progress import Progress
from ..graphs.run import Run, open_run
from ..graphs.tasks import settle
from ..llm.ledger import Ledger
from ..reports.clustering import clustering_page
from .assigning import check_embedder, text_vectors
from .gallery import view
from .grouping import Groups, group_clusters
from .one_prompt import OnePrompt, cluster_in_one_prompt, fits_one_prompt
from .outputs import Tally, figures, tally, write_assignments, write_result, write_taxonomy
from .passes import assign_corpus
from .plan import AGENT, agent_model, keep_plan
from .preparing import HERE, Corpus, Engine

ALL = Cluster(name="All texts", description="There is but one cluster.")
_READ_AT_ONCE = 1024
_WORDS = "the words of each text and pieces of them; no model had a part in it"


class Made(NamedTuple):
    """Clusters and every text's row, whichever way they came about."""

    way: Way
    clusters: tuple[Cluster, ...]
    rows: Callable[[], Iterator[AssignedText]]
    counts: Tally
    repairs: Repairs | None = None
    quality: ClassifierQuality | None = None
    residual: tuple[ResidualRound, ...] = ()
    trouble: tuple[str, ...] = ()
    version: int = 1


async def cluster_corpus(
    folder: ResultFolder, settings: Settings, progress: Progress, engine: Engine = HERE, page: bool = True
) -> ClusteringResult | None:
    """Cluster what the settings name into a result's folder; run again to go on where it stopped.

    settings: of `clustering/plan.planned`; page: draw report.html, which takes some seconds for its map. None where the
    engine only prepares a pass for other processes.

    Raises SettingsError where the folder holds another result; CorpusError, EndpointError, ModelAnswerError,
    BudgetReached; IncompleteError where shards were not done. Whatever was answered is kept. The caller holds the
    folder's lock.
    """
    check_embedder(settings.cluster.embedder)
    keep_plan(folder, settings)
    workspace = Workspace(folder.folder)
    progress.stage("corpus", None)
    report = await asyncio.to_thread(ingest, settings.corpus, workspace, progress.advance)
    async with open_run(workspace, settings, progress, {AGENT: agent_model(settings)}) as run:
        made = await _made(run, folder, report, engine)
        if made is None:
            return None
        groups = await _groups(run, made)
        documents = run.documents
    result = _result(settings, report, made, groups, costs_of(workspace))
    await asyncio.to_thread(_write, folder, result, made, groups)
    if page:
        progress.stage("the page", None)
        await asyncio.to_thread(write_page, folder, settings, result, made.rows(), documents)
    return result


def one_prompt_of(settings: Settings) -> OnePrompt:
    """How the settings want one generation.

    Small models that llama.cpp serves would use up their tokens thinking, so a grammar bounds it there and only there.
    """
    cluster = settings.cluster
    bounded = settings.models.generator.serve == "embedded"
    return OnePrompt(
        form=cluster.form,
        least=cluster.min_clusters,
        most=cluster.max_clusters,
        text_tokens=cluster.document_tokens,
        thought_characters=MOST_THOUGHT if bounded else None,
    )


async def _made(run: Run, folder: ResultFolder, report: CorpusReport, engine: Engine) -> Made | None:
    settings, documents = run.settings, run.documents
    if settings.cluster.max_clusters == 1 or await asyncio.to_thread(_all_alike, documents):
        return Made("only", (ALL,), lambda: as_one(documents, ALL.name), tally(as_one(documents, ALL.name)))
    texts = await asyncio.to_thread(_few_texts, documents, settings)
    given = settings.tasks[0].taxonomy is not None
    if (
        texts
        and not given
        and fits_one_prompt(agent_model(settings), settings.tasks[0].instruction, texts, one_prompt_of(settings))
    ):
        return await _in_one_prompt(run, texts)
    return await _under_taxonomy(run, folder, report.fingerprint, engine)


async def _in_one_prompt(run: Run, texts: Sequence[str]) -> Made:
    settings = run.settings
    run.progress.stage("one generation over all texts", None)
    found = await cluster_in_one_prompt(
        run.roles.bulk(AGENT), settings.tasks[0].instruction, texts, one_prompt_of(settings)
    )
    names = [cluster.name for cluster in found.clusters]
    limit = settings.cluster.document_tokens
    read = run.documents.rows(range(len(texts)), meta=False)
    rows = [
        AssignedText(n, one.key, one.id, names[label], decided, cut=estimate_tokens(one.text) > limit)
        for n, (one, label, decided) in enumerate(zip(read, found.labels, found.decided, strict=True))
    ]
    return Made("prompt", found.clusters, lambda: iter(rows), tally(rows), repairs=found.repairs, trouble=found.trouble)


async def _under_taxonomy(run: Run, folder: ResultFolder, corpus: str, engine: Engine) -> Made | None:
    settled = await settle(run, run.settings.tasks[0], yes=True)
    if settled.taxonomy is None:
        raise TaxonomyError(f"there is no taxonomy for {run.settings.tasks[0].instruction!r}")
    assigned = await assign_corpus(run, settled.taxonomy, folder, Corpus(run.workspace.documents, corpus), engine)
    if assigned.prepared is not None:
        write_text(folder.prepared, f"{assigned.prepared}\n")
        return None
    return Made(
        "taxonomy",
        assigned.taxonomy.clusters,
        assigned.rows,
        assigned.counts,
        quality=assigned.quality,
        residual=assigned.residual,
        trouble=assigned.trouble,
        version=assigned.taxonomy.version,
    )


def as_one(documents: Documents, cluster: str) -> Iterator[AssignedText]:
    """All documents in one cluster."""
    number = 0
    for batch in documents.batches(_READ_AT_ONCE, meta=False):
        for document in batch:
            yield AssignedText(number, document.key, document.id, cluster, "only")
            number += 1


async def _groups(run: Run, made: Made) -> Groups:
    if run.settings.cluster.levels == 1:
        return Groups({})
    filled = [cluster for cluster in made.clusters if made.counts.clusters[cluster.name]]
    run.progress.stage("the second level", None)
    how = one_prompt_of(run.settings)
    return await group_clusters(run.roles.bulk(AGENT), run.settings.tasks[0].instruction, filled, how)


def _all_alike(documents: Documents) -> bool:
    """All texts read the same; a corpus that is not of one text is left at its second one."""
    first: str | None = None
    for batch in documents.batches(_READ_AT_ONCE, meta=False):
        for document in batch:
            first = document.text if first is None else first
            if document.text != first:
                return False
    return True


def _few_texts(documents: Documents, settings: Settings) -> list[str]:
    """All texts, where they are no more than one generation may be asked about; else none."""
    if len(documents) > settings.cluster.prompt_texts:
        return []
    return [document.text for document in documents.rows(range(len(documents)), meta=False)]


def costs_of(workspace: Workspace) -> dict[str, Any]:
    """Calls, tokens and money of a result, by its fields: of its own ledger and of those that other processes left."""
    costs: list[RoleCost] = []
    for path in (workspace.ledger, *sorted((workspace.state / "ledgers").glob("*.sqlite"))):
        ledger = Ledger(path)
        costs += ledger.totals()
        ledger.close()
    return {
        "calls": sum(cost.calls for cost in costs),
        "prompt_tokens": sum(cost.prompt_tokens for cost in costs),
        "completion_tokens": sum(cost.completion_tokens for cost in costs),
        "usd": sum(cost.usd for cost in costs),
    }


def _result(
    settings: Settings, report: CorpusReport, made: Made, groups: Groups, costs: Mapping[str, Any]
) -> ClusteringResult:
    counts = made.counts
    return ClusteringResult(
        instruction=settings.tasks[0].instruction,
        source=settings.corpus.source,
        model=settings.models.labeler_a.model,
        way=made.way,
        assign=settings.cluster.assign,
        clusters=tuple(_size(cluster, counts, groups.of) for cluster in made.clusters),
        repairs=made.repairs,
        classifier=made.quality,
        residual=made.residual,
        taxonomy_version=made.version,
        skipped={reason: count for reason, count in report.skipped.items() if count},
        trouble=(*made.trouble, *groups.trouble),
        finished=now(),
        **figures(counts),
        **costs,
    )


def _size(cluster: Cluster, counts: Tally, groups: Mapping[str, str]) -> ClusterSize:
    return ClusterSize(
        name=cluster.name,
        description=cluster.description,
        group=groups.get(cluster.name),
        texts=counts.clusters[cluster.name],
    )


def _write(folder: ResultFolder, result: ClusteringResult, made: Made, groups: Groups) -> None:
    write_assignments(folder.assignments, made.rows(), groups.of)
    write_taxonomy(folder.taxonomy, result.instruction, made.clusters, groups.of)
    write_result(folder, result)


def write_page(
    folder: ResultFolder,
    settings: Settings,
    result: ClusteringResult,
    rows: Iterator[AssignedText],
    documents: Documents,
) -> None:
    """report.html of a result, from its rows and documents."""
    vectors = text_vectors(settings.cluster.embedder, settings.cluster.document_tokens)
    made_of = _WORDS if settings.cluster.embedder == "hashed" else f"vectors of {settings.cluster.embedder}"
    seen = view(result, rows, documents, settings.seed, vectors=vectors, map_says=made_of)
    write_text(folder.report, clustering_page(seen, result.finished))
