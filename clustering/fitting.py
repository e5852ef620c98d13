"""Multinomial logistic regression on embeddings: one fit, and predictions that were made without the text itself."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..eval.embedders.interface import Vectors

REGULARISATIONS = (300.0, 30.0, 3.0)
"""scikit-learn's C that are tried until one is worse, for vectors of mean squared length 1."""

_FOLDS = 5
_COMPACT_BELOW = 2048
"""Texts up to which fewer texts than features become as many features as texts."""


class Fit(NamedTuple):
    """weights: (labels, features); intercepts: (labels,)."""

    weights: NDArray[Any]
    intercepts: NDArray[Any]


class Out(NamedTuple):
    """For each text the probability of the label that was chosen without it, and whether that was right."""

    probability: NDArray[Any]
    right: NDArray[np.bool_]


def probabilities(vectors: Vectors, fitted: Fit) -> NDArray[Any]:
    """(texts, labels); `vectors` dense or sparse."""
    scores = np.asarray(vectors @ fitted.weights.T) + fitted.intercepts
    scores -= scores.max(1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(1, keepdims=True)
    return scores


def fit(vectors: Vectors, labels: NDArray[Any], regularisation: float) -> Fit:
    """`labels` are 0 to the number of labels - 1, all of them there."""
    compact, back = _compact(vectors)
    fitted = _fit(compact, labels, regularisation)
    if back is None:
        return fitted
    return Fit((vectors.T @ (back @ fitted.weights.T)).T, fitted.intercepts)


def out_of_fold(vectors: Vectors, labels: NDArray[Any], draw: np.random.Generator) -> tuple[Out, float]:
    """Predictions of cross-validation under the regularisation with the least log loss, and which that is.

    Folds are drawn at random, not label by label, which would flatter. Without two texts there is nothing to predict.
    """
    if len(labels) < 2:
        return Out(np.zeros(0), np.zeros(0, np.bool_)), REGULARISATIONS[0]
    compact, _ = _compact(vectors)
    fold = draw.permutation(len(labels)) % _FOLDS
    best, least = REGULARISATIONS[0], float("inf")
    out = Out(np.zeros(0), np.zeros(0, np.bool_))
    for regularisation in REGULARISATIONS:
        loss, found = _predicted(compact, labels, fold, regularisation)
        if loss >= least:
            break
        best, least, out = regularisation, loss, found
    return out, best


def _predicted(vectors: Vectors, labels: NDArray[Any], fold: NDArray[Any], regularisation: float) -> tuple[float, Out]:
    """The log loss, and the predictions. A label that only the left-out fold has cannot be predicted: 1 in 1e12."""
    out = Out(np.zeros(len(labels)), np.zeros(len(labels), np.bool_))
    loss = 0.0
    for number in np.unique(fold):
        left, others = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        known, seen = np.unique(labels[others], return_inverse=True)
        found = probabilities(vectors[left], _fit(vectors[others], seen, regularisation))
        out.probability[left] = found.max(1)
        out.right[left] = known[found.argmax(1)] == labels[left]
        true = (found * (known == labels[left, None])).sum(1)
        loss -= float(np.log(np.maximum(true, 1e-12)).sum())
    return loss, out


def _fit(vectors: Vectors, labels: NDArray[Any], regularisation: float) -> Fit:
    count = int(labels.max()) + 1
    if count == 1:
        return Fit(np.zeros((1, vectors.shape[1])), np.zeros(1))
    linear: Any = import_module("sklearn.linear_model")
    size = _size(vectors)
    model = linear.LogisticRegression(C=regularisation, max_iter=10_000).fit(vectors / size, labels)
    weights, intercepts = model.coef_ / size, model.intercept_
    if count == 2:
        return Fit(np.concatenate([-weights, weights]) / 2, np.concatenate([-intercepts, intercepts]) / 2)
    return Fit(weights, intercepts)


def _size(vectors: Vectors) -> float:
    """Root of the mean squared length, so that a regularisation means the same for vectors of any length."""
    squared = vectors.multiply(vectors).sum() if hasattr(vectors, "multiply") else np.square(vectors).sum()
    return float(np.sqrt(squared / vectors.shape[0])) or 1.0


def _compact(vectors: Vectors) -> tuple[Vectors, NDArray[Any] | None]:
    """The same points in as many dimensions as there are points, and what brings weights back: X^T (back w).

    The penalty is the same in any rotation and no weight lies outside of what the points span, so the fit is the same
    one; of 1,000 texts with 16,384 features it takes a tenth of the time. float64, as `lbfgs` converges in it.
    """
    rows, features = vectors.shape
    if rows >= features or rows > _COMPACT_BELOW:
        return vectors.astype(np.float64), None
    products = vectors @ vectors.T
    dense = np.asarray(products.todense() if hasattr(products, "todense") else products, np.float64)
    values, directions = np.linalg.eigh(dense)
    kept = values > max(values[-1], 0) * 1e-6
    if not kept.any():
        return vectors.astype(np.float64), None
    roots = np.sqrt(values[kept])
    return directions[:, kept] * roots, directions[:, kept] / roots
