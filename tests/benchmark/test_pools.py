"""Pools: 60/40 in every cluster, near-duplicates together, one pool for a text in all tasks."""

from __future__ import annotations

import numpy as np
import pytest
from cluster_r1.benchmark.pools import Membership, training_texts
from hypothesis import given
from hypothesis import strategies as st


def _membership(clusters: list[int], first: int = 0, held_in: bool = True) -> Membership:
    texts = np.arange(first, first + len(clusters), dtype=np.int32)
    return Membership(held_in, texts, np.array(clusters, dtype=np.int16))


def _alone(texts: int) -> np.ndarray:
    return np.arange(texts, dtype=np.int32)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.integers(0, 99), st.sampled_from([0.3, 0.5, 0.6, 0.9]))
def test_each_cluster_of_a_single_task_is_as_close_as_its_size_allows(
    sizes: list[int], seed: int, share: float
) -> None:
    clusters = [number for number, size in enumerate(sizes) for _ in range(size)]
    train = training_texts([_membership(clusters)], _alone(len(clusters)), share, seed)
    for number, size in enumerate(sizes):
        assert abs(train[np.array(clusters) == number].sum() - share * size) <= 0.5 + 1e-9


def test_clusters_of_several_tasks_over_the_same_texts_come_close() -> None:
    rng = np.random.default_rng(5)
    tasks = [_membership(rng.integers(0, 5, 600).tolist()) for _ in range(4)]
    train = training_texts(tasks, _alone(600), 0.6, 1)
    for task in tasks:
        for number in range(5):
            inside = train[task.texts[task.clusters == number]]
            assert abs(inside.mean() - 0.6) < 0.05


def test_a_small_held_out_cluster_keeps_texts_for_evaluation() -> None:
    held_in = _membership([0, 1] * 50)
    held_out = _membership([0] * 95 + [1] * 5, held_in=False)
    for seed in range(20):
        train = training_texts([held_in, held_out], _alone(100), 0.6, seed)
        assert 1 <= train[95:].sum() <= 4
        assert 55 <= train.sum() <= 65


def test_near_duplicates_stay_together() -> None:
    groups = np.repeat(np.arange(50, dtype=np.int32), 4)
    train = training_texts([_membership([number % 3 for number in range(200)])], groups, 0.6, 0)
    by_group = train.reshape(50, 4)
    assert (by_group.all(axis=1) | ~by_group.any(axis=1)).all()
    assert 0.5 < train.mean() < 0.7


def test_texts_of_held_out_tasks_alone_are_never_trained_on() -> None:
    held_in, held_out = _membership([0, 1] * 20), _membership([0, 1] * 20, first=20, held_in=False)
    train = training_texts([held_in, held_out], _alone(60), 0.6, 0)
    assert not train[40:].any()
    assert train[:40].sum() == 24


def test_a_duplicate_of_a_held_in_text_goes_where_that_goes() -> None:
    groups = np.array([0, 1, 2, 3, 0, 1, 2, 3], dtype=np.int32)
    tasks = [_membership([0, 0, 0, 0]), _membership([0, 0, 0, 0], first=4, held_in=False)]
    train = training_texts(tasks, groups, 0.5, 3)
    assert (train[:4] == train[4:]).all()
    assert train[:4].sum() == 2


@pytest.mark.parametrize("held_in", [True, False])
def test_nothing_to_divide(held_in: bool) -> None:
    assert training_texts([_membership([], held_in=held_in)], _alone(0), 0.6, 0).size == 0
    assert not training_texts([_membership([0, 1], held_in=False)], _alone(2), 0.6, 0).any()


def test_the_seed_decides() -> None:
    task = [_membership([0] * 40)]
    drawn = [training_texts(task, _alone(40), 0.6, seed).tolist() for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
