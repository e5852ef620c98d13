"""Numbers into ranges: the same ranges for every split, of a round width, at most 16 of them."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence

from ..reports.benchmark_summary import Histogram, Spread

_MOST = 16
_USES = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)


def spread(numbers: Mapping[int, int]) -> Spread | None:
    """Of counted numbers (number -> how often); None where there are none."""
    total = sum(numbers.values())
    if not total:
        return None
    return Spread(sum(n * times for n, times in numbers.items()) / total, min(numbers), max(numbers))


def histograms(counted: Sequence[Mapping[int, int]]) -> list[Histogram]:
    """One for each mapping (number -> how often), all over the same ranges of equal width."""
    numbers = set(itertools.chain.from_iterable(counted))
    if not numbers:
        return [Histogram(labels=(), counts=()) for _ in counted]
    width = next(w for w in _widths() if max(numbers) // w - min(numbers) // w < _MOST)
    starts = [width * place for place in range(min(numbers) // width, max(numbers) // width + 1)]
    labels = tuple(f"{at:,}" if width == 1 else f"{at:,}–{at + width - 1:,}" for at in starts)
    return [_histogram(starts, labels, of) for of in counted]


def use_histograms(counted: Sequence[Mapping[int, int]]) -> list[Histogram]:
    """As `histograms`, over ranges that grow: how often texts are used differs by orders of magnitude."""
    most = max(itertools.chain.from_iterable(counted), default=0)
    starts = [start for start in _USES if start <= most]
    ends = [*(start - 1 for start in starts[1:]), most][: len(starts)]
    labels = tuple(f"{a:,}" if a == b else f"{a:,}–{b:,}" for a, b in zip(starts, ends, strict=True))
    return [_histogram(starts, labels, of) for of in counted]


def _histogram(starts: Sequence[int], labels: tuple[str, ...], counted: Mapping[int, int]) -> Histogram:
    found: Counter[int] = Counter()
    for number, times in counted.items():
        found[bisect_right(starts, number) - 1] += times
    return Histogram(labels=labels, counts=tuple(found[place] for place in range(len(starts))), spread=spread(counted))


def _widths() -> itertools.chain[int]:
    return itertools.chain.from_iterable((10**power, 2 * 10**power, 5 * 10**power) for power in range(18))
