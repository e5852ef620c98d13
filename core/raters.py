"""Agreement among any number of people who each answered some of the documents.

Documents with the same counts of labels say the same about agreement. So documents are gathered into patterns of
counts, and a bootstrap replicate is a multinomial draw over the patterns: resampling documents with replacement.
Checked in tests against `krippendorff`, which is not used here because it takes no batch of replicates.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from .agreement import (
    Agreement,
    ClusterAgreement,
    Counts,
    Interval,
    confusion_matrix,
    measure_agreement,
    percentile_interval,
)

_CELLS_AT_ONCE = 2_000_000
"""Draws of the bootstrap held in memory at a time, times patterns."""

Unit = Mapping[str, str]


class PairAgreement(NamedTuple):
    """Two people on the documents that both answered; `first` comes before `second` in the alphabet."""

    first: str
    second: str
    agreement: Agreement


class RaterAgreement(BaseModel):
    """Statistics of all documents that at least two people answered.

    `raw` is the chance that two of a document's answers agree, each document weighing the same; `alpha` is
    Krippendorff's for nominal labels with missing answers. `clusters` count pairs of answers to the same document.
    """

    model_config = ConfigDict(frozen=True)

    units: int = Field(description="documents with at least two answers")
    answers: int = Field(description="answers to them")
    annotators: tuple[str, ...] = Field(description="everybody who answered anything")
    raw: Interval
    alpha: Interval
    clusters: tuple[ClusterAgreement, ...]
    pairs: tuple[PairAgreement, ...] = Field(description="pairs of people who answered some document both")
    confidence: float
    resamples: int


class _Patterns(NamedTuple):
    """Documents by their counts of labels: (P, K) counts, and (P,) how many documents have them."""

    labels: tuple[str, ...]
    counts: Counts
    documents: Counts


def measure_raters(
    units: Sequence[Unit], confidence: float = 0.95, resamples: int = 1000, seed: int = 0
) -> RaterAgreement:
    """Agreement of people's answers; a unit maps person to label, and leaves out who did not answer.

    What is undefined is None: all statistics without a document that two answered, alpha also with one label only.
    """
    shared = [unit for unit in units if len(unit) >= 2]
    patterns = _patterns(shared)
    raw = alpha = Interval(None, None, None)
    if shared:
        value = _statistics(patterns, patterns.documents[None])
        replicates = _replicates(patterns, resamples, seed)
        raw, alpha = (percentile_interval(float(v[0]), r, confidence) for v, r in zip(value, replicates, strict=True))
    return RaterAgreement(
        units=len(shared),
        answers=sum(map(len, shared)),
        annotators=tuple(sorted({person for unit in units for person in unit})),
        raw=raw,
        alpha=alpha,
        clusters=tuple(_per_cluster(patterns)),
        pairs=tuple(_per_pair(shared, confidence, resamples, seed)),
        confidence=confidence,
        resamples=resamples,
    )


def _patterns(units: Iterable[Unit]) -> _Patterns:
    counted = Counter(tuple(sorted(Counter(unit.values()).items())) for unit in units)
    labels = tuple(sorted({label for pattern in counted for label, _ in pattern}))
    place = {label: index for index, label in enumerate(labels)}
    counts = np.zeros((len(counted), len(labels)))
    for row, pattern in enumerate(counted):
        for label, count in pattern:
            counts[row, place[label]] = count
    return _Patterns(labels, counts, np.array(list(counted.values()), dtype=np.float64))


def _statistics(patterns: _Patterns, weights: Counts) -> tuple[Counts, Counts]:
    """Raw agreement and alpha of B weightings of the patterns, each (B,); alpha is nan where one label was used."""
    answers = patterns.counts.sum(axis=1)
    agreeing = (patterns.counts * (patterns.counts - 1)).sum(axis=1) / (answers * (answers - 1))
    raw = weights @ agreeing / weights.sum(axis=1)
    values = weights @ patterns.counts
    n = values.sum(axis=1)
    observed = weights @ (answers * (1 - agreeing)) / n
    chance = (n**2 - (values**2).sum(axis=1)) / (n * (n - 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return raw, np.where(chance > 0, 1 - observed / chance, np.nan)


def _replicates(patterns: _Patterns, resamples: int, seed: int) -> tuple[Counts, Counts]:
    rng = np.random.default_rng(seed)
    total = int(patterns.documents.sum())
    block = max(1, _CELLS_AT_ONCE // len(patterns.documents))
    drawn: list[tuple[Counts, Counts]] = [(np.empty(0), np.empty(0))]
    for start in range(0, resamples, block):
        weights = rng.multinomial(total, patterns.documents / total, size=min(block, resamples - start))
        drawn.append(_statistics(patterns, weights.astype(np.float64)))
    return np.concatenate([raw for raw, _ in drawn]), np.concatenate([alpha for _, alpha in drawn])


def _per_cluster(patterns: _Patterns) -> Iterable[ClusterAgreement]:
    answers = patterns.counts.sum(axis=1)

    def pairs(of: Counts) -> int:
        return int((patterns.documents * (of * (of - 1) / 2)).sum())

    for index, label in enumerate(patterns.labels):
        named = patterns.counts[:, index]
        both, either = pairs(named), pairs(answers) - pairs(answers - named)
        yield ClusterAgreement(label, both, either, both / either if either else None)


def _per_pair(units: Iterable[Unit], confidence: float, resamples: int, seed: int) -> Iterable[PairAgreement]:
    shared: defaultdict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for unit in units:
        for first, second in itertools.combinations(sorted(unit), 2):
            shared[first, second].append((unit[first], unit[second]))
    for (first, second), answers in sorted(shared.items()):
        labels = sorted({label for pair in answers for label in pair})
        matrix = confusion_matrix(answers, labels)
        yield PairAgreement(first, second, measure_agreement(matrix, labels, confidence, resamples, seed))
