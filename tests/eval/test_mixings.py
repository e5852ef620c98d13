"""Pairs of texts that entries put together, by their gold clusters."""

from __future__ import annotations

import itertools

import pytest
from cluster_r1.core.evaluation import Mixing
from cluster_r1.eval.mixings import Answered, mixings
from hypothesis import given
from hypothesis import strategies as st

GOLDS = st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=12), min_size=1, max_size=4)


def mixed(golds: list[list[str]], predict) -> Mixing:  # noqa: ANN001
    (mixing,) = mixings({"entry": [Answered("task", gold, predict(gold)) for gold in golds]})
    return mixing


def cells(mixing: Mixing) -> dict[tuple[str, str], float]:
    """Shares by pair of clusters, without those of which no pair occurred."""
    return {
        (first, second): share
        for (first, row) in zip(mixing.clusters, mixing.together, strict=True)
        for (second, share) in zip(mixing.clusters, row, strict=True)
        if share is not None
    }


@given(GOLDS)
def test_gold_is_the_identity(golds: list[list[str]]) -> None:
    mixing = mixed(golds, lambda gold: ["abcd".index(name) for name in gold])
    assert all(share == (first == second) for (first, second), share in cells(mixing).items())


@given(GOLDS)
def test_one_cluster_is_all_ones(golds: list[list[str]]) -> None:
    assert set(cells(mixed(golds, lambda gold: [0] * len(gold))).values()) <= {1.0}


@given(GOLDS)
def test_singletons_are_all_zeros(golds: list[list[str]]) -> None:
    assert set(cells(mixed(golds, lambda gold: list(range(len(gold))))).values()) <= {0.0}


@given(st.lists(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 3)), min_size=1), min_size=1, max_size=4))
def test_shares_are_those_of_pairs_counted_one_by_one(examples: list[list[tuple[str, int]]]) -> None:
    (mixing,) = mixings(
        {"entry": [Answered("task", [gold for gold, _ in one], [label for _, label in one]) for one in examples]}
    )
    pairs = [pair for one in examples for pair in itertools.combinations(one, 2)]
    for first, second in itertools.product(mixing.clusters, repeat=2):
        of_both = [(a, b) for (x, a), (y, b) in pairs if {x, y} == {first, second} and (x != y or first == second)]
        share = sum(a == b for a, b in of_both) / len(of_both) if of_both else None
        assert cells(mixing).get((first, second)) == share
    assert mixing.pairs == len(pairs)


def test_clusters_that_never_meet_in_an_example_have_no_share() -> None:
    mixing = mixed([["a", "a"], ["b", "b"]], lambda gold: [0] * len(gold))
    assert mixing.clusters == ("a", "b")
    assert mixing.together == ((1.0, None), (None, 1.0))


def test_a_cluster_of_one_text_has_no_pair_of_its_own() -> None:
    assert mixed([["a", "b"]], lambda gold: [0, 0]).together == ((None, 1.0), (1.0, None))


def test_answers_count_by_entry_and_task() -> None:
    perfect, merged = Answered("colours", ["red", "blue", "blue"], [0, 1, 1]), Answered("birds", ["owl", "tit"], [0, 0])
    found = mixings({"second": [perfect, merged], "first": [merged], "silent": []})
    assert [(mixing.entry, mixing.task) for mixing in found] == [
        ("second", "birds"),
        ("second", "colours"),
        ("first", "birds"),
    ]


def test_of_many_clusters_the_most_mixed_stay_and_the_others_are_counted() -> None:
    names = [f"c{number:02}" for number in range(25)]
    together = ["c03", "c17", "c24"]
    one = Answered("task", names * 2, [0 if name in together else 1 + names.index(name) for name in names * 2])
    (mixing,) = mixings({"entry": [one]}, most=3)
    assert mixing.clusters == tuple(together)
    assert mixing.together == ((1.0,) * 3,) * 3
    assert (mixing.left_out, mixing.pairs) == (22, 15)


def test_all_entries_have_the_same_clusters_of_a_task() -> None:
    first = Answered("task", ["a", "b", "c"], [0, 0, 1])
    second = Answered("task", ["b", "c", "d", "e"], [0, 0, 1, 2])
    shown = mixings({"first": [first], "second": [second]}, most=3)
    assert [mixing.clusters for mixing in shown] == [("a", "b", "c")] * 2
    assert [mixing.left_out for mixing in shown] == [2, 2]


def test_an_answer_that_does_not_fit_its_gold_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        mixings({"entry": [Answered("task", ["a", "b"], [0])]})
