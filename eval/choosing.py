"""Which examples a person should read: each entry's successes and failures, disagreements, some of every cell.

The choice goes by an example's first answer, since that is the one that is shown. It does not depend on the order in
which scores come.
"""

from __future__ import annotations

import itertools
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ..core.evaluation import AnswerScore

MOST_EXAMPLES = 48
_DISAGREEMENTS = 8


class _First(NamedTuple):
    """What the choice needs of an example's first answer."""

    example: str
    sample: int
    v: float
    error: str
    n: int
    cell: tuple[str, str]


class _Candidate(NamedTuple):
    example: str
    why: str


def choose(
    scores: Mapping[str, Iterable[AnswerScore]], per_entry: int = 2, cells: int = 2, most: int = MOST_EXAMPLES
) -> dict[str, list[str]]:
    """At most `most` examples to show by id, each with why it is shown; scores by entry are read once.

    success:ENTRY   its `per_entry` best valid answers to examples with at least the median number of texts
    failure:ENTRY   its `per_entry` worst valid answers below V 1, and the last example of each kind of error
    disagreement    the examples on which valid answers of entries differ most in V
    cell            `cells` of each domain and split, those nearest to its median V

    Where there are too many, each of the four gives up its last ones. Ties go by id.
    """
    firsts = {entry: _first_answers(scores[entry]) for entry in sorted(scores)}
    candidates = [
        _by_rank("success", {entry: _successes(answers, per_entry) for entry, answers in firsts.items()}),
        _by_rank("failure", {entry: _failures(answers, per_entry) for entry, answers in firsts.items()}),
        [_Candidate(example, "disagreement") for example in _disagreements(list(firsts.values()))],
        [_Candidate(example, "cell") for example in _typical(list(firsts.values()), cells)],
    ]
    kept = _in_turn(candidates, most)
    chosen: dict[str, list[str]] = {example: [] for example in kept}
    for candidate in itertools.chain.from_iterable(candidates):
        if candidate.example in chosen and candidate.why not in chosen[candidate.example]:
            chosen[candidate.example].append(candidate.why)
    return chosen


def _first_answers(scores: Iterable[AnswerScore]) -> list[_First]:
    """The answer with the lowest sample number of each example, by id."""
    firsts: dict[str, _First] = {}
    for score in scores:
        known = firsts.get(score.example)
        if known is None or score.sample < known.sample:
            firsts[score.example] = _First(
                score.example, score.sample, score.v, score.error, score.n, (score.domain, score.split)
            )
    return [firsts[example] for example in sorted(firsts)]


def _by_rank(why: str, by_entry: Mapping[str, Sequence[str]]) -> list[_Candidate]:
    """The first of every entry, then the second of every entry, and so on."""
    ranks = itertools.zip_longest(*by_entry.values())
    return [
        _Candidate(example, f"{why}:{entry}")
        for rank in ranks
        for entry, example in zip(by_entry, rank, strict=True)
        if example is not None
    ]


def _successes(answers: Sequence[_First], most: int) -> list[str]:
    if not answers:
        return []
    median = statistics.median_low(answer.n for answer in answers)
    good = [answer for answer in answers if not answer.error and answer.v > 0 and answer.n >= median]
    return [answer.example for answer in sorted(good, key=lambda answer: (-answer.v, answer.example))[:most]]


def _failures(answers: Sequence[_First], most: int) -> list[str]:
    successes = set(_successes(answers, most))
    bad = [a for a in answers if not a.error and a.v < 1 and a.example not in successes]
    worst = [answer.example for answer in sorted(bad, key=lambda answer: (answer.v, answer.example))[:most]]
    latest = {answer.error: answer.example for answer in answers if answer.error}
    return [*worst, *(latest[error] for error in sorted(latest))]


def _disagreements(entries: Sequence[Sequence[_First]]) -> list[str]:
    values: defaultdict[str, list[float]] = defaultdict(list)
    for answer in itertools.chain.from_iterable(entries):
        if not answer.error:
            values[answer.example].append(answer.v)
    spread = {example: max(vs) - min(vs) for example, vs in values.items()}
    apart = sorted((example for example in spread if spread[example] > 0), key=lambda e: (-spread[e], e))
    return apart[:_DISAGREEMENTS]


def _typical(entries: Sequence[Sequence[_First]], most: int) -> list[str]:
    """The first of every cell, then the second of every cell, and so on."""
    values: defaultdict[tuple[str, str], defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for answer in itertools.chain.from_iterable(entries):
        values[answer.cell][answer.example].append(answer.v)
    ranks = itertools.zip_longest(*(_nearest_to_median(values[cell], most) for cell in sorted(values)))
    return [example for rank in ranks for example in rank if example is not None]


def _nearest_to_median(values: Mapping[str, Sequence[float]], most: int) -> list[str]:
    means = {example: statistics.fmean(vs) for example, vs in values.items()}
    median = statistics.median_low(means.values())
    return sorted(means, key=lambda example: (abs(means[example] - median), example))[:most]


def _in_turn(candidates: Sequence[Sequence[_Candidate]], most: int) -> list[str]:
    """One example of each list in turn until there are `most`; those that are in already do not count."""
    kept: dict[str, None] = {}
    waiting: list[Iterator[str]] = [iter([candidate.example for candidate in part]) for part in candidates]
    while waiting and len(kept) < most:
        for part in list(waiting):
            example = next((example for example in part if example not in kept), None)
            if example is None:
                waiting.remove(part)
            elif len(kept) < most:
                kept[example] = None
    return list(kept)
