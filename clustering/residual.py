"""Texts that fit nowhere: which ones are shown to a model, and the clusters that it adds for them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..agents.generation import propose_clusters
from ..agents.refinement import extend_clusters
from ..core.documents import Document
from ..core.errors import ModelAnswerError
from ..core.moments import now
from ..core.settings import Settings, TaxonomySettings
from ..core.taxonomy import Cluster, Provenance, Taxonomy
from ..core.tokens import cut_to_tokens, estimate_tokens
from ..graphs.run import Run
from .jobs import Job, JobFolder
from .outputs import Tally

_SHOWN = 60
"""Of these texts to the model that names clusters for them."""
_FEWEST = 2
_MOST = 500
"""Clusters of a taxonomy."""


def worth_a_round(settings: Settings, counts: Tally) -> bool:
    """Enough texts fit nowhere to cluster them again."""
    return counts.none_fits >= max(_FEWEST, settings.cluster.residual_share * counts.texts)


def residual_rows(folder: JobFolder, job: Job, most: int, seed: int) -> list[int]:
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


async def extended(run: Run, taxonomy: Taxonomy, rows: Sequence[int], number: int) -> tuple[Taxonomy, list[str]]:
    """The taxonomy with clusters for these texts, as a version of its own; the same one where none came of it."""
    bounds = _room(run.settings, taxonomy)
    if bounds.max_clusters <= len(taxonomy.clusters):
        return _none_added(taxonomy, f"there are {len(taxonomy.clusters)} already, the most there may be")
    longest = run.settings.taxonomy.excerpt_tokens
    documents: list[Document] = run.documents.rows(rows[:_SHOWN], meta=False)
    texts = _within([cut_to_tokens(document.text, longest) for document in documents], run.settings)
    try:
        added = await _further(run, taxonomy, texts, bounds, number)
    except ModelAnswerError as error:
        return _none_added(taxonomy, str(error))
    if not added:
        return _none_added(taxonomy, "the model named only those there are")
    provenance = Provenance(
        author="refiner",
        kind="model",
        model=run.settings.models.refiner.model,
        parent=taxonomy.fingerprint,
        changes=tuple(f"Added {cluster.name!r} for texts that fit nowhere." for cluster in added),
        at=now(),
    )
    extended = taxonomy.model_copy(update={"clusters": (*taxonomy.clusters, *added), "provenance": provenance})
    return run.archive.add(extended), []


def _none_added(taxonomy: Taxonomy, why: str) -> tuple[Taxonomy, list[str]]:
    return taxonomy, [f"No clusters were added for texts that fit nowhere: {why}."]


async def _further(
    run: Run, taxonomy: Taxonomy, texts: Sequence[str], bounds: TaxonomySettings, number: int
) -> tuple[Cluster, ...]:
    """Clusters for texts that fit none: asked of the refiner, who is shown those there are; small models only repeat
    them, so the generator is asked about the texts alone then."""
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
