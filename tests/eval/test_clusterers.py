"""Clustering of vectors: scikit-learn's partitions, a K that is found, and inputs that are hard to partition."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from cluster_r1.core.errors import SettingsError
from cluster_r1.core.scoring import v_measure
from cluster_r1.eval.clusterers import CLUSTERERS, Clusterer, cluster, clusterer
from cluster_r1.eval.embedders.registry import embedder
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture

EVERY = pytest.mark.parametrize("how", list(CLUSTERERS.values()), ids=list(CLUSTERERS))


def blobs(centres: int, each: int, features: int, apart: float = 1.0, seed: int = 0) -> tuple[Any, list[int]]:
    """Points around random centres, in an order that mixes them, and each one's centre."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(centres), each))
    points = apart * rng.normal(size=(centres, features))[labels] + 0.1 * rng.normal(size=(centres * each, features))
    return points.astype(np.float32), labels.tolist()


@EVERY
def test_groups_that_lie_apart_are_found(how: Clusterer) -> None:
    points, gold = blobs(4, 9, 20)
    assert v_measure(gold, cluster(points, how, 4)).value == 1


def test_they_are_scikit_learns_with_the_papers_random_state() -> None:
    points, _ = blobs(6, 10, 12, apart=0.12)
    assert cluster(points, Clusterer(), 6) == KMeans(6, random_state=43).fit_predict(points).tolist()
    assert cluster(points, Clusterer("gmm"), 6) == GaussianMixture(6, random_state=43).fit_predict(points).tolist()


@pytest.mark.parametrize("seed", range(5))
def test_a_mixture_in_fewer_dimensions_is_the_same_mixture(seed: int) -> None:
    points, _ = blobs(4, 12, 96, apart=0.1, seed=seed)
    plain = GaussianMixture(4, random_state=43).fit_predict(points.astype(np.float64))
    assert v_measure(plain.tolist(), cluster(points, Clusterer("gmm"), 4)).value == 1


@EVERY
def test_sparse_vectors_are_clustered_too(how: Clusterer) -> None:
    texts = ["red boat", "red boat sails", "old tree", "old tree grows", "red boat", "old tree"]
    found = cluster(embedder("tfidf").embed("", texts), how, 2)
    assert v_measure([0, 0, 1, 1, 0, 1], found).homogeneity == 1


@EVERY
@pytest.mark.parametrize(("rows", "k"), [(1, 1), (1, 5), (2, 1), (2, 2), (2, 3), (3, 3), (5, 9)])
def test_few_points_give_a_partition(how: Clusterer, rows: int, k: int) -> None:
    points, _ = blobs(rows, 1, 8)
    found = cluster(points, how, k)
    assert len(found) == rows
    if how.k == "gold":
        assert len(set(found)) == min(rows, k)


@EVERY
def test_equal_points_are_one_cluster_and_nobody_is_warned(how: Clusterer) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert set(cluster(np.ones((6, 4), dtype=np.float32), Clusterer(), 3)) == {0}
        found = cluster(np.ones((6, 4), dtype=np.float32), how, 3)
    assert len(found) == 6
    if how.algorithm == "kmeans":
        assert found == [0] * 6


def test_a_found_k_stays_within_its_bound() -> None:
    points, _ = blobs(8, 5, 16)
    assert len(set(cluster(points, Clusterer(k="silhouette"), 3))) == 8
    assert len(set(cluster(points, Clusterer(k="silhouette", most=5), 3))) <= 5


@given(
    st.lists(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=3, max_size=3), min_size=1, max_size=8),
    st.integers(1, 10),
    st.sampled_from(list(CLUSTERERS.values())),
)
def test_any_points_give_a_partition_and_the_same_one_again(rows: list[list[float]], k: int, how: Clusterer) -> None:
    points = np.array(rows, dtype=np.float32)
    found = cluster(points, how, k)
    assert len(found) == len(rows)
    assert all(label >= 0 for label in found)
    assert found == cluster(points, how, k)


def test_what_there_is_not_is_named() -> None:
    with pytest.raises(SettingsError, match="there is no clusterer 'dbscan': choose kmeans, gmm, kmeans-silhouette"):
        clusterer("dbscan")
    assert clusterer("kmeans-silhouette").k == "silhouette"
    with pytest.raises(ValueError, match="nothing to cluster"):
        cluster(np.ones((0, 3)), Clusterer(), 2)
    with pytest.raises(ValueError, match="K = 0"):
        cluster(np.ones((2, 3)), Clusterer(), 0)
