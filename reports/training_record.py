"""What the page of a training run shows, read from the run's folder: series by name, alarms by kind, trials."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..core.json_lines import read_lines
from ..core.training_runs import STAGES, Alarm, MetricLine, RunFolder, RunInfo, Stage, StageFolder, Trial, read_run_info
from .series import Point

STAGE_WORDS: dict[Stage, str] = {"sft": "SFT", "grpo": "GRPO"}
_TRAINED = ("base", "sft", "grpo")


class AlarmGroup(NamedTuple):
    """Alarms of one kind: the steps in order, the last alarm to speak for all."""

    kind: str
    steps: tuple[int, ...]
    last: Alarm


class StageRecord(NamedTuple):
    """A stage: `info` is None where run.json is missing, `repeated` counts steps that were logged again."""

    stage: Stage
    info: RunInfo | None
    series: dict[str, list[Point]]
    repeated: int
    alarms: tuple[AlarmGroup, ...]

    @property
    def steps(self) -> int:
        """Logged ones."""
        return len({point.step for points in self.series.values() for point in points})


class TrainingRecord(NamedTuple):
    """A run: its stages that have begun, its trials, its recipe's text."""

    name: str
    stages: tuple[StageRecord, ...]
    trials: tuple[Trial, ...]
    recipe: str

    @property
    def splits(self) -> list[str]:
        """Splits that models were tried on, in alphabetical order."""
        return sorted({trial.split for trial in self.trials})


def read_record(run: RunFolder) -> TrainingRecord:
    """Everything but completions. Missing files are empty; raises WorkspaceError for damaged ones."""
    stages = (_read_stage(stage, run.stage(stage)) for stage in STAGES)
    recipe = run.recipe.read_text(encoding="utf-8", errors="replace") if run.recipe.exists() else ""
    return TrainingRecord(
        name=run.folder.resolve().name,
        stages=tuple(stage for stage in stages if stage.info or stage.series or stage.alarms),
        trials=latest_trials(read_lines(run.trials, Trial)),
        recipe=recipe,
    )


def latest_trials(trials: Iterable[Trial]) -> tuple[Trial, ...]:
    """The last trial of each model on each split; base, sft and grpo first, then baselines as they came."""
    last = {(trial.model, trial.split): trial for trial in trials}
    ranks = {model: place for place, model in enumerate(_TRAINED)}
    return tuple(sorted(last.values(), key=lambda trial: (trial.split, ranks.get(trial.model, len(ranks)))))


def outcome_sentence(stage: StageRecord) -> str:
    """How far a stage came, in one sentence."""
    info, name = stage.info, STAGE_WORDS[stage.stage]
    if info is None:
        return f"{name} has metrics but no run.json: how it ended is not known."
    of = f"step {info.step:,} of {info.steps:,}"
    return {
        "running": f"{name} is running, or was killed: {of}.",
        "done": f"{name} is done: {info.step:,} steps.",
        "stopped": f"{name} was stopped at {of}; the same command goes on from its last checkpoint.",
        "failed": f"{name} failed at {of}.",
    }[info.outcome]


def _read_stage(stage: Stage, folder: StageFolder) -> StageRecord:
    series, repeated = _read_series(folder)
    info = read_run_info(folder.info)
    return StageRecord(stage, info, series, repeated, _grouped(list(read_lines(folder.alarms, Alarm))))


def _read_series(folder: StageFolder) -> tuple[dict[str, list[Point]], int]:
    """Points by name, in the order of steps. A step that a resumed run logged again counts as it was last logged."""
    values: dict[str, dict[int, float]] = defaultdict(dict)
    seen: set[int] = set()
    repeated = 0
    for line in read_lines(folder.metrics, MetricLine):
        repeated += line.step in seen
        seen.add(line.step)
        for name, value in line.values.items():
            values[name][line.step] = value
    return {name: [Point(*item) for item in sorted(found.items())] for name, found in values.items()}, repeated


def _grouped(alarms: Sequence[Alarm]) -> tuple[AlarmGroup, ...]:
    """By kind, in the order of their first steps."""
    kinds: dict[str, dict[int, Alarm]] = defaultdict(dict)
    for alarm in sorted(alarms, key=lambda alarm: alarm.step):
        kinds[alarm.kind][alarm.step] = alarm
    return tuple(AlarmGroup(kind, tuple(found), list(found.values())[-1]) for kind, found in kinds.items())
