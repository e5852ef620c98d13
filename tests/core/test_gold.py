"""Comparison with gold labels."""

import pytest
from cluster_r1.core.gold import gold_label, score_against_gold


def test_names_do_not_matter_only_the_grouping() -> None:
    score = score_against_gold("x", ["a", "a", "b", "b"], ["2", "2", "1", "1"])
    assert (score.documents, score.accuracy, score.v_measure, score.ari) == (4, 1.0, 1.0, 1.0)


def test_one_cluster_for_everything_is_right_for_the_largest_label() -> None:
    score = score_against_gold("x", ["a", "a", "a", "b"], ["1"] * 4)
    assert (score.accuracy, score.v_measure, score.ari) == (0.75, 0.0, 0.0)


def test_splitting_a_label_costs_accuracy() -> None:
    assert score_against_gold("x", ["a"] * 4 + ["b"] * 2, list("112233")).accuracy == pytest.approx(4 / 6)


def test_nothing_to_score() -> None:
    assert score_against_gold("x", [], []).accuracy is None


@pytest.mark.parametrize(
    ("meta", "column", "labeling", "label"),
    [
        ({"labels": {"topic": "x"}}, "labels", "topic", "x"),
        ({"labels": {"topic": None}}, "labels", "topic", None),
        ({"labels": {"topic": "x"}}, "labels", None, None),
        ({"topic": "x"}, "topic", None, "x"),
        ({"topic": 3}, "topic", "anything", "3"),
        ({}, "topic", None, None),
        ({"topic": "x"}, None, None, None),
    ],
)
def test_where_a_gold_label_is_found(meta: dict, column: str | None, labeling: str | None, label: str | None) -> None:
    assert gold_label(meta, column, labeling) == label
