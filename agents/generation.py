"""The generation agent: candidate instructions with clusters, from samples of the corpus (paper §4.1, stage 1)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from ..core.settings import TaxonomySettings
from ..core.taxonomy import NONE_FITS, Cluster
from ..llm.protocol import ChatModel, ChatRequest
from ..llm.structured import Unusable, ask, read_as
from .prompting import fenced, load_prompt
from .schemas import array_schema, object_schema, string_schema

ATTEMPTS = 4
_LONGEST_NAME = 60
_LONGEST_DESCRIPTION = 200


class ClusterDraft(BaseModel):
    """A cluster as a model writes it; bounded, because small models ramble until the token limit."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)

    name: Annotated[str, Field(min_length=2, max_length=_LONGEST_NAME)]
    description: Annotated[str, Field(max_length=_LONGEST_DESCRIPTION)] = ""


class Proposal(BaseModel):
    """An instruction and the clusters that come with it."""

    model_config = ConfigDict(frozen=True)

    instruction: str
    clusters: tuple[Cluster, ...]


class _ProposalDraft(BaseModel):
    instruction: str = Field(min_length=10, max_length=300)
    clusters: list[ClusterDraft]


class _Proposals(BaseModel):
    proposals: list[_ProposalDraft]


class Clusters(BaseModel):
    clusters: list[ClusterDraft]


async def propose_tasks(
    model: ChatModel, samples: Sequence[Sequence[str]], settings: TaxonomySettings
) -> list[Proposal]:
    """Instructions nobody has asked for yet, from one or several samples; equal instructions are joined.

    Raises ModelAnswerError when the model gives no usable list.
    """
    found = await asyncio.gather(*(_propose(model, texts, settings, n) for n, texts in enumerate(samples)))
    by_instruction: dict[str, list[Proposal]] = {}
    for proposal in (p for proposals in found for p in proposals):
        by_instruction.setdefault(proposal.instruction.casefold().rstrip(". "), []).append(proposal)
    merged = [await _joined(model, group, settings) for group in by_instruction.values()]
    return merged[: settings.proposals]


async def propose_clusters(
    model: ChatModel, instruction: str, samples: Sequence[Sequence[str]], settings: TaxonomySettings
) -> Proposal:
    """Clusters for a given instruction, over several samples merged into one list."""
    found = await asyncio.gather(*(_clusters(model, instruction, texts, settings) for texts in samples))
    return await _joined(model, [Proposal(instruction=instruction, clusters=c) for c in found], settings)


async def _propose(model: ChatModel, texts: Sequence[str], settings: TaxonomySettings, variant: int) -> list[Proposal]:
    def read(text: str) -> list[Proposal]:
        drafts = read_as(_Proposals, text).proposals
        if not drafts:
            raise Unusable("it proposes no instruction")
        return [Proposal(instruction=d.instruction, clusters=usable_clusters(d.clusters, settings)) for d in drafts]

    messages = load_prompt("generation").messages(
        texts=[fenced(text) for text in texts], proposals=settings.proposals, **_range(settings)
    )
    item = object_schema({"instruction": string_schema(10, 300), "clusters": clusters_schema(settings)})
    schema = object_schema({"proposals": array_schema(item, 1, settings.proposals)})
    proposals, _ = await ask(model, ChatRequest(messages, schema, variant), read, ATTEMPTS, f"generation/{variant}")
    return proposals


async def _clusters(
    model: ChatModel, instruction: str, texts: Sequence[str], settings: TaxonomySettings
) -> tuple[Cluster, ...]:
    messages = load_prompt("clusters").messages(
        instruction=instruction, texts=[fenced(text) for text in texts], **_range(settings)
    )
    return await _ask_clusters(model, messages, settings, f"clusters/{instruction}")


async def _joined(model: ChatModel, proposals: Sequence[Proposal], settings: TaxonomySettings) -> Proposal:
    if len(proposals) == 1:
        return proposals[0]
    instruction = proposals[0].instruction
    messages = load_prompt("merging").messages(
        instruction=instruction, candidates=[proposal.clusters for proposal in proposals], **_range(settings)
    )
    clusters = await _ask_clusters(model, messages, settings, f"merging/{instruction}")
    return Proposal(instruction=instruction, clusters=clusters)


async def _ask_clusters(
    model: ChatModel, messages: Any, settings: TaxonomySettings, subject: str
) -> tuple[Cluster, ...]:
    schema = object_schema({"clusters": clusters_schema(settings)})
    clusters, _ = await ask(
        model,
        ChatRequest(messages, schema),
        lambda text: usable_clusters(read_as(Clusters, text).clusters, settings),
        ATTEMPTS,
        subject,
    )
    return clusters


def usable_clusters(drafts: Sequence[ClusterDraft], settings: TaxonomySettings) -> tuple[Cluster, ...]:
    """The drafts with repeated names dropped. Raises Unusable when too few or too many are left."""
    unique: dict[str, Cluster] = {}
    for draft in drafts:
        name = " ".join(draft.name.split())
        if name.casefold() != NONE_FITS:
            unique.setdefault(name.casefold(), Cluster(name=name, description=draft.description))
    if not settings.min_clusters <= len(unique) <= settings.max_clusters:
        raise Unusable(
            f"it has {len(unique)} different clusters ({', '.join(c.name for c in unique.values())}), there must be"
            f" {settings.min_clusters} to {settings.max_clusters}, each with a name of its own"
        )
    return tuple(unique.values())


def clusters_schema(settings: TaxonomySettings) -> dict[str, Any]:
    """`min_clusters` to `max_clusters` clusters, every string bounded."""
    item = object_schema(
        {"name": string_schema(2, _LONGEST_NAME), "description": string_schema(1, _LONGEST_DESCRIPTION)}
    )
    return array_schema(item, settings.min_clusters, settings.max_clusters)


def _range(settings: TaxonomySettings) -> dict[str, int]:
    return {"min_clusters": settings.min_clusters, "max_clusters": settings.max_clusters}
