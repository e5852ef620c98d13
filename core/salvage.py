"""What can be saved of an answer that is none: the clusters that a model wrote down in whatever shape.

`parse_answer` takes the canonical format and nothing else; this reads past missing tags, cut ends, other punctuation,
markdown and JSON, and leaves it to the caller to repair what is missing or listed twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from .answer import TAGS, bounded

Clusters = tuple[tuple[int, ...], ...]

_TOTAL = r"total[ \t]{1,9}clusters[\"*: \t]{0,9}(?:\[?[0-9]*\]?)"
_PARTS = re.compile("|".join((*map(re.escape, TAGS), _TOTAL)), re.IGNORECASE)
_HEAD = re.compile(r"\b(?:cluster|group|category|topic)[ \t_#-]{0,3}([0-9]+)", re.IGNORECASE)
_LIST = re.compile(r"\[([^\[\]]*)(\]|\Z)?")
_LABEL = re.compile(
    r"\btext[ \t_#-]{0,3}([0-9]+)[\"'*]{0,4}[ \t]{0,4}(?:[:=]|->|→)[ \t]{0,4}[\"'*]{0,4}"
    r"(?:(?:cluster|group)[ \t_#-]{0,3})?([0-9]+)",
    re.IGNORECASE,
)
_ELEMENTS = re.compile(r"[,;\n]|\band\b|&")
_DECORATION = " \t\r\"'`*()•-–#."
_NAMED_ITEM = re.compile(r"\b(?:text|item)s?[ \t_#\"=id]{0,8}([0-9]+)", re.IGNORECASE)
_NUMBERED_ITEM = re.compile(r"([0-9]+)[.:)](?:\s|\Z)")
_CLOSE_ENOUGH = 0.5
"""A later answer counts although it lists less than an earlier one (which was a draft), down to this share of it."""


class _Head(NamedTuple):
    """Where a cluster begins: its number, and what stands between it and the next."""

    number: int
    body: str


def salvage(text: str, n: int) -> Clusters:
    """The clusters, as listed, of the last answer in the text that is not much less than its fullest one.

    Items are 1..n, each at most once in a cluster, but perhaps in several or in none; what is no such number is left
    out, and so is a number that the text's end may have cut. () where nothing can be read. Time is linear in the text.
    """
    if n < 1:
        raise ValueError(f"an answer needs at least one item, got n={n!r}")
    whole = _without_cut_number(text, n)
    found = [clusters for part in _PARTS.split(whole) for clusters in _readings(part, n)]
    listed = [len({item for items in clusters for item in items}) for clusters in found]
    enough = max(listed, default=0) * _CLOSE_ENOUGH
    return next((found[i] for i in reversed(range(len(found))) if listed[i] >= enough and listed[i]), ())


def _without_cut_number(text: str, n: int) -> str:
    """The text without a number at its very end that may be the beginning of a larger one."""
    bare = text.rstrip("0123456789")
    digits = text[len(bare) :]
    return bare if digits and bounded(digits, n) * 10 <= n else text


def _readings(part: str, n: int) -> Iterator[Clusters]:
    """What a part of the text says, read as every shape that it may have; the likeliest last."""
    heads = _heads(part, n)
    by_label = _of_labels(part, n)
    by_head = [_kept(_items_of_body(head.body, n) for head in answer) for answer in _answers(heads)]
    labelled = sum(map(len, by_label))
    if labelled and labelled >= max((sum(map(len, clusters)) for clusters in by_head), default=0):
        yield by_label
    elif heads:
        yield from by_head
    else:
        yield _kept(_items(listed[1], n) for listed in _LIST.finditer(part))


def _heads(part: str, n: int) -> list[_Head]:
    matches = list(_HEAD.finditer(part))
    ends = [match.start() for match in matches[1:]] + [len(part)]
    return [_Head(bounded(match[1], n), part[match.end() : end]) for match, end in zip(matches, ends, strict=False)]


def _answers(heads: Sequence[_Head]) -> list[list[_Head]]:
    """A model that counts from cluster 1 again begins another answer."""
    answers: list[list[_Head]] = []
    before = 0
    for head in heads:
        if not answers or head.number == 1 < before:
            answers.append([])
        answers[-1].append(head)
        before = head.number
    return answers


def _items_of_body(body: str, n: int) -> list[int]:
    """Items of the first list in brackets that has any, else of the head's line, else of the lines below it."""
    if "[" in body:
        return next((items for listed in _LIST.finditer(body) if (items := _items(listed[1], n))), [])
    first, _, below = body.partition("\n")
    named = _items(first.partition(":")[2] or first, n)
    if named:
        return named
    items: list[int] = []
    for line in below.splitlines():
        more = _items(line, n)
        if items and line.strip() and not more:
            break
        items += more
    return items


def _items(listed: str, n: int) -> list[int]:
    return [item for element in _ELEMENTS.split(listed) for item in _items_of_element(element, n)]


def _items_of_element(element: str, n: int) -> Iterator[int]:
    """`7`, `"7"`, `7 8 9`, `text 7: the text itself` or `7. the text itself`."""
    bare = element.strip(_DECORATION)
    words = bare.split()
    named = _NAMED_ITEM.search(bare) or _NUMBERED_ITEM.match(bare)
    digits = words if all(word.isascii() and word.isdigit() for word in words) else [named[1]] if named else []
    for word in digits:
        item = bounded(word, n)
        if 1 <= item <= n:
            yield item


def _of_labels(part: str, n: int) -> Clusters:
    """`"text1": 2`: items by the label behind them, clusters in the order of their first item."""
    clusters: dict[str, list[int]] = {}
    for match in _LABEL.finditer(part):
        item = bounded(match[1], n)
        if 1 <= item <= n:
            clusters.setdefault(match[2].lstrip("0"), []).append(item)
    return _kept(clusters.values())


def _kept(listed: Iterable[list[int]]) -> Clusters:
    """Without repetitions inside a cluster, and without empty clusters."""
    return tuple(tuple(dict.fromkeys(items)) for items in listed if items)
