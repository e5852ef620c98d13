"""V along the properties of examples."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from cluster_r1.core.errors import SettingsError
from cluster_r1.core.evaluation import AnswerScore, Bin
from cluster_r1.eval.breakdowns import breakdowns, range_label, ranges
from hypothesis import given
from hypothesis import strategies as st
from made_scores import failed, made_score


def bins_of(scores: dict[str, list[AnswerScore]], axis: str) -> dict[str, tuple[Bin, ...]]:
    return {found.entry: found.bins for found in breakdowns(scores, resamples=50) if found.axis == axis}


def labels(bins: tuple[Bin, ...]) -> list[str]:
    return [bin_.label for bin_ in bins]


def test_few_values_get_a_bin_each() -> None:
    scores = [made_score(f"c0/court-a/{k}{copy}", k / 10, k_gold=k) for k in (2, 3, 5) for copy in range(k)]
    (bins,) = bins_of({"a": scores}, "clusters").values()
    assert labels(bins) == ["2", "3", "5"]
    assert [bin_.examples for bin_ in bins] == [2, 3, 5]
    assert [bin_.v.value for bin_ in bins] == pytest.approx([0.2, 0.3, 0.5])


def test_many_values_get_six_bins_of_equally_many_examples() -> None:
    scores = [made_score(f"c0/court-a/{place:02}", n=10 + place) for place in range(60)]
    (bins,) = bins_of({"a": scores}, "texts").values()
    assert labels(bins) == ["10–19", "20–29", "30–39", "40–49", "50–59", "60–69"]
    assert {bin_.examples for bin_ in bins} == {10}


def test_tasks_stand_by_domain() -> None:
    scores = [made_score(f"c0/{task}/0") for task in ("court-z", "chat-b", "court-a")]
    (bins,) = bins_of({"a": scores}, "task").values()
    assert labels(bins) == ["chat-b", "court-a", "court-z"]


def test_samples_are_averaged_before_examples_are() -> None:
    scores = [
        made_score("c0/court-a/0", 1.0),
        failed("c0/court-a/0", sample=1),
        failed("c0/court-a/0", sample=2),
        failed("c0/court-a/0", sample=3),
        made_score("c0/court-a/1", 0.75),
    ]
    ((only,),) = bins_of({"a": scores}, "task").values()
    assert (only.examples, only.v.value, only.valid) == (2, 0.5, 0.625)


def test_bins_are_those_of_all_entries_together_and_may_be_empty() -> None:
    short = [made_score(f"c0/court-a/{place}", tokens=1000 + place) for place in range(9)]
    long = [made_score(f"c1/court-a/{place}", tokens=12_000 + place) for place in range(9)]
    found = bins_of({"short": short, "long": long}, "tokens")
    assert labels(found["short"]) == labels(found["long"])
    assert labels(found["short"])[0] == "1,000–1,002"
    assert [bin_.examples for bin_ in found["short"]] == [3, 3, 3, 0, 0, 0]
    assert found["short"][-1].v == (None, None, None)


def test_texts_that_an_embedder_left_out_do_not_move_an_example() -> None:
    whole = [made_score(f"c0/court-a/{place}", n=10 + place) for place in range(4)]
    partly = [score.model_copy(update={"n": score.n - 3}) for score in whole]
    found = bins_of({"partly": partly, "whole": whole}, "texts")
    assert labels(found["partly"]) == ["10", "11", "12", "13"]
    assert [bin_.examples for bin_ in found["partly"]] == [1, 1, 1, 1]


def test_a_bin_of_differing_examples_has_an_interval_around_its_value() -> None:
    scores = [made_score(f"c0/court-a/{place:02}", place / 40) for place in range(40)]
    ((only,),) = bins_of({"a": scores}, "task").values()
    value, low, high = only.v
    assert value is not None
    assert low is not None
    assert high is not None
    assert low < value < high
    assert high - low < 0.3


def test_intervals_need_resamples() -> None:
    with pytest.raises(SettingsError, match="resample"):
        breakdowns({"a": [made_score("c0/court-a/0")]}, resamples=0)


def test_nothing_scored_is_nothing_broken_down() -> None:
    assert breakdowns({}) == ()
    assert [found.bins for found in breakdowns({"a": []})] == [()] * 4


@given(st.lists(st.integers(0, 40), min_size=1, max_size=80), st.integers(1, 8))
def test_bins_hold_every_value_once_and_in_order(values: list[int], most: int) -> None:
    bins = ranges(values, most)
    assert 1 <= len(bins) <= most
    assert all(low <= high for low, high in bins)
    assert all(before[1] < after[0] for before, after in itertools.pairwise(bins))
    assert all(sum(low <= value <= high for low, high in bins) == 1 for value in values)
    assert {edge for bin_ in bins for edge in bin_} <= set(values)


@given(st.lists(st.integers(0, 200), min_size=1, max_size=80, unique=True))
def test_bins_of_different_values_are_even(values: list[int]) -> None:
    sizes = [sum(low <= value <= high for value in values) for low, high in ranges(values)]
    assert max(sizes) - min(sizes) <= 1


@given(st.lists(st.tuples(st.integers(2, 30), st.integers(2, 12), st.integers(0, 3)), min_size=1, max_size=30))
def test_the_examples_of_all_bins_are_all_examples(examples: list[tuple[int, int, int]]) -> None:
    scores = [
        made_score(f"c0/court-{task}/{place}", n=n, k_gold=k, tokens=n * 97)
        for place, (n, k, task) in enumerate(examples)
    ]
    for found in breakdowns({"a": scores}, resamples=2):
        assert sum(bin_.examples for bin_ in found.bins) == len(scores)
        assert all(bin_.examples for bin_ in found.bins)
        assert max(Counter(labels(found.bins)).values()) == 1


def test_labels_are_ranges() -> None:
    assert [range_label(3, 3), range_label(10, 14), range_label(1200, 2000)] == ["3", "10–14", "1,200–2,000"]
