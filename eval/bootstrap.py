"""The stratified bootstrap: examples are drawn anew within each cell (domain x split), whose sizes the benchmark fixes.

Replicates of the cells' means are kept, so that every figure made of them (a split's mean, the macro and the weighted
one) gets its interval from the same draws.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ..core.agreement import Interval, percentile_interval
from ..core.errors import SettingsError

Values = NDArray[np.float64]

_AT_ONCE = 1 << 20
"""Draws that are held at a time: some 30 MB."""


class CellMeans:
    """Means of measures in each cell, with replicates of them.

    values: for each cell (examples, measures), no cell empty; sizes (cells,), means (cells, measures), replicates
    (resamples, cells, measures). The same values, in the same order, give the same replicates.
    Raises SettingsError for a number of resamples or a confidence that makes no interval.
    """

    def __init__(self, values: Sequence[Values], resamples: int, confidence: float, seed: int) -> None:
        if resamples < 1 or not 0 < confidence < 1:
            raise SettingsError(
                f"intervals need at least one resample and a confidence between 0 and 1, got {resamples!r} and"
                f" {confidence!r}"
            )
        rng = np.random.default_rng(seed)
        self.sizes = np.array([len(cell) for cell in values])
        self.means: Values = np.stack([_means(np.ones((1, len(cell))), cell)[0] for cell in values])
        self.replicates: Values = np.stack([_replicates(cell, resamples, rng) for cell in values], axis=1)
        self._confidence = confidence

    def mean(self, weights: Sequence[float] | Values, measure: int = 0) -> Interval:
        """The weighted mean of cells, with its interval; weights (cells,) need not sum to 1.

        A cell with one example does not vary; where all cells of the mean are such, nothing can be said of its spread.
        """
        shares = np.asarray(weights, dtype=np.float64)
        value = float(_weighted(self.means[None, :, measure], shares)[0])
        if not np.any(self.sizes[shares > 0] > 1):
            return Interval(value, None, None)
        return percentile_interval(value, _weighted(self.replicates[:, :, measure], shares), self._confidence)


def _replicates(values: Values, resamples: int, rng: np.random.Generator) -> Values:
    """(examples, measures) -> (resamples, measures)."""
    n = len(values)
    return np.concatenate([_means(_counts(rows, n, rng), values) for rows in _pieces(resamples, n)])


def _pieces(resamples: int, n: int) -> Iterator[int]:
    """Resamples in pieces of bounded memory."""
    most = max(1, _AT_ONCE // n)
    for start in range(0, resamples, most):
        yield min(most, resamples - start)


def _counts(rows: int, n: int, rng: np.random.Generator) -> Values:
    """How often each of n examples is drawn in each of the replicates: (rows, n)."""
    drawn = rng.integers(0, n, size=(rows, n)) + n * np.arange(rows)[:, None]
    return np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n).astype(np.float64)


def _means(counts: Values, values: Values) -> Values:
    return counts @ values / len(values)


def _weighted(cells: Values, weights: Values) -> Values:
    """(replicates, cells) -> (replicates,); divided last, so that cells that are all 1 give exactly 1."""
    return cells @ weights / weights.sum()
