"""Position bias: a fair reader has none, one that takes the first has nearly all there is."""

import random

import pytest
from cluster_r1.core.positions import position_bias

NAMES = ("a", "b", "c", "d")
ORDERS = [NAMES[i:] + NAMES[:i] for i in range(4)]


def test_a_fair_reader_of_skewed_clusters_shows_no_bias() -> None:
    rng = random.Random(0)
    votes = [(rng.randrange(4), rng.choices(NAMES, weights=(80, 10, 6, 4))[0]) for _ in range(20_000)]
    found = position_bias("labeler_a", ORDERS, votes)
    assert found.bias is not None
    assert found.bias < 0.02
    assert sum(found.observed) == pytest.approx(1)
    assert sum(found.expected) == pytest.approx(1)


def test_a_reader_of_the_first_line_only() -> None:
    found = position_bias("labeler_a", ORDERS, [(n % 4, ORDERS[n % 4][0]) for n in range(400)])
    assert found.observed == (1, 0, 0, 0)
    assert found.bias == pytest.approx(0.75)


def test_no_votes_no_bias() -> None:
    assert position_bias("labeler_a", ORDERS, []).bias is None
