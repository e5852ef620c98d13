"""An ablation: the paper's training recipes (Tables 3 and 4) run by one switch and tried on the same examples."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import NamedTuple

from ..benchmark.files import EVALUATION, Benchmark, Split
from ..core.json_lines import read_lines
from ..core.paper_tables import paper_recipes
from ..core.training_runs import AblationArm, AblationResult, RunFolder, Trial, read_run_info
from ..core.workspace import write_text
from ..graphs.progress import Progress
from ..reports.training import training_page
from .ablation_table import ablation_markdown, ablation_report
from .arms import ARMS, SAYS, Arm, ArmStage, arm_stages
from .data import stage_source, training_rows
from .grpo import train_grpo
from .ranks import rank, wait_for_all
from .recipe import Recipe
from .recipe_file import render_recipe
from .resuming import held
from .sampling import SamplingSettings
from .sft import train_sft
from .trial import sampling_settings, try_model

RESULTS = "results.json"
TABLE = "results.md"
PAGE = "report.html"


class AblationOrder(NamedTuple):
    """What is compared: arms, and what tells: splits, examples of each (None: all), completions of each example."""

    recipe: Recipe
    arms: tuple[Arm, ...] = ARMS
    splits: tuple[Split, ...] = EVALUATION
    examples: int | None = None
    samples: int = 1


class _Sources(NamedTuple):
    """What the arms learn from and are tried on, where they lie, and who is told."""

    benchmark: Benchmark
    traces: Path
    folder: Path
    progress: Progress


def run_ablation(
    order: AblationOrder, benchmark: Benchmark, traces: Path, folder: Path, progress: Progress
) -> AblationResult:
    """Train and try each arm in its own folder below `folder`; stages and trials that are done are not repeated.

    traces: kept reasoning, to distil. After each arm the result of all that are done so far is written as
    results.json, results.md and report.html.
    Raises SettingsError where a stage was begun with another recipe or other rows.
    """
    sources = _Sources(benchmark, traces, folder, progress)
    result = _result(order, sources)
    for arm in order.arms:
        _run_arm(order, arm, sources)
        result = _result(order, sources)
        if rank() == 0:
            write_text(folder / RESULTS, result.model_dump_json(indent=1) + "\n")
            write_text(folder / TABLE, ablation_markdown(result))
            write_text(folder / PAGE, ablation_report(result))
    return result


def _run_arm(order: AblationOrder, arm: Arm, sources: _Sources) -> None:
    stages = arm_stages(order.recipe, arm, sources.folder)
    last = stages[-1]
    unchanged = _is_as_asked(last, sources.folder)
    for stage in stages:
        _train(stage, sources)
    if rank() == 0:
        run, settings = last.run(sources.folder), sampling_settings(order.recipe, order.samples)
        for split in order.splits:
            rows = list(islice(training_rows(sources.benchmark, split, last.recipe.prompt, None), order.examples))
            if not (unchanged and any(_tells(trial, split, len(rows), settings) for trial in _trials(run))):
                model, reward = str(last.model(sources.folder)), last.recipe.reward.settings()
                try_model(model, last.recipe.model, rows, run, arm, split, sources.progress, settings, reward)
        write_text(run.report, training_page(run))
    wait_for_all(order.recipe.hardware)


def _train(stage: ArmStage, sources: _Sources) -> None:
    run, recipe = stage.run(sources.folder), stage.recipe
    learnt = stage_source(recipe, stage.stage, sources.benchmark, sources.traces)
    train = train_sft if stage.stage == "sft" else train_grpo
    with held(run):
        train(recipe, learnt.rows, run, sources.progress, learnt.says)


def _is_as_asked(stage: ArmStage, folder: Path) -> bool:
    """Whether the stage is there and was last run with this very recipe."""
    written = stage.run(folder).stage(stage.stage).recipe
    return written.exists() and written.read_text(encoding="utf-8") == render_recipe(stage.recipe)


def _tells(trial: Trial, split: Split, examples: int, settings: SamplingSettings) -> bool:
    """Whether a trial is the one that is asked for."""
    asked = (split, examples, settings.samples, settings.temperature, settings.seed)
    return asked == (trial.split, trial.examples, trial.samples, trial.temperature, trial.seed)


def _trials(run: RunFolder) -> tuple[Trial, ...]:
    return tuple(read_lines(run.trials, Trial))


def _result(order: AblationOrder, sources: _Sources) -> AblationResult:
    """Every arm that is done with this recipe, whether it was asked for now or before."""
    found = (_done(arm, arm_stages(order.recipe, arm, sources.folder), sources.folder) for arm in ARMS)
    return AblationResult(
        recipe=order.recipe.name,
        benchmark=sources.benchmark.manifest.name,
        seed=order.recipe.seed,
        arms=tuple(arm for arm in found if arm is not None),
        paper=paper_recipes(),
    )


def _done(arm: Arm, stages: tuple[ArmStage, ...], folder: Path) -> AblationArm | None:
    infos = [read_run_info(stage.run(folder).stage(stage.stage).info) for stage in stages]
    done = [info for info in infos if info is not None and info.outcome == "done"]
    trials = _trials(stages[-1].run(folder))
    if len(done) < len(stages) or not trials or not all(_is_as_asked(stage, folder) for stage in stages):
        return None
    steps, seconds = sum(info.steps for info in done), sum(info.seconds for info in done)
    return AblationArm(name=arm, says=SAYS[arm], steps=steps, seconds=seconds, trials=trials)
