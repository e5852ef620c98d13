"""The Content of the stand-in model's answers: labels by shared words, names by frequent ones, the rest by hash."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from .conversation import FENCED, Conversation, texts_in
from .words import frequent_words, stable_number, stable_share, stems, stems_of_name

_LISTED = re.compile(r"^(?:Clusters|Proposal \d+):\n((?:- .+(?:\n|\Z))+)", re.MULTILINE)
_TOPICS_TRIED = 1000


class Topic(NamedTuple):
    name: str
    description: str


class Writer:
    """Writes one answer. `noise` is the share of labels that go astray and of flags that are False."""

    def __init__(self, conversation: Conversation, noise: float) -> None:
        self._conversation = conversation
        self._noise = noise
        self._topics = _topics(conversation.prompt)
        self._topic: Topic | None = None
        self._used: set[str] = set()
        self._words: list[str] | None = None

    def choose(self, values: list[Any], index: int) -> Any:
        """The value that shares the most stems with the document; the document's hash decides between equals."""
        document = self._conversation.document
        found = stems(document)
        shared = [len(found & stems_of_name(str(value))) for value in values]
        most = max(shared)
        best = sorted((str(value), place) for place, value in enumerate(values) if shared[place] == most)
        place = best[stable_number(document) % len(best)][1] if len(best) > 1 else best[0][1]
        others = len(values) - 1
        if others and self._strays("label"):
            place += 1 + stable_number("other", self._conversation.labeler, document) % others
        return values[(place + index) % len(values)]

    def flag(self) -> bool:
        return not self._strays("flag")

    def number(self, choices: int, index: int) -> int:
        return (stable_number("number", self._conversation.document) + index) % choices

    def text(self, name: str, least: int, most: int | None, index: int) -> str:
        if name in ("name", "title"):
            return self._name(least, most)
        if name == "description" and self._topic is not None:
            said = self._topic.description
        elif name == "instruction":
            said = f"Group the texts by what they say about {self._word(index)}."
        else:
            said = f"It speaks of {self._word(index)}."
        return _fitted(said, least, most)

    def _strays(self, about: str) -> bool:
        if not self._noise:
            return False
        return stable_share(about, self._conversation.labeler, self._conversation.document) < self._noise

    def _name(self, least: int, most: int | None) -> str:
        """The next topic whose name this answer does not have yet."""
        said = ""
        for topic in itertools.islice(self._topics, _TOPICS_TRIED):
            self._topic = topic
            said = _fitted(topic.name, least, most)
            if said.casefold() not in self._used:
                break
        self._used.add(said.casefold())
        return said

    def _word(self, index: int) -> str:
        if self._words is None:
            self._words = _words_of(self._conversation.prompt)
        return self._words[index % len(self._words)] if self._words else f"matter {index + 1}"


def _topics(prompt: str) -> Iterator[Topic]:
    """Topics without end: those the prompt lists already, then its texts' frequent words, then numbers."""
    for listed in _LISTED.findall(FENCED.sub("", prompt)):
        for line in listed.splitlines():
            name, _, description = line.removeprefix("- ").partition(": ")
            yield Topic(name, description)
    for word in _words_of(prompt):
        yield Topic(word.capitalize(), f"Texts about {word}.")
    for number in itertools.count(1):
        yield Topic(f"{number}. topic", f"Texts about topic {number}.")


def _words_of(prompt: str) -> list[str]:
    return frequent_words(texts_in(prompt) or [prompt])


def _fitted(text: str, least: int, most: int | None) -> str:
    if len(text) < least:
        text = (f"{text} " * (least // (len(text) + 1) + 1))[:least]
    return text if most is None else text[:most]
