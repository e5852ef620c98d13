"""Text queries: words that must all occur, "a phrase", prefix*, -not, a | b and ( ), ranked by BM25.

These are the operators that Argilla's page promises. Any text is a query: what makes no sense is left out. Pure Python
that knows no server, so that it can be tested without one.
"""

from __future__ import annotations

import itertools
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

_DEEPEST = 30
_MOST_PARTS = 500
_LONGEST = 4000
_K1 = 1.2
_B = 0.75

# Chinese and Japanese are written without spaces: there every character counts as a word.
_SPACELESS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_LETTER = rf"[^\W{_SPACELESS}]"
_WORD = re.compile(rf"[{_SPACELESS}]|{_LETTER}+")
_NONE_BEFORE = f"(?<!{_LETTER})"
_NO_MORE = f"(?!{_LETTER})"
_PART = re.compile(r'"(?P<phrase>[^"]*)"?(?:~\d+)?|(?P<sign>[()|])|(?P<minus>-)(?=[^\s|)])|(?P<word>[^\s()|"]+)')
_FUZZY = re.compile(r"~\d*$")


@dataclass(frozen=True)
class Phrase:
    """Words in a row; the last one may be the beginning of a word."""

    words: tuple[str, ...]
    prefix: bool = False


@dataclass(frozen=True)
class All:
    of: tuple[Query, ...]


@dataclass(frozen=True)
class Any:
    of: tuple[Query, ...]


@dataclass(frozen=True)
class Not:
    query: Query


Query = Phrase | All | Any | Not


class Hit(NamedTuple):
    """A text that matches: its place among those given, and how well."""

    place: int
    score: float


def parse(text: str) -> Query | None:
    """What is asked for; None when there is not a single word in it. What is longer than any query is cut."""
    parts = itertools.islice(_PART.finditer(text[:_LONGEST]), _MOST_PARTS)
    return _Parser([match.groupdict() for match in parts]).whole()


def search(query: Query, texts: Iterable[Sequence[str]]) -> list[Hit]:
    """The texts that match, each given as its fields, in the order given."""
    documents = [_Document(fields) for fields in texts]
    phrases = list(dict.fromkeys(_wanted(query)))
    counts = [[document.count(phrase) for phrase in phrases] for document in documents]
    holders = [sum(map(bool, column)) for column in zip(*counts, strict=True)] or [0] * len(phrases)
    weights = [math.log(1 + (len(documents) - held + 0.5) / (held + 0.5)) for held in holders]
    average = sum(document.length for document in documents) / max(len(documents), 1) or 1.0

    def score(index: int) -> float:
        norm = _K1 * (1 - _B + _B * documents[index].length / average)
        return sum(w * n * (_K1 + 1) / (n + norm) for w, n in zip(weights, counts[index], strict=True) if n)

    return [Hit(index, score(index)) for index, document in enumerate(documents) if _matches(query, document)]


def needed(query: Query) -> frozenset[str]:
    """Words and beginnings of words without which no text matches, so that a store can leave most texts unread."""
    match query:
        case Phrase():
            return frozenset(query.words)
        case Not():
            return frozenset()
        case All():
            return frozenset().union(*map(needed, query.of))
        case Any():
            return frozenset.intersection(*map(needed, query.of))


class _Document:
    """A record's fields."""

    def __init__(self, fields: Sequence[str]) -> None:
        self._fields = [_folded(field) for field in fields]
        self.length = sum(map(len, self._fields))
        self._counts: dict[Phrase, int] = {}

    def count(self, phrase: Phrase) -> int:
        """How often it occurs. Most texts lack a word's letters, which is told far faster than words are found."""
        if phrase not in self._counts:
            likely = [field for field in self._fields if all(word in field for word in phrase.words)]
            self._counts[phrase] = sum(len(_pattern(phrase).findall(field)) for field in likely)
        return self._counts[phrase]


@lru_cache(_MOST_PARTS)
def _pattern(phrase: Phrase) -> re.Pattern[str]:
    *whole, last = map(_bounded, phrase.words)
    return re.compile(r"\W*".join([*whole, last.removesuffix(_NO_MORE) if phrase.prefix else last]))


def _bounded(word: str) -> str:
    """A spaceless character is a word wherever it stands, any other word ends where no letter follows."""
    return word if re.fullmatch(f"[{_SPACELESS}]", word) else f"{_NONE_BEFORE}{word}{_NO_MORE}"


def _matches(query: Query, document: _Document) -> bool:
    match query:
        case Phrase():
            return document.count(query) > 0
        case Not():
            return not _matches(query.query, document)
        case All():
            return all(_matches(part, document) for part in query.of)
        case Any():
            return any(_matches(part, document) for part in query.of)


def _wanted(query: Query) -> Iterator[Phrase]:
    """The phrases that count for the ranking: those that are not excluded."""
    if isinstance(query, Phrase):
        yield query
    elif isinstance(query, All | Any):
        for part in query.of:
            yield from _wanted(part)


class _Parser:
    """Recursive descent. Signs without sense, and parentheses deeper than any person nests them, are skipped."""

    def __init__(self, parts: list[dict[str, str | None]]) -> None:
        self._parts = parts
        self._place = 0

    def whole(self) -> Query | None:
        found = []
        while self._place < len(self._parts):
            found.append(self._any(0))
            self._place += 1  # a closing parenthesis that none opened
        return _joined(All, found)

    def _any(self, depth: int) -> Query | None:
        found = [self._all(depth)]
        while self._sign == "|":
            self._place += 1
            found.append(self._all(depth))
        return _joined(Any, found)

    def _all(self, depth: int) -> Query | None:
        found = []
        while self._place < len(self._parts) and self._sign not in ("|", ")"):
            found.append(self._one(depth))
        return _joined(All, found)

    def _one(self, depth: int) -> Query | None:
        negated = False
        while self._place < len(self._parts) and self._parts[self._place]["minus"]:
            negated = not negated
            self._place += 1
        if self._place == len(self._parts) or self._sign in ("|", ")"):
            return None
        part = self._parts[self._place]
        self._place += 1
        found = self._group(depth) if part["sign"] else _leaf(part)
        return Not(found) if negated and found is not None else found

    def _group(self, depth: int) -> Query | None:
        if depth >= _DEEPEST:
            return None
        found = self._any(depth + 1)
        if self._sign == ")":
            self._place += 1
        return found

    @property
    def _sign(self) -> str | None:
        return self._parts[self._place]["sign"] if self._place < len(self._parts) else None


def _leaf(part: dict[str, str | None]) -> Query | None:
    word = part["word"]
    if word is None:
        words = tuple(_WORD.findall(_folded(part["phrase"] or "")))
        return Phrase(words) if words else None
    words = _WORD.findall(_folded(_FUZZY.sub("", word)))
    last = len(words) - 1
    return _joined(All, [Phrase((each,), word.endswith("*") and i == last) for i, each in enumerate(words)])


def _joined(kind: type[All] | type[Any], found: Sequence[Query | None]) -> Query | None:
    kept = tuple(query for query in found if query is not None)
    return kind(kept) if len(kept) > 1 else next(iter(kept), None)


def _folded(text: str) -> str:
    """One form for what is read as the same: accents composed, upper and lower case alike."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()
