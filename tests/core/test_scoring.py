"""Scores and the reward: V-measure against scikit-learn, the formula, and texts that try to cheat it."""

from __future__ import annotations

import math
from typing import Any

import pytest
from answer_texts import Case, anything, cases, labeling_pairs, labelings
from cluster_r1.core.answer import Answer, AnswerErrorKind, render_answer
from cluster_r1.core.scoring import Composition, RewardSettings, Score, reward, score_completion, v_measure
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import homogeneity_completeness_v_measure

COMPOSITIONS: tuple[Composition, ...] = ("product", "harmonic", "sum")
GOLD = ["fraud", "fraud", "fraud", "delay", "delay", "delay"]
HONEST = "<think>why</think><answer>\nTotal clusters: [2]\ncluster1: [1, 2, 4]\ncluster2: [3, 5, 6]\n</answer>"
"""Two items are in the wrong cluster."""

any_settings = st.builds(
    RewardSettings,
    composition=st.sampled_from(COMPOSITIONS),
    epsilon=st.floats(0, 10),
    decay=st.floats(0, 10),
    process=st.just(0.0) | st.floats(0, 1),
)


def answering(predicted: list[Any]) -> str:
    return render_answer(Answer.from_labels(predicted))


@given(labeling_pairs())
@settings(max_examples=500)
def test_v_measure_is_that_of_scikit_learn(pair: tuple[list[int], list[int]]) -> None:
    assert v_measure(*pair) == pytest.approx(homogeneity_completeness_v_measure(*pair), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(
    ("gold", "predicted", "expected"),
    [
        pytest.param([0, 0, 1, 1], [5, 5, 3, 3], (1, 1, 1), id="the same under other names"),
        pytest.param([0, 0, 1, 1], [0, 0, 0, 0], (0, 1, 0), id="one cluster for two"),
        pytest.param([0, 0, 0, 0], [0, 0, 1, 1], (1, 0, 0), id="two clusters for one"),
        pytest.param([0, 0, 0], [7, 7, 7], (1, 1, 1), id="one for one"),
        pytest.param([0, 0, 1, 1], [0, 1, 2, 3], (1, 0.5, 2 / 3), id="each its own"),
        pytest.param([0, 1, 2], [2, 0, 1], (1, 1, 1), id="each its own, rightly"),
        pytest.param([0, 0, 1, 1], [0, 1, 0, 1], (0, 0, 0), id="independent"),
        pytest.param([0, 1, 2] * 3, [0] * 3 + [1] * 3 + [2] * 3, (0, 0, 0), id="independent, rounded below zero"),
        pytest.param([0], [0], (1, 1, 1), id="one item"),
    ],
)
def test_v_measure_of_known_cases_is_exact(
    gold: list[int], predicted: list[int], expected: tuple[float, float, float]
) -> None:
    assert v_measure(gold, predicted) == expected


@given(labeling_pairs(), st.randoms(use_true_random=False))
def test_names_and_order_do_not_matter_to_the_last_bit(pair: tuple[list[int], list[int]], random: Any) -> None:
    items = list(zip(*pair, strict=True))
    random.shuffle(items)
    gold, predicted = ([f"{name}" for name in names] for names in zip(*items, strict=True))
    assert v_measure(gold, predicted) == v_measure(*pair)


@given(labeling_pairs())
def test_homogeneity_one_way_is_completeness_the_other(pair: tuple[list[int], list[int]]) -> None:
    gold, predicted = pair
    there, back = v_measure(gold, predicted), v_measure(predicted, gold)
    assert (there.homogeneity, there.completeness, there.value) == (back.completeness, back.homogeneity, back.value)


def test_labelings_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match="longer"):
        v_measure([0, 1], [0, 1, 2])


@given(labelings, st.permutations(range(7)), any_settings)
def test_a_perfect_answer_gets_exactly_one(gold: list[int], names: list[int], how: RewardSettings) -> None:
    score = score_completion(answering([names[label] for label in gold]), gold, how._replace(process=0))
    k = len(set(gold))
    assert score == Score(1.0, 1, 1.0, 1.0, k, k, len(gold), None)


@given(labeling_pairs())
def test_a_valid_answer_that_is_not_perfect_gets_less_than_one_and_more_than_none(
    pair: tuple[list[int], list[int]],
) -> None:
    gold, predicted = pair
    perfect = Answer.from_labels(gold) == Answer.from_labels(predicted)
    for composition in COMPOSITIONS:
        value = reward(answering(predicted), gold, RewardSettings(composition))
        assert value == 1 if perfect else 0 < value < 1


@given(cases(), any_settings)
@settings(max_examples=500)
def test_every_text_has_a_score_within_bounds(case: Case, how: RewardSettings) -> None:
    score = score_completion(case.text, case.gold, how)
    assert (score.n, score.k_gold) == (len(case.gold), len(set(case.gold)))
    if score.error is None:
        assert score.format == 1
        assert all(0 <= value <= 1 for value in (score.reward, score.count, score.quality, score.process))
        assert 1 <= score.k_pred <= score.n
    else:
        assert score[:5] == (0.0, 0, 0.0, 0.0, 0)


@given(anything)
def test_text_without_an_answer_gets_nothing(text: str) -> None:
    assert score_completion(text, GOLD).error == "tags"


@pytest.mark.parametrize(
    ("composition", "expected"),
    [
        ("product", (math.exp(-1) + 0.001) * (2 / 3 + 0.001) / 1.001**2),
        ("harmonic", 2 / (1.001 / (math.exp(-1) + 0.001) + 1.001 / (2 / 3 + 0.001))),
        ("sum", (math.exp(-1) + 2 / 3 + 0.002) / 2.002),
    ],
)
def test_the_formula(composition: Composition, expected: float) -> None:
    """Four items, each its own cluster, for two gold pairs: V is 2/3 and the count is off by two."""
    score = score_completion(answering([0, 1, 2, 3]), ["a", "a", "b", "b"], RewardSettings(composition))
    assert score.count == math.exp(-1)
    assert score.quality == pytest.approx(2 / 3)
    assert score.reward == pytest.approx(expected)


def test_a_count_that_is_infinitely_wrong_is_a_zero_not_an_error() -> None:
    how = RewardSettings("harmonic", epsilon=0, decay=1e308)
    score = score_completion(answering([0, 0, 0, 1, 2, 3]), [1] * 6, how)
    assert (score.reward, score.count, score.quality, score.error) == (0, 0, 0, None)


def test_names_of_gold_clusters_may_be_anything_that_can_be_compared() -> None:
    assert reward(answering([0, 0, 1, 2]), [None, None, ("a", 1), "b"]) == 1


@pytest.mark.parametrize(
    ("text", "error"),
    [
        pytest.param(HONEST + HONEST, "tags", id="a second try"),
        pytest.param(HONEST.replace("why", HONEST), "tags", id="an answer in the reasoning"),
        pytest.param(HONEST.replace("why", "</think>"), "tags", id="a tag in the reasoning"),
        pytest.param(HONEST.replace("<think>why</think>", ""), "tags", id="no reasoning"),
        pytest.param(HONEST.replace("[1, 2, 4]", "[1, 2, 3, 4]"), "duplicate", id="an item in both clusters"),
        pytest.param(HONEST.replace("[1, 2, 4]", "[1, 1, 2, 4]"), "duplicate", id="an item twice"),
        pytest.param(HONEST.replace("[1, 2, 4]", "[1, 2]"), "missing", id="a hard item left out"),
        pytest.param(HONEST.replace("[1, 2, 4]", "[1, 2, 4, 7]"), "out_of_range", id="an item too many"),
        pytest.param(HONEST.replace("[1, 2, 4]", "[0, 1, 2, 4]"), "out_of_range", id="counted from zero"),
        pytest.param(HONEST.replace("6", "9" * 10**6), "out_of_range", id="a million digits"),
        pytest.param(HONEST.replace("6", "６"), "malformed_list", id="full-width digits"),
        pytest.param(HONEST.replace("6", "1-6"), "malformed_list", id="a range"),
        pytest.param(HONEST.replace("6", "\ud800"), "malformed_list", id="a lone surrogate"),
        pytest.param(HONEST.replace("6", "\x006"), "malformed_list", id="a null byte"),
        pytest.param(HONEST.replace("why", "<answer>"), "tags", id="an answer's tag in the reasoning"),
        pytest.param(HONEST.replace("cluster2", "cluster1"), "malformed_list", id="one name for both"),
        pytest.param(
            HONEST.replace("clusters: [2]", "clusters: [3]"), "count_mismatch", id="more promised than listed"
        ),
        pytest.param(HONEST.replace("clusters: [2]", "clusters: [" + "2" * 10**6 + "]"), "count_mismatch", id="huge"),
        pytest.param(HONEST.replace("clusters: [2]", "clusters: [about 2]"), "count_line", id="a vague count"),
        pytest.param(HONEST.replace("[3, 5, 6]", "[3, 5, 6]\ncluster3: []"), "empty_cluster", id="an empty cluster"),
        pytest.param("<answer>" * 10**5, "tags", id="a megabyte of tags"),
        pytest.param(HONEST.replace("6", "6, " * 10**6 + "6"), "duplicate", id="megabytes of items"),
    ],
)
def test_an_invalid_answer_gets_nothing(text: str, error: AnswerErrorKind) -> None:
    for composition in COMPOSITIONS:
        for process in (0.0, 0.5):
            how = RewardSettings(composition, process=process)
            assert score_completion(text, GOLD, how) == Score(0.0, 0, 0.0, 0.0, 0, 2, 6, error)
    assert reward(HONEST, GOLD) > 0


@st.composite
def nearly_right(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    """Two to five gold clusters of three to eight items, and the same with one item moved to another cluster."""
    sizes = draw(st.lists(st.integers(3, 8), min_size=2, max_size=5))
    gold = [cluster for cluster, size in enumerate(sizes) for _ in range(size)]
    predicted = list(gold)
    item = draw(st.integers(0, len(gold) - 1))
    predicted[item] = (gold[item] + draw(st.integers(1, len(sizes) - 1))) % len(sizes)
    return gold, predicted


@given(nearly_right(), st.sampled_from(COMPOSITIONS))
def test_one_cluster_for_all_and_one_for_each_get_less_than_honest_work(
    pair: tuple[list[int], list[int]], composition: Composition
) -> None:
    gold, predicted = pair
    how = RewardSettings(composition)
    honest = reward(answering(predicted), gold, how)
    assert reward(answering([0] * len(gold)), gold, how) < honest
    assert reward(answering(list(range(len(gold)))), gold, how) < honest


def test_the_factor_that_is_not_zero_stays_visible() -> None:
    """Neither of these groups anything rightly, but one has the number of clusters right."""
    assert 0 < reward(answering([0] * 4), [0, 0, 1, 1]) < reward(answering([0, 1, 0, 1]), [0, 0, 1, 1]) < 0.01


@pytest.mark.parametrize(
    "reasoning", ["\x00", "\ud800", "9" * 10**6, "why " * 10**6, "Total clusters: [9]", "[" * 10**5]
)
def test_what_the_reasoning_holds_changes_nothing_by_default(reasoning: str) -> None:
    assert score_completion(HONEST.replace("why", reasoning), GOLD) == score_completion(HONEST, GOLD)
    assert 0 < reward(HONEST.replace("why", reasoning), GOLD, RewardSettings(process=0.5)) < reward(HONEST, GOLD)


def test_empty_gold_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="gold labels are empty"):
        score_completion(HONEST, [])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"composition": "geometric"}, "'geometric': choose one of product, harmonic, sum"),
        ({"epsilon": -1e-3}, "not negative"),
        ({"decay": math.inf}, "finite"),
        ({"decay": math.nan}, "finite"),
        ({"process": -0.1}, "from 0 to 1"),
        ({"process": 1.1}, "from 0 to 1"),
        ({"process": math.nan}, "from 0 to 1"),
    ],
)
def test_settings_out_of_bounds_are_refused_whatever_the_text(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        score_completion("", GOLD, RewardSettings(**wrong))
