"""Training truly learns: on the toy benchmark, GRPO raises what SFT began, and a learning rate of 0 changes nothing.

Each stage runs as users run it, by the recipe tiny-cpu. Chosen limits: see "See it learn" in docs/training.md.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from cluster_r1.benchmark.exports.reasoning import read_thoughts
from cluster_r1.benchmark.files import Benchmark, Split
from cluster_r1.core.json_lines import read_lines
from cluster_r1.core.training_runs import MetricLine, RunFolder, Trial, TrialCompletion
from cluster_r1.graphs.progress import Silent
from cluster_r1.training.data import TrainingRow, training_rows
from cluster_r1.training.grpo import train_grpo
from cluster_r1.training.recipe import Recipe
from cluster_r1.training.recipe_file import load_recipe
from cluster_r1.training.sft import train_sft
from cluster_r1.training.toy import write_toy_benchmark, write_toy_traces
from cluster_r1.training.trial import sampling_settings, try_model

pytestmark = pytest.mark.slow

LEAST_GAIN = 0.05
LEAST_VALID = 0.75
RECIPE = load_recipe("tiny-cpu").model_copy(update={"seed": 1})


class World:
    """A run with its SFT done, and trials of its models."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.benchmark: Benchmark = write_toy_benchmark(folder / "benchmark", RECIPE.seed)
        write_toy_traces(self.benchmark, folder / "traces")
        self.run = RunFolder(folder / "runs" / RECIPE.name)
        thoughts = read_thoughts(folder / "traces")
        rows = training_rows(self.benchmark, RECIPE.sft.split, RECIPE.prompt, thoughts)
        train_sft(RECIPE, rows, self.run, Silent(), "toy")

    def rows(self, split: Split) -> list[TrainingRow]:
        return list(training_rows(self.benchmark, split, RECIPE.prompt, None))

    def grpo(self, recipe: Recipe) -> None:
        train_grpo(recipe, self.rows("train"), self.run, Silent(), "toy")

    def trial(self, model: Path, name: str) -> Trial:
        settings, reward = sampling_settings(RECIPE, samples=2), RECIPE.reward.settings()
        return try_model(str(model), RECIPE.model, self.rows("c1"), self.run, name, "c1", Silent(), settings, reward)

    def said(self, name: str) -> list[TrialCompletion]:
        return list(read_lines(self.run.trial_completions(name, "c1"), TrialCompletion))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    pytest.importorskip("trl")
    return World(tmp_path_factory.mktemp("world"))


def test_a_learning_rate_of_zero_changes_nothing(world: World) -> None:
    still = RECIPE.model_copy(update={"grpo": RECIPE.grpo.model_copy(update={"learning_rate": 0.0, "max_steps": 3})})
    world.grpo(still)
    before, after = world.trial(world.run.sft.model, "sft"), world.trial(world.run.grpo.model, "still")
    assert before.reward > 0
    assert after.reward - before.reward == 0.0
    assert world.said("still") == world.said("sft")
    world.run.grpo.folder.rename(world.run.folder / "still")


def test_both_stages_learn(world: World) -> None:
    world.grpo(RECIPE)
    base, sft, grpo = (
        world.trial(model, name)
        for name, model in (
            ("base", world.run.sft.base),
            ("sft", world.run.sft.model),
            ("grpo", world.run.grpo.model),
        )
    )
    assert base.reward == 0.0
    assert sft.reward > 0.1
    assert grpo.reward - sft.reward >= LEAST_GAIN
    assert grpo.format >= LEAST_VALID
    rewards = [line.values["reward"] for line in read_lines(world.run.grpo.metrics, MetricLine)]
    assert len(rewards) == RECIPE.grpo.max_steps
