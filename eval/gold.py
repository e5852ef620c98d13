"""Gold of a benchmark's evaluation examples, as small as can be: eight bytes a text, since names are shared."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from typing import NamedTuple, TypeVar

from ..benchmark.files import EVALUATION, Benchmark

_Value = TypeVar("_Value")


class ScoredOn(NamedTuple):
    """What is known of an example that an answer is scored on; `tokens` are those of its prompt."""

    example: str
    task: str
    domain: str
    split: str
    tokens: int


class Gold(NamedTuple):
    """An example and the gold cluster of each of its texts."""

    about: ScoredOn
    labels: tuple[str, ...]


def gold_of(benchmark: Benchmark) -> dict[str, Gold]:
    """Gold by example of all evaluation splits."""
    return {
        record.id: Gold(
            ScoredOn(record.id, sys.intern(record.task), sys.intern(record.domain), split, record.tokens),
            tuple(map(sys.intern, record.labels)),
        )
        for split in EVALUATION
        for record in benchmark.records(split)
    }


def without(values: Sequence[_Value], left_out: Collection[int]) -> list[_Value]:
    """The values of the texts that an answer is about; `left_out` are 1-based."""
    return [value for place, value in enumerate(values, start=1) if place not in left_out]
