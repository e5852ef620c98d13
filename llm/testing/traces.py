"""The stand-in's part in distillation: it writes traces from the clusters it is told, rates them, and reads them back.

A trace goes by the words of the texts. `noise` is the share of examples of which the first trace leans on its answer.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from ...core.answer import Answer, answer_block
from .conversation import Conversation, texts_in
from .words import frequent_words, stable_number, stable_share

_GIVEN = re.compile(r"^cluster[0-9]+: \[([0-9, ]+)\]$", re.MULTILINE)
_ASSIGNED = re.compile(r"Text ([0-9]+) belongs to cluster ([0-9]+)")
_SENT_BACK = "were sent back"
_RATED = ("completeness", "length", "coherence")


def written_trace(conversation: Conversation, noise: float) -> str | None:
    """A trace that arrives at the clusters in the prompt; None where none is asked for."""
    prompt = next((said for said in conversation.said if "<trace>" in said and _GIVEN.search(said)), None)
    if prompt is None:
        return None
    clusters = [tuple(map(int, items.split(","))) for items in _GIVEN.findall(prompt)]
    texts = texts_in(prompt)
    leans = _SENT_BACK not in prompt and stable_share("trace", *texts) < noise
    first = "As the given clusters show, little has to be found out. " if leans else ""
    answer = answer_block(Answer(tuple(clusters)))
    return f"<trace>\n{first}{_reasoning(texts, clusters)}\n</trace>\n{answer}"


def judgement(schema: dict[str, Any], conversation: Conversation) -> str | None:
    """Ratings of a trace, or the assignment that it gives; None where the schema asks for neither."""
    properties = schema.get("properties", {})
    if all(name in properties for name in _RATED):
        rating = 4 + stable_number("rating", conversation.document) % 2
        said = {f"{name}_why": "Nothing is missing." for name in _RATED} | dict.fromkeys(_RATED, rating)
        return orjson.dumps({**said, "leaning_quote": "", "leans_on_answer": False}).decode()
    if set(properties) == {"groups", "texts"}:
        found = {text: int(cluster) for text, cluster in _ASSIGNED.findall(conversation.document)}
        texts = {text: found.get(text, 0) for text in properties["texts"].get("properties", {})}
        groups = [f"Cluster {number}" for number in range(1, 1 + max(texts.values(), default=1))]
        return orjson.dumps({"groups": groups or ["none"], "texts": texts}).decode()
    return None


def _reasoning(texts: list[str], clusters: list[tuple[int, ...]]) -> str:
    telling = [next(iter(frequent_words([text])), "nothing") for text in texts]
    place_of = {item: number for number, items in enumerate(clusters, start=1) for item in items}
    looked = [f"Text {n}: what it says about {word} matters here." for n, word in enumerate(telling, start=1)]
    about = [
        f"Cluster {number} is about {telling[items[0] - 1]}, and whatever is like it in the sense of the instruction."
        for number, items in enumerate(clusters, start=1)
    ]
    assigned = [
        f"Text {n} belongs to cluster {place_of.get(n, 0)}, because it speaks of {word} as the others there do."
        for n, word in enumerate(telling, start=1)
    ]
    return "\n".join(
        (
            "The instruction asks to go by what the texts speak of, so their words decide.",
            *looked,
            f"These observations call for {len(clusters)} clusters: fewer would mix what differs, more would part it.",
            *about,
            *assigned,
        )
    )
