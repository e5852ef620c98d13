"""The second level: clusters are grouped by the agent that groups texts, a cluster's name and description being one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..core.taxonomy import Cluster
from ..llm.protocol import ChatModel
from .one_prompt import OnePrompt, cluster_in_one_prompt

_FEWEST = 4


class Groups(NamedTuple):
    """Each cluster's group by its name, and what could not be done; few clusters are not grouped."""

    of: dict[str, str]
    trouble: tuple[str, ...] = ()


async def group_clusters(model: ChatModel, instruction: str, clusters: Sequence[Cluster], how: OnePrompt) -> Groups:
    """Raises CallFailed where the endpoint does not answer."""
    if len(clusters) < _FEWEST:
        return Groups({}, (f"{len(clusters)} clusters are too few for a second level.",))
    asked = (
        "Each text below describes a cluster of texts; the clusters were made for this instruction: "
        f"{instruction!r} Group the clusters into a few broader ones."
    )
    texts = [f"{cluster.name}: {cluster.description}".rstrip(": ") for cluster in clusters]
    found = await cluster_in_one_prompt(model, asked, texts, how._replace(least=2, most=max(2, len(clusters) // 2)))
    names = [found.clusters[label].name for label in found.labels]
    return Groups(
        dict(zip((cluster.name for cluster in clusters), names, strict=True)),
        tuple(f"Second level: {one}" for one in found.trouble),
    )
