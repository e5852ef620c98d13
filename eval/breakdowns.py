"""V along the properties of examples: number of texts, of gold clusters, of tokens in the prompt, and the task."""

from __future__ import annotations

import bisect
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ..core.agreement import Interval
from ..core.evaluation import AnswerScore, Axis, Bin, Breakdown
from .bootstrap import CellMeans, Values
from .example_means import ExampleMean, example_means, value_rows

MOST_BINS = 6


class _Property(NamedTuple):
    """What an example is split by; of texts and clusters the most that any entry was scored on."""

    texts: int
    clusters: int
    tokens: int
    task: tuple[str, str]
    """Domain and name, in which order tasks stand."""


class _Bins(NamedTuple):
    """Of one axis: labels in order, and in which an example falls."""

    axis: Axis
    labels: Sequence[str]
    place: Callable[[_Property], int]


def breakdowns(
    scores: Mapping[str, Iterable[AnswerScore]], resamples: int = 2000, seed: int = 0, confidence: float = 0.95
) -> tuple[Breakdown, ...]:
    """Each entry (in the mapping's order) along each axis; scores by entry are read once.

    V and the share of valid answers are means over a bin's examples, samples averaged first; the bootstrap draws the
    bin's examples anew. The bins are the same for all entries: of numbers at most six that hold about equally many of
    all entries' examples, one for each value where there are at most six. A bin that an entry has no example in stays,
    with 0 examples and no V. Raises SettingsError for settings of the intervals out of bounds.
    """
    properties: dict[str, _Property] = {}
    means = {entry: example_means(_noted(of_entry, properties), _measures) for entry, of_entry in scores.items()}
    axes = _axes(list(properties.values()))

    def filled(examples: Mapping[str, ExampleMean], bins: _Bins) -> tuple[Bin, ...]:
        inside: list[list[str]] = [[] for _ in bins.labels]
        for example in sorted(examples):
            inside[bins.place(properties[example])].append(example)
        return tuple(
            _bin(label, value_rows(names, examples) if names else None, resamples, confidence, seed)
            for label, names in zip(bins.labels, inside, strict=True)
        )

    return tuple(
        Breakdown(entry=entry, axis=bins.axis, bins=filled(examples, bins))
        for entry, examples in means.items()
        for bins in axes
    )


def ranges(values: Iterable[int], most: int = MOST_BINS) -> list[tuple[int, int]]:
    """The least and the greatest value of at most `most` bins, in order; equal values are never split.

    With more different values than bins, each cut stands where the share of values below it is nearest to the one
    that equal bins would have.
    """
    counts = sorted(Counter(values).items())
    if len(counts) <= most:
        return [(value, value) for value, _ in counts]
    below = [0]
    for _, number in counts:
        below.append(below[-1] + number)
    cuts = sorted({0, len(counts), *(_nearest(below, below[-1] * part / most) for part in range(1, most))})
    return [(counts[first][0], counts[after - 1][0]) for first, after in itertools.pairwise(cuts)]


def range_label(low: int, high: int) -> str:
    """'3', '10–14', '1,200–2,000'."""
    return f"{low:,}" if low == high else f"{low:,}–{high:,}"


def _nearest(ascending: Sequence[int], wanted: float) -> int:
    """Index of the value nearest to the wanted one, the lower of two."""
    after = bisect.bisect_left(ascending, wanted)
    near = [place for place in (after - 1, after) if 0 <= place < len(ascending)]
    return min(near, key=lambda place: (abs(ascending[place] - wanted), place))


def _noted(scores: Iterable[AnswerScore], properties: dict[str, _Property]) -> Iterator[AnswerScore]:
    """The scores as they go by; their examples' properties are noted."""
    for score in scores:
        known = properties.get(score.example)
        properties[score.example] = _Property(
            max(score.n, known.texts if known else 0),
            max(score.k_gold, known.clusters if known else 0),
            score.tokens,
            (score.domain, score.task),
        )
        yield score


def _measures(score: AnswerScore) -> tuple[float, ...]:
    return score.v, float(not score.error)


def _axes(properties: Sequence[_Property]) -> list[_Bins]:
    tasks = sorted({of_example.task for of_example in properties})
    return [
        _numeric("texts", properties, lambda of_example: of_example.texts),
        _numeric("clusters", properties, lambda of_example: of_example.clusters),
        _numeric("tokens", properties, lambda of_example: of_example.tokens),
        _Bins("task", [task for _, task in tasks], lambda of_example: tasks.index(of_example.task)),
    ]


def _numeric(axis: Axis, properties: Sequence[_Property], value: Callable[[_Property], int]) -> _Bins:
    bins = ranges(map(value, properties))
    highest = [high for _, high in bins]
    return _Bins(
        axis,
        [range_label(low, high) for low, high in bins],
        lambda of_example: bisect.bisect_left(highest, value(of_example)),
    )


def _bin(label: str, values: Values | None, resamples: int, confidence: float, seed: int) -> Bin:
    """values: (examples, measures), None without examples."""
    if values is None:
        return Bin(label=label, examples=0, v=Interval(None, None, None), valid=0.0)
    means = CellMeans([values], resamples, confidence, seed)
    return Bin(label=label, examples=len(values), v=means.mean([1.0]), valid=means.mean([1.0], 1).value or 0.0)
