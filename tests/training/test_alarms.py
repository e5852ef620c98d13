"""Alarms: given once an episode, over full windows, with what to do."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from cluster_r1.core.training_runs import Alarm
from cluster_r1.training.alarms import AlarmWatch
from cluster_r1.training.recipe import AlarmSettings
from hypothesis import given
from hypothesis import strategies as st


def heard(metric: str, values: Iterable[float], **settings: float) -> list[Alarm]:
    watch = AlarmWatch(AlarmSettings.model_validate({"window": 2, **settings}))
    return [alarm for step, value in enumerate(values, start=1) for alarm in watch.look(step, {metric: value})]


@pytest.mark.parametrize(
    ("kind", "metric", "good", "bad", "advice"),
    [
        ("zero_spread", "frac_reward_zero_std", 0.1, 1.0, "grpo.rollouts"),
        ("clipped", "completions/clipped_ratio", 0.0, 0.9, "grpo.max_completion_tokens"),
        ("format", "cluster/format", 0.9, 0.0, "train sft"),
        ("kl", "kl", 0.01, 5.0, "grpo.beta"),
    ],
)
def test_an_episode_gives_one_alarm_with_advice(kind: str, metric: str, good: float, bad: float, advice: str) -> None:
    alarms = heard(metric, [good, bad, bad, bad, good, good, bad, bad])
    assert [alarm.kind for alarm in alarms] == [kind, kind]
    assert [alarm.step for alarm in alarms] == [3, 8] if kind != "kl" else [2, 7]
    assert advice in alarms[0].says


def test_nothing_is_said_before_the_window_is_full() -> None:
    assert heard("frac_reward_zero_std", [1.0] * 9, window=10) == []
    assert [alarm.step for alarm in heard("frac_reward_zero_std", [1.0] * 10, window=10)] == [10]


@pytest.mark.parametrize("name", ["loss", "reward", "grad_norm"])
def test_what_is_not_finite_is_told_at_once(name: str) -> None:
    alarms = heard(name, [0.5, float("nan"), float("inf"), 0.1, float("nan")])
    assert [(alarm.kind, alarm.step) for alarm in alarms] == [("not_finite", 2), ("not_finite", 5)]
    assert name in alarms[0].says


def test_steps_without_a_metric_leave_its_window_alone() -> None:
    watch = AlarmWatch(AlarmSettings(window=2))
    assert watch.look(1, {"cluster/format": 0.0}) == []
    assert watch.look(2, {"loss": 0.1}) == []
    assert [alarm.kind for alarm in watch.look(3, {"cluster/format": 0.0})] == ["format"]


@given(st.lists(st.floats(0, 1), max_size=40), st.integers(1, 8), st.floats(0.01, 1))
def test_alarms_are_given_where_the_mean_comes_over_the_limit(values: list[float], window: int, limit: float) -> None:
    over = [
        step >= window and sum(values[step - window : step]) / window >= limit for step in range(1, len(values) + 1)
    ]
    beginnings = {step for step in range(1, len(values) + 1) if over[step - 1] and not (step > 1 and over[step - 2])}
    alarms = heard("completions/clipped_ratio", values, window=window, clipped=limit)
    assert all(alarm.value >= limit for alarm in alarms)
    assert (
        abs(len(alarms) - len(beginnings))
        <= sum(  # sums in another order may differ in the last bit
            abs(sum(values[step - window : step]) / window - limit) < 1e-9 for step in range(window, len(values) + 1)
        )
    )
