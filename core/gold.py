"""Comparison with gold labels, where a corpus has them: what consensus bought, in the field's measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class GoldScore(NamedTuple):
    """How one set of labels compares with the gold labels of the same documents; None where there are none.

    accuracy: share right under the best one-to-one match of clusters to gold labels (Hungarian).
    v_measure and ari: as scikit-learn defines them (paper App. G for the first).
    """

    who: str
    documents: int
    accuracy: float | None
    v_measure: float | None
    ari: float | None


def score_against_gold(who: str, gold: Sequence[str], labels: Sequence[str]) -> GoldScore:
    """Score labels of any names against gold labels of the same documents, in the same order."""
    if not gold:
        return GoldScore(who, 0, None, None, None)
    from scipy.optimize import linear_sum_assignment
    from sklearn.metrics import adjusted_rand_score, v_measure_score
    from sklearn.metrics.cluster import contingency_matrix

    table = contingency_matrix(gold, labels)
    rows, columns = linear_sum_assignment(table, maximize=True)
    return GoldScore(
        who,
        len(gold),
        float(table[rows, columns].sum() / len(gold)),
        float(v_measure_score(gold, labels)),
        float(adjusted_rand_score(gold, labels)),
    )


def gold_label(meta: Mapping[str, Any], column: str | None, labeling: str | None) -> str | None:
    """A document's gold label: the column's value, or its entry for a labeling when the column holds several."""
    value = meta.get(column) if column else None
    if isinstance(value, Mapping):
        value = value.get(labeling) if labeling else None
    return None if value is None else str(value)
