"""The page of a training run: what it came to, its curves, what to look at, completions to read, the recipe."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from ..core.training_runs import RunFolder, Stage, Trial
from .charts import intervals
from .curves import MOST_LINES, Line, Mark, curve_rows, curves
from .page import Section, count, decimal, render_page, render_part
from .series import drawable, figure, window_of
from .training_completions import ERROR_WORDS, Completions, choose_completions, error_words
from .training_record import STAGE_WORDS, StageRecord, TrainingRecord, outcome_sentence, read_record
from .trials import trial_estimate

_SCRIPTS = ("browse.js",)
_STYLES = ("training.css",)
_ALARM_WORDS = {
    "zero_spread": "groups without spread",
    "clipped": "completions cut at the limit",
    "format": "few valid answers",
    "kl": "far from where it started",
    "not_finite": "a value that is not finite",
}
_TONES = {"running": "open", "done": "kept", "stopped": "conflict", "failed": "conflict"}
_MOST_RECIPE = 100_000


class _Plan(NamedTuple):
    """A chart: logged names with their labels, what it says, the alarms that concern it ('*': all)."""

    title: str
    says: str
    names: tuple[tuple[str, str], ...]
    top: float | None = None
    alarms: tuple[str, ...] = ()
    band: str = ""
    smooth: bool = True


_LOSS = _Plan("Loss", "As the trainer logs it.", (("loss", "loss"),), alarms=("not_finite",))
_GRADIENT = _Plan("Gradient norm", "Before clipping.", (("grad_norm", "gradient norm"),), alarms=("not_finite",))
_RATE = _Plan("Learning rate", "By its schedule.", (("learning_rate", "learning rate"),), smooth=False)
_ENTROPY = _Plan("Entropy", "Nats a token; near 0 the model no longer tries anything new.", (("entropy", "entropy"),))
_PLANS: dict[Stage, tuple[_Plan, ...]] = {
    "sft": (
        _LOSS,
        _Plan("Tokens guessed right", "Share of target tokens.", (("mean_token_accuracy", "accuracy"),), top=1.0),
        _ENTROPY,
        _GRADIENT,
        _RATE,
    ),
    "grpo": (
        _Plan(
            "Reward",
            "Mean of a step's completions; the band is as wide as the mean spread within a group.",
            (("reward", "reward"),),
            alarms=("*",),
            band="reward_std",
        ),
        _Plan(
            "Factors of the reward",
            "Means over all completions; an invalid one counts as 0.",
            (
                ("cluster/format", "valid format"),
                ("cluster/count", "count of clusters"),
                ("cluster/quality", "V-measure"),
                ("cluster/process", "reasoning agrees"),
            ),
            top=1.0,
            alarms=("format",),
        ),
        _Plan(
            "Length of completions",
            "In tokens.",
            (("completions/mean_length", "mean"), ("completions/max_length", "longest")),
        ),
        _Plan(
            "Lost to learning",
            "Shares: completions cut at the token limit, and groups whose rewards are all equal.",
            (("completions/clipped_ratio", "cut at the limit"), ("frac_reward_zero_std", "groups without spread")),
            top=1.0,
            alarms=("clipped", "zero_spread"),
        ),
        _Plan(
            "Invalid answers",
            "Shares of all completions, the most frequent kinds.",
            tuple((f"cluster/error/{kind}", error_words(kind)) for kind in ERROR_WORDS),
            top=1.0,
            alarms=("format",),
        ),
        _Plan(
            "Clusters too many or too few",
            "Mean of predicted minus gold, over valid answers; above 0 is too many.",
            (("cluster/k_difference", "difference"),),
        ),
        _Plan("KL", "Nats a token, to the model that GRPO started from.", (("kl", "KL"),), alarms=("kl",)),
        _ENTROPY,
        _LOSS,
        _GRADIENT,
        _RATE,
        _Plan("Clipped updates", "Share of tokens.", (("clip_ratio/region_mean", "clipped"),), top=1.0),
        _Plan("Time of a step", "In seconds.", (("step_time", "seconds"),)),
    ),
}


def training_page(run: RunFolder) -> str:
    """The whole page as one HTML file's text. Raises WorkspaceError for a run's file that is damaged."""
    record = read_record(run)
    read = {stage.stage: choose_completions(run.stage(stage.stage).completions) for stage in record.stages}
    sections = [Section("trials", "Trials", _trials(record))]
    for stage in reversed(record.stages):
        sections.append(Section(stage.stage, STAGE_WORDS[stage.stage], _stage(stage)))
        if read[stage.stage].total:
            word = "" if stage.stage == "grpo" else f" ({STAGE_WORDS[stage.stage]})"
            label = f"Completions{word}"
            sections.append(Section(f"read-{stage.stage}", label, _completions(stage.stage, read[stage.stage])))
    recipe = render_part("training_recipe.html", record=record, recipe=record.recipe[:_MOST_RECIPE])
    sections.append(Section("recipe", "Recipe and data", recipe))
    stages = [(stage, STAGE_WORDS[stage.stage], outcome_sentence(stage), _tone(stage)) for stage in record.stages]
    body = render_part("training.html", record=record, stages=stages, headlines=_headlines(record))
    return render_page(record.name, body, kicker="Training run", sections=sections, styles=_STYLES, scripts=_SCRIPTS)


def _tone(stage: StageRecord) -> str:
    return _TONES[stage.info.outcome] if stage.info else "open"


def _headlines(record: TrainingRecord) -> list[tuple[str, str]]:
    """Each split with the mean rewards of the models tried on it, in a line."""
    return [
        (split, ", ".join(f"{t.model} {decimal(t.reward)}" for t in record.trials if t.split == split))
        for split in record.splits
    ]


def _trials(record: TrainingRecord) -> Markup:
    pictures = [
        (split, intervals(f"Mean reward on {split}", [trial_estimate(t) for t in record.trials if t.split == split]))
        for split in record.splits
    ]
    return render_part(
        "training_trials.html",
        trials=record.trials,
        invalid=[(trial, _errors(trial)) for trial in record.trials if trial.errors],
        pictures=pictures,
        figure=figure,
    )


def _errors(trial: Trial) -> list[tuple[str, int]]:
    found = sorted(trial.errors.items(), key=lambda item: (-item[1], item[0]))
    return [(error_words(kind), number) for kind, number in found]


def _stage(stage: StageRecord) -> Markup:
    charts = [drawn for plan in _PLANS[stage.stage] if (drawn := _chart(stage, plan))]
    alarms = [(_ALARM_WORDS.get(group.kind, group.kind), group, _times(group.steps)) for group in stage.alarms]
    return render_part(
        "training_stage.html",
        stage=stage,
        word=STAGE_WORDS[stage.stage],
        sentence=outcome_sentence(stage),
        alarms=alarms,
        charts=charts,
        logged=_logged(stage),
        window=window_of(stage.steps),
        figure=figure,
    )


def _chart(stage: StageRecord, plan: _Plan) -> dict[str, object] | None:
    """What the template needs to show a chart with its table; None where nothing of it was logged."""
    lines = [Line(label, stage.series[name]) for name, label in plan.names if name in stage.series]
    if not lines:
        return None
    if len(lines) > MOST_LINES:
        lines = sorted(lines, key=lambda line: -math.fsum(point.value for point in drawable(line.points)))[:MOST_LINES]
    shown = [group for group in stage.alarms if "*" in plan.alarms or group.kind in plan.alarms]
    marks = sorted(Mark(step, _ALARM_WORDS.get(group.kind, group.kind)) for group in shown for step in group.steps)
    title = f"{plan.title} of {STAGE_WORDS[stage.stage]}"
    band = stage.series.get(plan.band, [])
    return {
        "title": plan.title,
        "says": plan.says,
        "svg": curves(title, lines, band=band, marks=marks, top=plan.top, smooth=plan.smooth),
        "columns": [line.label for line in lines],
        "rows": curve_rows(lines),
        "marked": bool(marks),
        "lost": sum(len(line.points) - len(drawable(line.points)) for line in lines),
    }


def _times(steps: Sequence[int]) -> str:
    if len(steps) == 1:
        return f"at step {count(steps[0])}"
    return f"{count(len(steps))} times from step {count(steps[0])} to {count(steps[-1])}"


def _logged(stage: StageRecord) -> list[tuple[str, int, str, str, str, str, int]]:
    """All that was logged, by name: steps, first, last, lowest, highest, values that are not finite."""
    rows: list[tuple[str, int, str, str, str, str, int]] = []
    for name, points in sorted(stage.series.items()):
        values = [point.value for point in drawable(points)]
        told = [figure(v) for v in (values[0], values[-1], min(values), max(values))] if values else ["–"] * 4
        rows.append((name, len(points), told[0], told[1], told[2], told[3], len(points) - len(values)))
    return rows


def _completions(stage: Stage, found: Completions) -> Markup:
    steps = found.steps
    places = {"First": steps[0], "Middle": steps[(len(steps) - 1) // 2], "Last": steps[-1]}
    return render_part(
        "training_completions.html", stage=stage, word=STAGE_WORDS[stage], found=found, places=places, figure=figure
    )
