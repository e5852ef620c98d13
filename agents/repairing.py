"""The repairing agents: after a generation, where texts belong that it left out, or put into several clusters (ours).

The paper counts such answers as invalid (App. I.1). Here the model is asked about these texts alone, in few calls, and
what it does not answer is left to the caller.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from ..core.errors import ModelAnswerError
from ..core.prompt import numbered_text
from ..core.tokens import cut_to_tokens, estimate_tokens
from ..llm.failures import CallFailed
from ..llm.protocol import ChatModel, ChatRequest
from ..llm.structured import Unusable, ask, read_json
from .prompting import load_prompt
from .schemas import object_schema

T = TypeVar("T")

_MOST_AT_ONCE = 20
_MOST_EXAMPLES = 3
_SHORTEST_EXAMPLE = 12
_NUMBER = re.compile(r"(?:cluster)?\s{0,3}([0-9]{1,9})", re.IGNORECASE)


class RepairBounds(NamedTuple):
    """Estimated tokens of a question's clusters and texts together, those of one text, and answers asked for."""

    prompt_tokens: int = 3000
    text_tokens: int = 300
    attempts: int = 3


class Grouping(NamedTuple):
    """All texts under their instruction, and the clusters so far as 1-based items, which need be no partition."""

    instruction: str
    texts: Sequence[str]
    clusters: Sequence[Sequence[int]]


async def settle_twice(
    model: ChatModel, grouping: Grouping, choices: Mapping[int, Sequence[int]], bounds: RepairBounds
) -> dict[int, int]:
    """For items that stand in several clusters the 0-based one they belong to; those without an answer are left out.

    choices: for each such item its 0-based clusters. Raises CallFailed when no call can succeed, and BudgetReached.
    """
    settled: dict[int, int] = {}
    for batch in _batches(grouping, list(choices), bounds):
        named = sorted({cluster for item in batch for cluster in choices[item]})
        examples = _examples(grouping, named, choices, bounds)
        messages = load_prompt("repairing_twice").messages(
            instruction=grouping.instruction,
            clusters=[(cluster + 1, shown) for cluster, shown in zip(named, examples, strict=True)],
            asked=[(_shown(grouping, item, bounds), [c + 1 for c in choices[item]]) for item in batch],
        )
        allowed = {item: [cluster + 1 for cluster in choices[item]] for item in batch}
        schema = {_name(item): {"type": "integer", "enum": numbers} for item, numbers in allowed.items()}
        answers = await _ask(model, ChatRequest(messages, object_schema(schema)), allowed, "twice", bounds)
        settled |= {item: number - 1 for item, number in answers.items()}
    return settled


async def place_missing(
    model: ChatModel, grouping: Grouping, missing: Sequence[int], most: int | None, bounds: RepairBounds
) -> dict[int, int]:
    """For items that stand nowhere the 0-based cluster they belong to; those without an answer are left out.

    A number from `len(grouping.clusters)` on is a new cluster, none skipped; there are at most `most` in all, and with
    None as many as the model finds. Raises CallFailed when no call can succeed, and BudgetReached.
    """
    clusters = [list(items) for items in grouping.clusters]
    placed: dict[int, int] = {}
    for batch in _batches(grouping, missing, bounds):
        now = grouping._replace(clusters=clusters)
        room = len(batch) if most is None else min(len(batch), max(0, most - len(clusters)))
        messages = load_prompt("repairing_missing").messages(
            instruction=grouping.instruction,
            clusters=_examples(now, range(len(clusters)), (), bounds),
            room=room,
            asked=[_shown(grouping, item, bounds) for item in batch],
        )
        numbers = range(1, len(clusters) + room + 1)
        number = {"type": "integer", "minimum": 1, "maximum": numbers[-1]}
        schema = object_schema({_name(item): number for item in batch})
        answers = await _ask(model, ChatRequest(messages, schema), dict.fromkeys(batch, numbers), "missing", bounds)
        places = _without_gaps(answers, len(clusters))
        for item, place in places.items():
            clusters += [[]] if place == len(clusters) else []
            clusters[place].append(item)
        placed |= places
    return placed


def _without_gaps(answers: Mapping[int, int], known: int) -> dict[int, int]:
    """1-based answers as 0-based clusters; new ones are numbered by their first item."""
    new = dict.fromkeys(number for number in answers.values() if number > known)
    places = {number: known + place for place, number in enumerate(new)}
    return {item: places.get(number, number - 1) for item, number in answers.items()}


async def _ask(
    model: ChatModel, request: ChatRequest, allowed: Mapping[int, Sequence[int]], what: str, bounds: RepairBounds
) -> dict[int, int]:
    """The usable answers by item, in the items' order; a bad one does not spoil the others."""
    found: dict[int, int] = {}

    def read(text: str) -> None:
        said = read_json(text)
        if not isinstance(said, dict):
            raise Unusable('it must be a JSON object such as {"text1": 2}')
        for item, numbers in allowed.items():
            number = _number(said.get(_name(item)))
            if number is not None and number in numbers:
                found.setdefault(item, number)
        left = [_name(item) for item in allowed if item not in found]
        if left:
            raise Unusable(f"it has no allowed number for {', '.join(left)}")

    try:
        await ask(model, request, read, bounds.attempts, f"repairing/{what}")
    except ModelAnswerError:
        pass
    except CallFailed as failure:
        if failure.kind == "fatal":
            raise
    return {item: found[item] for item in allowed if item in found}


def _number(said: Any) -> int | None:
    """2, "2" and "cluster 2"."""
    if isinstance(said, int) and not isinstance(said, bool):
        return said
    match = _NUMBER.fullmatch(said.strip()) if isinstance(said, str) else None
    return int(match[1]) if match else None


def _batches(grouping: Grouping, items: Sequence[int], bounds: RepairBounds) -> Iterator[list[int]]:
    """Items that one question is about: their texts take half of the prompt at most."""
    batch: list[int] = []
    left = bounds.prompt_tokens // 2
    for item in items:
        tokens = estimate_tokens(_shown(grouping, item, bounds))
        if batch and (len(batch) == _MOST_AT_ONCE or tokens > left):
            yield batch
            batch, left = [], bounds.prompt_tokens // 2
        batch.append(item)
        left -= tokens
    if batch:
        yield batch


def _examples(
    grouping: Grouping, clusters: Sequence[int], contested: Mapping[int, Any] | Sequence[int], bounds: RepairBounds
) -> list[list[str]]:
    """Some texts of each of these clusters, fenced, in the other half of the prompt; contested ones show nothing."""
    each = bounds.prompt_tokens // 2 // max(1, len(clusters))
    tokens = max(_SHORTEST_EXAMPLE, min(bounds.text_tokens, each // _MOST_EXAMPLES))
    count = max(1, min(_MOST_EXAMPLES, each // tokens))
    shown = [[item for item in grouping.clusters[cluster] if item not in contested] for cluster in clusters]
    return [
        [numbered_text(item, cut_to_tokens(grouping.texts[item - 1], tokens)) for item in spread(items, count)]
        for items in shown
    ]


def spread(items: Sequence[T], count: int) -> list[T]:
    """At most `count` of the items, evenly from first to last."""
    count = min(count, len(items))
    return [items[place * len(items) // count] for place in range(count)]


def _shown(grouping: Grouping, item: int, bounds: RepairBounds) -> str:
    most = min(bounds.text_tokens, bounds.prompt_tokens // 2)
    return numbered_text(item, cut_to_tokens(grouping.texts[item - 1], most))


def _name(item: int) -> str:
    return f"text{item}"
