"""The naming agent: names and one-sentence descriptions for clusters that a generation left unnamed (ours)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from pydantic import ValidationError

from ..core.errors import ModelAnswerError
from ..core.prompt import numbered_text
from ..core.taxonomy import Cluster
from ..core.tokens import cut_to_tokens
from ..llm.failures import CallFailed
from ..llm.protocol import ChatModel, ChatRequest
from ..llm.structured import Unusable, ask, read_json
from .generation import ClusterDraft
from .prompting import load_prompt
from .repairing import RepairBounds, spread
from .schemas import object_schema, string_schema

_AT_ONCE = 10
_MOST_EXAMPLES = 6
_LONGEST_NAME = 60
_LONGEST_DESCRIPTION = 200


async def name_clusters(
    model: ChatModel, instruction: str, clusters: Sequence[Sequence[str]], bounds: RepairBounds | None = None
) -> tuple[Cluster, ...]:
    """A cluster for each list of texts, in their order, no two of one name.

    One that gets no usable name after all attempts, or whose call fails, is called by its number. Raises CallFailed
    when no call can succeed, and BudgetReached.
    """
    bounds = bounds or RepairBounds()
    named: dict[int, Cluster] = {}
    for start in range(0, len(clusters), _AT_ONCE):
        batch = range(start, min(start + _AT_ONCE, len(clusters)))
        named |= await _name(model, instruction, clusters, batch, named, bounds)
    taken = {cluster.name.casefold() for cluster in named.values()}
    for place in range(len(clusters)):
        if place not in named:
            named[place] = _numbered(place + 1, taken)
    return tuple(named[place] for place in range(len(clusters)))


async def _name(
    model: ChatModel,
    instruction: str,
    clusters: Sequence[Sequence[str]],
    batch: Sequence[int],
    known: dict[int, Cluster],
    bounds: RepairBounds,
) -> dict[int, Cluster]:
    found: dict[int, Cluster] = {}

    def read(text: str) -> None:
        said = read_json(text)
        if not isinstance(said, dict):
            raise Unusable('it must be a JSON object such as {"cluster1": {"name": "...", "description": "..."}}')
        taken = {cluster.name.casefold() for cluster in (*known.values(), *found.values())}
        for place in batch:
            cluster = _usable(said.get(f"cluster{place + 1}"))
            if place not in found and cluster is not None and cluster.name.casefold() not in taken:
                found[place] = cluster
                taken.add(cluster.name.casefold())
        left = [f"cluster{place + 1}" for place in batch if place not in found]
        if left:
            raise Unusable(f"it has no name, or one that another group has, for {', '.join(left)}")

    messages = load_prompt("naming").messages(
        instruction=instruction,
        clusters=[(place + 1, _examples(clusters[place], len(batch), bounds)) for place in batch],
        taken=[cluster.name for cluster in known.values()],
    )
    draft = object_schema(
        {"name": string_schema(2, _LONGEST_NAME), "description": string_schema(1, _LONGEST_DESCRIPTION)}
    )
    schema = object_schema({f"cluster{place + 1}": draft for place in batch})
    try:
        await ask(model, ChatRequest(messages, schema), read, bounds.attempts, "naming")
    except ModelAnswerError:
        pass
    except CallFailed as failure:
        if failure.kind == "fatal":
            raise
    return found


def _usable(said: object) -> Cluster | None:
    try:
        draft = ClusterDraft.model_validate(said)
        return Cluster(name=draft.name, description=draft.description)
    except ValidationError:
        return None


def _examples(texts: Sequence[str], clusters: int, bounds: RepairBounds) -> list[str]:
    shown = spread(texts, _MOST_EXAMPLES)
    tokens = min(bounds.text_tokens, bounds.prompt_tokens // clusters // max(1, len(shown)))
    return [numbered_text(number, cut_to_tokens(text, tokens)) for number, text in enumerate(shown, start=1)]


def _numbered(number: int, taken: set[str]) -> Cluster:
    """`Cluster 3`, or with another number behind it where the model called a cluster so; added to `taken`."""
    names = (f"Cluster {number}" + (f" ({again})" if again > 1 else "") for again in count(1))
    name = next(name for name in names if name.casefold() not in taken)
    taken.add(name.casefold())
    return Cluster(name=name)
