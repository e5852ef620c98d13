"""The refinement agent: exclusive, exhaustive clusters of one level of detail (paper §4.1, stage 2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NamedTuple

from pydantic import BaseModel, Field

from ..core.settings import TaxonomySettings
from ..core.taxonomy import NONE_FITS, Cluster
from ..llm.protocol import ChatModel, ChatRequest
from ..llm.structured import Unusable, ask, read_as
from .generation import ATTEMPTS, ClusterDraft, Clusters, clusters_schema, usable_clusters
from .prompting import fenced, load_prompt
from .schemas import array_schema, object_schema, string_schema

_MOST_CHANGES = 12
_LONGEST_CHANGE = 240


class Evidence(NamedTuple):
    """A finding of the check with texts that show it."""

    text: str
    texts: tuple[str, ...]


class Refined(NamedTuple):
    """The revised clusters and what the refiner says it changed."""

    clusters: tuple[Cluster, ...]
    changes: tuple[str, ...]


class _Refinement(BaseModel):
    changes: list[Annotated[str, Field(max_length=_LONGEST_CHANGE)]] = []
    clusters: list[ClusterDraft]


async def extend_clusters(
    model: ChatModel,
    instruction: str,
    clusters: Sequence[Cluster],
    settings: TaxonomySettings,
    texts: Sequence[str],
    subject: str = "extension",
) -> tuple[Cluster, ...]:
    """Further clusters for texts that fit none: a question of its own, as small models leave a shown list as it is.

    Returns at most as many as `max_clusters` leaves room for, and none whose name is taken. Raises ModelAnswerError
    when the model gives no usable list, or names nothing new.
    """
    most = settings.max_clusters - len(clusters)
    if most < 1 or not texts:
        return ()
    taken = {cluster.name.casefold() for cluster in clusters}

    def read(text: str) -> tuple[Cluster, ...]:
        unique = {" ".join(draft.name.split()).casefold(): draft for draft in read_as(Clusters, text).clusters}
        new = [draft for name, draft in unique.items() if name not in taken and name != NONE_FITS]
        if not new:
            raise Unusable(f"every name in it is taken; name other groups than {sorted(taken)}")
        return tuple(Cluster(name=draft.name, description=draft.description) for draft in new[:most])

    messages = load_prompt("extension").messages(
        instruction=instruction, clusters=clusters, texts=[fenced(text) for text in texts], most=most
    )
    bounds = TaxonomySettings.model_construct(min_clusters=1, max_clusters=most)
    schema = object_schema({"clusters": clusters_schema(bounds)})
    added, _ = await ask(model, ChatRequest(messages, schema), read, ATTEMPTS, subject)
    return added


async def refine_clusters(
    model: ChatModel,
    instruction: str,
    clusters: Sequence[Cluster],
    settings: TaxonomySettings,
    texts: Sequence[str] = (),
    findings: Sequence[Evidence] = (),
    note: str = "",
    subject: str = "refinement",
) -> Refined:
    """Revise clusters, by what a check found or, before the first check, by a sample of texts.

    Raises ModelAnswerError when the model gives no usable list.
    """

    def read(text: str) -> Refined:
        draft = read_as(_Refinement, text)
        return Refined(usable_clusters(draft.clusters, settings), tuple(c for c in draft.changes if c.strip()))

    messages = load_prompt("refinement").messages(
        instruction=instruction,
        clusters=clusters,
        texts=[fenced(text) for text in texts],
        findings=[Evidence(f.text, tuple(fenced(text) for text in f.texts)) for f in findings],
        note=note,
        min_clusters=settings.min_clusters,
        max_clusters=settings.max_clusters,
    )
    changes = array_schema(string_schema(1, _LONGEST_CHANGE), 0, _MOST_CHANGES)
    schema = object_schema({"clusters": clusters_schema(settings), "changes": changes})
    refined, _ = await ask(model, ChatRequest(messages, schema), read, ATTEMPTS, subject)
    return refined
