"""What a stage writes while it trains: metrics, sampled completions, alarms and how far it is."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..core.json_lines import append_line, read_lines
from ..core.training_runs import Alarm, MetricLine, RunInfo, SampledCompletion, StageFolder
from ..core.workspace import write_text
from ..graphs.progress import Progress
from .alarms import AlarmWatch
from .recipe import AlarmSettings

_LEFT_OUT = ("num_tokens", "total_flos", "epoch")
"""Sums that the trainer begins anew when it is resumed, and what the step says already."""

_NOTES = 10
"""Lines about how training goes that a person gets to read."""

_WORDS = {
    "loss": "loss",
    "reward": "reward",
    "cluster/format": "format",
    "cluster/quality": "quality",
    "completions/mean_length": "tokens",
    "kl": "KL",
}


class Rollout(NamedTuple):
    """A completion as the reward saw it."""

    example: str
    completion: str
    reward: float
    error: str


class StageLog:
    """The files of a stage that grows, and the person who watches. One process has it."""

    def __init__(self, folder: StageFolder, info: RunInfo, progress: Progress) -> None:
        self._folder = folder
        self._progress = progress
        self._before = info.seconds
        self._began = time.monotonic()
        self.info = info

    @property
    def seconds(self) -> float:
        return round(self._before + time.monotonic() - self._began, 2)

    def begin(self, steps: int, step: int) -> None:
        """Training begins, or goes on after `step`."""
        self._progress.stage(self.info.stage, steps)
        if step:
            self._progress.note(f"goes on after step {step}")
            self._progress.advance(step)
        self.write(steps=steps, step=step)

    def step(self) -> None:
        self._progress.advance()

    def logged(self, step: int, values: dict[str, float], rollouts: Sequence[Rollout], alarms: Sequence[Alarm]) -> None:
        """Write a step's metrics, completions and alarms."""
        append_line(self._folder.metrics, MetricLine(step=step, seconds=self.seconds, values=values))
        for rollout in rollouts:
            append_line(self._folder.completions, SampledCompletion(step=step, **rollout._asdict()))
        for alarm in alarms:
            append_line(self._folder.alarms, alarm)
            self._progress.note(f"ALARM at step {step}: {alarm.says}")
        if step % max(1, self.info.steps // _NOTES) == 0:
            self._progress.note(f"step {step}: {_in_words(values)}")

    def write(self, **changes: object) -> None:
        """Keep how far the stage is."""
        self.info = self.info.model_copy(update={"seconds": self.seconds, **changes})
        write_text(self._folder.info, self.info.model_dump_json(indent=1) + "\n")


def _in_words(values: Mapping[str, float]) -> str:
    return ", ".join(f"{word} {values[name]:.4g}" for name, word in _WORDS.items() if name in values)


def metric_values(logs: Mapping[str, object]) -> dict[str, float]:
    """What a trainer logs, as numbers; one that it had no value for is not a number."""
    return {
        name: float("nan") if value is None else float(value)
        for name, value in logs.items()
        if name not in _LEFT_OUT and (value is None or isinstance(value, int | float))
    }


def watch_of(settings: AlarmSettings, folder: StageFolder) -> AlarmWatch:
    """A watch that has seen what was logged before a stop: what was said is not said again."""
    watch = AlarmWatch(settings)
    for line in read_lines(folder.metrics, MetricLine):
        watch.look(line.step, line.values)
    return watch
