"""Agreement of two labelers: raw, Cohen's kappa, Krippendorff's alpha, with bootstrap intervals, per cluster.

Everything is computed from the confusion matrix, so that a bootstrap replicate costs K² whatever the corpus' size:
resampling documents with replacement is a multinomial draw of the matrix' cells. Checked in tests against
scikit-learn's and `krippendorff`'s implementations, which are not used here because importing the first takes 170 MB
in the process that labels, and because neither takes a batch of matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

Counts = NDArray[np.float64]


class Interval(NamedTuple):
    """A statistic with its percentile bootstrap interval; what is undefined is None."""

    value: float | None
    low: float | None
    high: float | None


class ClusterAgreement(NamedTuple):
    """One cluster: `both` voted for it together, `either` at all; agreement is both / either."""

    cluster: str
    both: int
    either: int
    agreement: float | None


class Confusion(NamedTuple):
    """Documents that one labeler put in `first` and the other in `second`, and their share of the pair's votes."""

    first: str
    second: str
    documents: int
    share: float


class Agreement(BaseModel):
    """Statistics of all documents that both labelers answered, `none fits` counted as a category."""

    model_config = ConfigDict(frozen=True)

    documents: int
    raw: Interval
    kappa: Interval
    alpha: Interval
    clusters: tuple[ClusterAgreement, ...]
    labels: tuple[str, ...]
    matrix: tuple[tuple[int, ...], ...]
    confidence: float
    resamples: int


def confusion_matrix(pairs: Iterable[tuple[str, str]], labels: Sequence[str]) -> NDArray[np.int64]:
    """K x K counts; rows are the first labeler's votes. Raises KeyError for a vote that is not among the labels."""
    place = {label: index for index, label in enumerate(labels)}
    matrix = np.zeros((len(labels), len(labels)), dtype=np.int64)
    for first, second in pairs:
        matrix[place[first], place[second]] += 1
    return matrix


def measure_agreement(
    matrix: NDArray[np.int64], labels: Sequence[str], confidence: float = 0.95, resamples: int = 1000, seed: int = 0
) -> Agreement:
    """Agreement statistics of a K x K confusion matrix of votes."""
    counts = matrix.astype(np.float64)
    total = int(matrix.sum())
    draws = _resampled(counts, resamples if total else 0, seed)

    def interval(statistic: Callable[[Counts], Counts]) -> Interval:
        if not total:
            return Interval(None, None, None)
        return percentile_interval(float(statistic(counts[None])[0]), statistic(draws), confidence)

    return Agreement(
        documents=total,
        raw=interval(raw_agreement),
        kappa=interval(cohen_kappa),
        alpha=interval(krippendorff_alpha),
        clusters=tuple(_per_cluster(matrix, labels)),
        labels=tuple(labels),
        matrix=tuple(tuple(int(count) for count in row) for row in matrix),
        confidence=confidence,
        resamples=resamples,
    )


def percentile_interval(value: float, replicates: Counts, confidence: float) -> Interval:
    """A statistic with the percentiles of its bootstrap replicates, those left out where it was undefined (nan)."""
    if np.isnan(value):
        return Interval(None, None, None)
    defined = replicates[~np.isnan(replicates)]
    if not len(defined):
        return Interval(value, None, None)
    tail = (1 - confidence) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return Interval(value, float(low), float(high))


def raw_agreement(matrices: Counts) -> Counts:
    """Share of documents on which both agree; (B, K, K) -> (B,)."""
    return np.trace(matrices, axis1=1, axis2=2) / matrices.sum(axis=(1, 2))


def cohen_kappa(matrices: Counts) -> Counts:
    """Cohen (1960): (B, K, K) -> (B,). Undefined (nan) where both labelers used one label only."""
    total = matrices.sum(axis=(1, 2))
    chance = (matrices.sum(axis=2) * matrices.sum(axis=1)).sum(axis=1) / total**2
    return _chance_corrected(raw_agreement(matrices), chance)


def krippendorff_alpha(matrices: Counts) -> Counts:
    """Krippendorff's nominal alpha for two labelers and no missing votes: (B, K, K) -> (B,)."""
    values = matrices.sum(axis=2) + matrices.sum(axis=1)
    n = values.sum(axis=1)
    chance = (values * (values - 1)).sum(axis=1) / (n * (n - 1))
    return _chance_corrected(raw_agreement(matrices), chance)


def confused_pairs(matrix: NDArray[np.int64], labels: Sequence[str]) -> list[Confusion]:
    """Pairs of labels that the labelers mix up, most confused first.

    `share` is the split votes over all documents whose two votes lie within the pair: 0 is a clean border, 1 is none.
    """
    pairs = []
    for i in range(len(labels)):
        for j in range(i + 1, len(labels)):
            split = int(matrix[i, j] + matrix[j, i])
            if split:
                within = split + int(matrix[i, i] + matrix[j, j])
                pairs.append(Confusion(labels[i], labels[j], split, split / within))
    return sorted(pairs, key=lambda pair: (-pair.share, -pair.documents, pair.first, pair.second))


def _chance_corrected(observed: Counts, chance: Counts) -> Counts:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(chance > 1 - 1e-12, np.nan, (observed - chance) / (1 - chance))


def _resampled(counts: Counts, resamples: int, seed: int) -> Counts:
    if not resamples:
        return np.zeros((0, *counts.shape))
    rng = np.random.default_rng(seed)
    total = int(counts.sum())
    return (
        rng.multinomial(total, counts.ravel() / total, size=resamples).reshape(resamples, *counts.shape).astype(float)
    )


def _per_cluster(matrix: NDArray[np.int64], labels: Sequence[str]) -> Iterable[ClusterAgreement]:
    for index, label in enumerate(labels):
        both = int(matrix[index, index])
        either = int(matrix[index].sum() + matrix[:, index].sum()) - both
        yield ClusterAgreement(label, both, either, both / either if either else None)
