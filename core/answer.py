"""The canonical answer format (paper App. D): parse, validate, render, and grammars that constrain decoding.

    <think> ... </think>
    <answer>
    Total clusters: [K]
    cluster1: [1, 4, 7]
    cluster2: [2, 3]
    </answer>

This is the only place that knows the format; its scoring lives in `core/scoring.py`.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from typing import Literal, NamedTuple

AnswerErrorKind = Literal[
    "tags", "count_line", "count_mismatch", "duplicate", "missing", "out_of_range", "malformed_list", "empty_cluster"
]

TAGS = ("<think>", "</think>", "<answer>", "</answer>")
_COUNT_LINE = re.compile(r"Total[ \t]+clusters[ \t]*:[ \t]*\[[ \t]*([0-9]+)[ \t]*\]")
_CLUSTER_LINE = re.compile(r"cluster([0-9]+)[ \t]*:[ \t]*\[([^\[\]]*)\]")
_INDEX = re.compile(r"[0-9]+")
_SHOWN = 40


class AnswerError(ValueError):
    """A text that is not a valid answer; `kind` is one of the error kinds that reports count apart (App. I.1)."""

    def __init__(self, kind: AnswerErrorKind, detail: str) -> None:
        super().__init__(kind, detail)
        self.kind: AnswerErrorKind = kind
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}"


class Answer(NamedTuple):
    """A partition of 1..n: `clusters[k]` holds the 1-based item indices of cluster k+1; none is empty."""

    clusters: tuple[tuple[int, ...], ...]

    @property
    def size(self) -> int:
        return sum(map(len, self.clusters))

    def labels(self) -> list[int]:
        """0-based cluster of each item, in item order."""
        labels = [0] * self.size
        for cluster, items in enumerate(self.clusters):
            for item in items:
                labels[item - 1] = cluster
        return labels

    @classmethod
    def from_labels(cls, labels: Sequence[Hashable]) -> Answer:
        """Group items by label; clusters are numbered by their first item."""
        groups: dict[Hashable, list[int]] = {}
        for item, label in enumerate(labels, start=1):
            groups.setdefault(label, []).append(item)
        return cls(tuple(tuple(items) for items in groups.values()))


def parse_answer(text: str, n: int) -> Answer:
    """Read a model's answer for n items. Time is linear in the text.

    Text outside the tags is ignored; the four tags must occur exactly once each, in order.
    Raises AnswerError for anything else than a partition of 1..n.
    """
    lines = [line.strip() for line in _answer_block(text).splitlines() if line.strip()]
    if not lines:
        raise AnswerError("count_line", "the answer block is empty")
    head = _COUNT_LINE.fullmatch(lines[0])
    if head is None:
        raise AnswerError("count_line", f"expected 'Total clusters: [K]', found {lines[0][:_SHOWN]!r}")
    clusters = tuple(_cluster_line(line, place, n) for place, line in enumerate(lines[1:], start=1))
    if bounded(head.group(1), len(clusters)) != len(clusters):
        raise AnswerError("count_mismatch", f"says {head.group(1)[:_SHOWN]} clusters, lists {len(clusters)}")
    _check_partition(clusters, n)
    return Answer(clusters)


def reasoning_of(text: str) -> str:
    """What stands between the think tags of a text that `parse_answer` accepts."""
    return text.partition("<think>")[2].partition("</think>")[0]


def render_answer(answer: Answer, think: str = "") -> str:
    """The canonical text of an answer; `think` must hold none of the four tags."""
    for tag in TAGS:
        if tag in think:
            raise ValueError(f"the reasoning contains the tag {tag!r}, which would make the answer unreadable")
    return after_thought(think, answer_block(answer))


def after_thought(think: str, block: str) -> str:
    """A response of its parts, the reasoning without its tags and the answer with them; neither is checked."""
    return f"<think>\n{think}\n</think>\n{block}"


def answer_block(answer: Answer) -> str:
    """The answer's part of a response, tags included."""
    return f"<answer>\n{answer_lines(answer)}\n</answer>"


def answer_lines(answer: Answer) -> str:
    """The lines between the answer's tags."""
    clusters = (f"cluster{n}: [{', '.join(map(str, items))}]" for n, items in enumerate(answer.clusters, start=1))
    return "\n".join((f"Total clusters: [{len(answer.clusters)}]", *clusters))


def answer_regex(n: int) -> str:
    """A regular expression of the whole response for endpoints that constrain decoding by regex.

    It fixes the layout and the range of an index's digits; that the clusters partition 1..n is for the parser.
    """
    index = f"(?:{'|'.join(_index_alternatives(n))})"
    items = rf"{index}(?:, {index}){{0,{n - 1}}}"
    return (
        r"<think>\n[^<]*\n</think>\n<answer>\n"
        rf"Total clusters: \[{index}\]\n(?:cluster{index}: \[{items}\]\n){{1,{n}}}</answer>"
    )


def answer_gbnf(n: int, most_thought: int | None = None) -> str:
    """The same layout as GBNF, which llama.cpp (`grammar`) and vLLM's xgrammar both read.

    most_thought: characters of reasoning at most; the lists are not bounded.
    """
    thought = "[^<]*" if most_thought is None else f"[^<]{{0,{most_thought}}}"
    index = " | ".join(_gbnf_alternative(part) for part in _index_alternatives(n))
    return "\n".join(
        (
            rf'root ::= "<think>\n" {thought} "\n</think>\n<answer>\n" count line+ "</answer>"',
            r'count ::= "Total clusters: [" index "]\n"',
            r'line ::= "cluster" index ": [" index (", " index)* "]\n"',
            f"index ::= {index}",
        )
    )


def bounded(digits: str, limit: int) -> int:
    """The number, or limit + 1 when it is larger: int() refuses, and slowly reads, very long digit strings."""
    digits = digits.lstrip("0")
    if len(digits) > len(str(limit)):
        return limit + 1
    return int(digits or "0")


def _answer_block(text: str) -> str:
    places = []
    for tag in TAGS:
        count = text.count(tag)
        if count != 1:
            raise AnswerError("tags", f"{tag} occurs {count} times instead of once")
        places.append(text.index(tag))
    if places != sorted(places):
        raise AnswerError("tags", "the tags are not in the order <think>, </think>, <answer>, </answer>")
    return text[places[2] + len("<answer>") : places[3]]


def _cluster_line(line: str, place: int, n: int) -> tuple[int, ...]:
    match = _CLUSTER_LINE.fullmatch(line)
    if match is None or bounded(match.group(1), place) != place:
        raise AnswerError("malformed_list", f"expected 'cluster{place}: [...]', found {line[:_SHOWN]!r}")
    body = match.group(2).strip()
    if not body:
        raise AnswerError("empty_cluster", f"cluster{place} has no items")
    return tuple(_item(part.strip(), place, n) for part in body.split(","))


def _item(part: str, place: int, n: int) -> int:
    if _INDEX.fullmatch(part) is None:
        raise AnswerError("malformed_list", f"cluster{place} lists {part[:_SHOWN]!r}, which is not an item number")
    item = bounded(part, n)
    if not 1 <= item <= n:
        raise AnswerError("out_of_range", f"cluster{place} lists item {part[:_SHOWN]}, items are 1..{n}")
    return item


def _check_partition(clusters: Sequence[Sequence[int]], n: int) -> None:
    seen = bytearray(n + 1)
    for items in clusters:
        for item in items:
            if seen[item]:
                raise AnswerError("duplicate", f"item {item} is listed twice")
            seen[item] = 1
    missing = seen.count(0, 1)
    if missing:
        raise AnswerError("missing", f"{missing} of {n} items are in no cluster, the first is item {seen.index(0, 1)}")


def _index_alternatives(n: int) -> list[str]:
    """Character-class patterns that match exactly the decimal numbers 1..n without leading zeros."""
    if n < 1:
        raise ValueError(f"an answer needs at least one item, got n={n!r}")
    width = len(str(n))
    shorter = [_digits(1, 9) + "[0-9]" * (length - 1) for length in range(1, width)]
    return shorter + _up_to(str(n), first=True)


def _up_to(bound: str, first: bool = False) -> list[str]:
    """Patterns of len(bound) digits for the numbers up to bound, the first digit not 0 when `first`."""
    lowest, head, rest = (1 if first else 0), int(bound[0]), bound[1:]
    if not rest:
        return [_digits(lowest, head)]
    below = [_digits(lowest, head - 1) + "[0-9]" * len(rest)] if head > lowest else []
    return below + [bound[0] + tail for tail in _up_to(rest)]


def _digits(low: int, high: int) -> str:
    return str(low) if low == high else f"[{low}-{high}]"


def _gbnf_alternative(pattern: str) -> str:
    """'1[0-4]' as GBNF: literal digits quoted, classes as they are."""
    return " ".join(part if part.startswith("[") else f'"{part}"' for part in re.findall(r"\[[^\]]*\]|[0-9]+", pattern))
