"""The reward as TRL's GRPOTrainer calls it, with a recipe's settings."""

from __future__ import annotations

import pickle

import pytest
from cluster_r1.benchmark.reward_functions import cluster_reward
from cluster_r1.core.answer import Answer, render_answer
from cluster_r1.core.scoring import DEFAULT_REWARD, RewardSettings, reward
from cluster_r1.training.recipe import RewardChoice
from cluster_r1.training.rewards import ClusterReward

GOLD = ["a", "a", "b", "b"]
TEXTS = [
    render_answer(Answer.from_labels(GOLD), "Two clusters.\nPairs: 1, 2\nOther: 3, 4"),
    render_answer(Answer.from_labels([0, 1, 2, 3]), "each its own"),
    "no answer",
]


def test_it_gives_the_rewards_of_the_recipe() -> None:
    settings = RewardChoice(composition="sum", decay=0.1, process=0.5).settings()
    found = ClusterReward(settings)(completions=TEXTS, labels=[GOLD] * 3, prompts=TEXTS, trainer_state=None)
    assert found == [reward(text, GOLD, settings) for text in TEXTS]
    assert found[0] == 1
    assert found != ClusterReward(RewardChoice().settings())(TEXTS, [GOLD] * 3)


def test_without_a_choice_it_is_the_exported_function() -> None:
    messages = [[{"role": "assistant", "content": text}] for text in TEXTS]
    assert ClusterReward(DEFAULT_REWARD)(messages, [GOLD] * 3) == cluster_reward(TEXTS, [GOLD] * 3)


def test_it_is_named_and_can_be_pickled() -> None:
    function = pickle.loads(pickle.dumps(ClusterReward(RewardSettings(process=0.25))))
    assert function.__name__ == "cluster_reward"
    assert function.settings.process == 0.25


@pytest.mark.parametrize("process", [0.0, 0.5])
def test_factors_are_logged_that_of_the_process_where_it_counts(process: float) -> None:
    metrics: dict[str, float] = {}
    columns: dict[str, list[str]] = {}
    function = ClusterReward(RewardSettings(process=process))
    function(TEXTS, [GOLD] * 3, log_metric=metrics.__setitem__, log_extra=columns.__setitem__)
    assert ("cluster/process" in metrics) is bool(process)
    assert metrics.get("cluster/process", 1 / 3) == pytest.approx(1 / 3)
    assert metrics["cluster/format"] == pytest.approx(2 / 3)
    assert metrics["cluster/error/tags"] == pytest.approx(1 / 3)
    assert metrics["cluster/k_difference"] == 1
    assert columns == {"error": ["", "", "tags"], "k_difference": ["+0", "+2", ""]}


def test_without_a_valid_answer_there_is_no_difference_of_counts() -> None:
    metrics: dict[str, float] = {}
    ClusterReward(DEFAULT_REWARD)(["no"], [GOLD], log_metric=metrics.__setitem__)
    assert "cluster/k_difference" not in metrics
    assert metrics["cluster/format"] == 0


def test_settings_out_of_bounds_are_refused() -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        ClusterReward(RewardSettings(process=2))
