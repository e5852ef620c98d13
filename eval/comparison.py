"""Two entries side by side, example by example: a paired bootstrap, a permutation and a signed-rank test."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import SettingsError
from ..core.evaluation import AnswerScore, CellDifference, Comparison
from .bootstrap import CellMeans, Values
from .example_means import CellKey, by_cell, example_means, value_rows

TIE = 1e-12
"""V-measures closer than this are the same."""

_EXACT = 14
_FLIPS = 10_000
_AT_ONCE = 1 << 20

Scored = tuple[str, Iterable[AnswerScore]]
"""An entry's name and its scores, which are streamed."""


def compare(
    first: Scored, second: Scored, resamples: int = 2000, seed: int = 0, confidence: float = 0.95
) -> Comparison:
    """First minus second in V, paired by example on those that both answered; samples are averaged first.

    The same scores and seed give the same figures. Raises SettingsError when the two share no example.
    """
    ours, theirs = example_means(first[1], _v), example_means(second[1], _v)
    shared = ours.keys() & theirs.keys()
    if not shared:
        raise SettingsError(
            f"{first[0]!r} and {second[0]!r} have no example in common; compare entries of one benchmark and its splits"
        )
    cells = by_cell({example: ours[example].cell for example in shared})
    pairs = [np.hstack([value_rows(names, ours), value_rows(names, theirs)]) for names in cells.values()]
    differences = [_differences(pair) for pair in pairs]
    means = CellMeans([cell[:, None] for cell in differences], resamples, confidence, seed)
    each = np.concatenate(differences)
    return Comparison(
        first=first[0],
        second=second[0],
        examples=len(shared),
        only_first=len(ours) - len(shared),
        only_second=len(theirs) - len(shared),
        means=_two(np.concatenate(pairs)),
        difference=means.mean(means.sizes),
        macro=means.mean([1.0] * len(cells)),
        wins=int(np.sum(each > 0)),
        ties=int(np.sum(each == 0)),
        losses=int(np.sum(each < 0)),
        permutation_p=permutation_p(each, seed),
        wilcoxon_p=_wilcoxon_p(each),
        cells=_cells(list(cells), means),
        resamples=resamples,
    )


def permutation_p(differences: Values, seed: int = 0) -> float:
    """Two-sided p of the mean of paired differences (n,), their signs flipped at random.

    Exact for at most 14 that are not 0; else 10,000 flips, the data themselves counted among them, so p is never 0.
    """
    changed = differences[differences != 0]
    if not len(changed):
        return 1.0
    observed = abs(changed.sum()) * (1 - TIE)  # a sum in another order may differ in its last bits
    if len(changed) <= _EXACT:
        return float(np.mean(np.abs(_all_signs(len(changed)) @ changed) >= observed))
    rng = np.random.default_rng(seed)
    extreme = sum(int(np.sum(np.abs(signs @ changed) >= observed)) for signs in _random_signs(len(changed), rng))
    return (extreme + 1) / (_FLIPS + 1)


def _v(score: AnswerScore) -> tuple[float, ...]:
    return (score.v,)


def _differences(pair: Values) -> Values:
    """(examples, 2) -> (examples,), 0 for a tie."""
    difference = pair[:, 0] - pair[:, 1]
    return np.where(np.abs(difference) < TIE, 0.0, difference)


def _two(pairs: Values) -> tuple[float, float]:
    first, second = pairs.mean(axis=0)
    return float(first), float(second)


def _all_signs(n: int) -> Values:
    """Every choice of n signs: (2^n, n)."""
    return _signs((np.arange(1 << n)[:, None] >> np.arange(n)) & 1)


def _random_signs(n: int, rng: np.random.Generator) -> Iterator[Values]:
    """The random flips in pieces of bounded memory, each (rows, n)."""
    most = max(1, _AT_ONCE // n)
    for start in range(0, _FLIPS, most):
        yield _signs(rng.integers(0, 2, size=(min(most, _FLIPS - start), n), dtype=np.int8))


def _signs(bits: NDArray[np.integer]) -> Values:
    return 1.0 - 2.0 * bits.astype(np.float64)


def _wilcoxon_p(differences: Values) -> float | None:
    if not np.any(differences):
        return None
    from scipy.stats import wilcoxon

    rounded = np.round(differences, 12)  # equal differences must get equal ranks
    result: Any = wilcoxon(rounded[rounded != 0])
    return float(result.pvalue)


def _cells(keys: list[CellKey], means: CellMeans) -> tuple[CellDifference, ...]:
    return tuple(
        CellDifference(
            domain=key.domain,
            split=key.split,
            examples=int(means.sizes[place]),
            difference=means.mean([float(other == key) for other in keys]),
        )
        for place, key in enumerate(keys)
    )
