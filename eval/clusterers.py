"""Vectors into clusters by scikit-learn, `random_state=43` and else its defaults (paper App. E.1).

K is gold's, as in the paper, or found: that of the K-means with the best silhouette, since a user does not know K.
"""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any, Literal, NamedTuple

import numpy as np

from ..core.errors import SettingsError
from ..training.baseline import SEED, kmeans
from .embedders.interface import Vectors

Algorithm = Literal["kmeans", "gmm"]
MOST = 30
"""Clusters that are tried when K is to be found."""


class Clusterer(NamedTuple):
    """An algorithm and where its K comes from; `most` bounds a K that is found."""

    algorithm: Algorithm = "kmeans"
    k: Literal["gold", "silhouette"] = "gold"
    most: int = MOST

    @property
    def name(self) -> str:
        return self.algorithm if self.k == "gold" else f"{self.algorithm}-{self.k}"

    @property
    def says(self) -> str:
        algorithm = {"kmeans": "K-means", "gmm": "Gaussian mixture"}[self.algorithm]
        return f"{algorithm} with gold's K" if self.k == "gold" else f"{algorithm}, K by silhouette up to {self.most}"


CLUSTERERS = {one.name: one for one in (Clusterer(), Clusterer("gmm"), Clusterer(k="silhouette"))}


def clusterer(name: str) -> Clusterer:
    """Raises SettingsError naming the known ones."""
    if name not in CLUSTERERS:
        raise SettingsError(f"there is no clusterer {name!r}: choose {', '.join(CLUSTERERS)}")
    return CLUSTERERS[name]


def cluster(vectors: Vectors, how: Clusterer, gold_k: int) -> list[int]:
    """Each row's cluster, 0-based. Fewer clusters than K come out where rows are equal.

    Raises ValueError for no rows, and for a gold K below 1 that is used.
    """
    rows = vectors.shape[0]
    if not rows:
        raise ValueError("there is nothing to cluster: no vector was given")
    if how.k == "silhouette":
        return _by_silhouette(vectors, how)
    if gold_k < 1:
        raise ValueError(f"a partition has at least one cluster, got K = {gold_k!r}")
    return _into(vectors, how.algorithm, min(gold_k, rows))


def _into(vectors: Vectors, algorithm: Algorithm, k: int) -> list[int]:
    if k == 1:
        return [0] * vectors.shape[0]
    return kmeans(vectors, k, starts="auto") if algorithm == "kmeans" else _gmm(vectors, k)


def _by_silhouette(vectors: Vectors, how: Clusterer) -> list[int]:
    """The partition with the best mean silhouette, of K from 2 to n - 1; of equals the one with fewer clusters."""
    metrics: Any = import_module("sklearn.metrics")
    rows = vectors.shape[0]
    distances = metrics.pairwise_distances(vectors)
    np.fill_diagonal(distances, 0)
    best, best_score = [0] * rows, -1.0
    for k in range(2, min(rows - 1, how.most) + 1):
        labels = _into(vectors, how.algorithm, k)
        if not 2 <= len(set(labels)) < rows:
            continue
        score = float(metrics.silhouette_score(distances, labels, metric="precomputed"))
        if score > best_score:
            best, best_score = labels, score
    return best


def _gmm(vectors: Vectors, k: int) -> list[int]:
    mixture: Any = import_module("sklearn.mixture")
    exceptions: Any = import_module("sklearn.exceptions")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", exceptions.ConvergenceWarning)
        return mixture.GaussianMixture(k, random_state=SEED).fit_predict(_rotated(vectors)).tolist()


def _rotated(vectors: Vectors) -> Any:
    """The same points in as many dimensions as there are points, where they have more.

    Full covariances plus scikit-learn's regularisation are the same in any rotation, and all components are alike in
    the directions that no point has: the mixture is the same one, without covariances of millions of numbers.
    """
    dense = np.asarray(vectors.todense() if hasattr(vectors, "todense") else vectors, dtype=np.float64)
    rows, features = dense.shape
    if features <= rows:
        return dense
    triangle: Any = np.linalg.qr(dense.T, mode="r")
    return triangle.T
