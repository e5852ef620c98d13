"""What a stage writes down while it trains, and the reward that keeps completions to read."""

from __future__ import annotations

import math
from pathlib import Path

from cluster_r1.core.answer import Answer, render_answer
from cluster_r1.core.json_lines import read_lines
from cluster_r1.core.scoring import DEFAULT_REWARD
from cluster_r1.core.training_runs import MetricLine, RunFolder, RunInfo, SampledCompletion, read_run_info
from cluster_r1.training.alarms import AlarmWatch
from cluster_r1.training.metrics_log import Rollout, StageLog, metric_values, watch_of
from cluster_r1.training.recipe import AlarmSettings
from cluster_r1.training.rewards import ClusterReward
from cluster_r1.training.rollouts import RecordedReward
from training_stages import Watcher

INFO = RunInfo(
    stage="grpo", recipe="small", model="tiny", data="rows", data_sha256="aa", rows=3, steps=0, seconds=100.0
)
GOOD = render_answer(Answer(((1,), (2, 3))))


def test_numbers_are_kept_as_they_are_and_words_are_not() -> None:
    values = metric_values(
        {"loss": 0.5, "reward": None, "kl": float("inf"), "epoch": 1.0, "num_tokens": 9, "note": "x"}
    )
    assert list(values) == ["loss", "reward", "kl"]
    assert values["loss"] == 0.5
    assert math.isnan(values["reward"])
    assert math.isinf(values["kl"])


def test_lines_can_be_read_back_and_a_tenth_of_the_steps_is_told(tmp_path: Path) -> None:
    folder, watcher = RunFolder(tmp_path).grpo, Watcher()
    log = StageLog(folder, INFO, watcher)
    log.begin(steps=20, step=4)
    alarm = AlarmWatch(AlarmSettings()).look(5, {"loss": float("nan")})
    log.logged(5, {"loss": float("nan")}, [Rollout("e-1", "text", 0.25, "tags")], alarm)
    log.logged(6, {"reward": 0.5, "cluster/format": 1.0}, [], [])
    log.write(step=6)
    first, second = read_lines(folder.metrics, MetricLine)
    assert math.isnan(first.values["loss"])
    assert (second.step, second.values) == (6, {"reward": 0.5, "cluster/format": 1.0})
    assert second.seconds >= 100
    kept = SampledCompletion(step=5, example="e-1", completion="text", reward=0.25, error="tags")
    assert list(read_lines(folder.completions, SampledCompletion)) == [kept]
    info = read_run_info(folder.info)
    assert info is not None
    assert (info.steps, info.step, info.outcome) == (20, 6, "running")
    assert watcher.stages == [("grpo", 20)]
    assert [note.split(":")[0] for note in watcher.notes] == ["goes on after step 4", "ALARM at step 5", "step 6"]
    assert watcher.notes[-1] == "step 6: reward 0.5, format 1"


def test_an_alarm_is_not_given_again_after_a_stop(tmp_path: Path) -> None:
    folder, settings = RunFolder(tmp_path).grpo, AlarmSettings(window=2)
    log, flat = StageLog(folder, INFO, Watcher()), {"frac_reward_zero_std": 1.0}
    watch = watch_of(settings, folder)
    for step in (1, 2):
        log.logged(step, flat, [], watch.look(step, flat))
    assert watch_of(settings, folder).look(3, flat) == []
    fresh = AlarmWatch(settings)
    assert [len(fresh.look(step, flat)) for step in (3, 4)] == [0, 1]


def test_the_reward_is_passed_on_and_some_completions_are_kept_once() -> None:
    reward = RecordedReward(ClusterReward(DEFAULT_REWARD), keep=2)
    texts, metrics, extras = [GOOD, "no answer", GOOD, "<think>"], [], []
    rewards = reward(
        completions=[[{"role": "assistant", "content": text}] for text in texts],
        labels=[[0, 1, 1]] * 4,
        id=["a", "a", "b", "b"],
        prompts=[None] * 4,
        log_metric=lambda name, value: metrics.append((name, value)),
        log_extra=lambda name, values: extras.append((name, values)),
    )
    assert rewards == [1.0, 0.0, 1.0, 0.0]
    assert ("cluster/format", 0.5) in metrics
    assert ("error", ["", "tags", "", "tags"]) in extras
    assert reward.taken() == [Rollout("a", GOOD, 1.0, ""), Rollout("b", GOOD, 1.0, "")]
    assert reward.taken() == []


def test_nothing_is_kept_where_nothing_is_asked_for() -> None:
    reward = RecordedReward(ClusterReward(DEFAULT_REWARD), keep=0)
    assert reward(completions=["x"], labels=[[0]], id=["a"]) == [0.0]
    assert reward.taken() == []
