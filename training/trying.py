"""Trials of several models of a run on the same examples: which models, which splits, and where the weights lie."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from ..benchmark.files import SPLITS, Benchmark, Split
from ..core.errors import SettingsError
from ..core.known_names import known_names
from ..core.training_runs import STAGES, RunFolder, Trial
from ..core.workspace import write_text
from ..graphs.progress import Progress
from ..reports.training import training_page
from .baseline import NAME as BASELINE
from .baseline import try_kmeans
from .data import training_rows
from .recipe import Recipe
from .surroundings import settle
from .trial import sampling_settings, try_model

OF_RUN = ("base", *STAGES, BASELINE)


class TrialOrder(NamedTuple):
    """Models (None: those of the run that are there, and the baseline), and what they are tried on."""

    recipe: Recipe
    models: tuple[str, ...] | None = None
    splits: tuple[Split, ...] = ("c1",)
    examples: int | None = None
    samples: int = 1


def checked_splits(names: Sequence[str]) -> tuple[Split, ...]:
    """Raises SettingsError naming the first that is no split."""
    return known_names(names, SPLITS, "split", "split")


def run_trials(order: TrialOrder, benchmark: Benchmark, run: RunFolder, progress: Progress) -> list[Trial]:
    """Try every model on every split, keep the trials in the run's folder and draw its page.

    Raises SettingsError naming a model that is not there.
    """
    places = places_of(order.recipe, run, order.models)
    settle(order.recipe, "sft", run.folder)
    reward, settings = order.recipe.reward.settings(), sampling_settings(order.recipe, order.samples)
    trials: list[Trial] = []
    for split in order.splits:
        rows = list(islice(training_rows(benchmark, split, order.recipe.prompt, None), order.examples))
        for name, place in places.items():
            if name == BASELINE:
                examples = islice(benchmark.examples(split), order.examples)
                trials.append(try_kmeans(examples, run, split, reward))
            else:
                choice = order.recipe.model
                trials.append(try_model(place, choice, rows, run, name, split, progress, settings, reward))
    write_text(run.report, training_page(run))
    return trials


def places_of(recipe: Recipe, run: RunFolder, models: Sequence[str] | None) -> dict[str, str]:
    """What to load for each model, by the name that its trial gets."""
    own = _of_run(recipe, run)
    if models is None:
        return own
    places: dict[str, str] = {}
    for model in models:
        if model in OF_RUN and model not in own:
            raise SettingsError(
                f"{run.folder} has no model {model!r} yet: run `cluster-r1 train {_makes(model)}` first"
            )
        if model in own:
            places[model] = own[model]
        else:
            places[re.sub(r"[^A-Za-z0-9._-]+", "-", Path(model).name)] = model
    return places


def _of_run(recipe: Recipe, run: RunFolder) -> dict[str, str]:
    """The run's models that are there, and the baseline, which needs none."""
    bases = [run.stage(stage).base for stage in STAGES]
    base = next((str(folder) for folder in bases if folder.exists()), recipe.model.name)
    found = {"base": base} if base is not None else {}
    found |= {stage: str(run.stage(stage).model) for stage in STAGES if run.stage(stage).model.exists()}
    return {**found, BASELINE: ""}


def _makes(model: str) -> str:
    return "grpo" if model == "grpo" else "sft"
