"""Trials: what is computed from completions, what is kept, which models are found, and sampling a tiny model."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from cluster_r1.cli.app import app
from cluster_r1.core.errors import SettingsError
from cluster_r1.core.json_lines import read_lines
from cluster_r1.core.scoring import DEFAULT_REWARD, score_completion
from cluster_r1.core.tasks import Example
from cluster_r1.core.training_runs import RunFolder, Trial, TrialCompletion
from cluster_r1.graphs.progress import Silent
from cluster_r1.training.baseline import try_kmeans
from cluster_r1.training.data import TrainingRow
from cluster_r1.training.recipe import ModelChoice, Recipe, TinySettings
from cluster_r1.training.recipe_file import load_recipe
from cluster_r1.training.sampling import Said, SamplingSettings
from cluster_r1.training.tiny import build_tiny
from cluster_r1.training.trial import keep_trial, try_model
from cluster_r1.training.trying import places_of
from typer.testing import CliRunner

GOOD = "<think>\n\n</think>\n<answer>\nTotal clusters: [2]\ncluster1: [1, 2]\ncluster2: [3]\n</answer>"
SPLIT = "<think>\n\n</think>\n<answer>\nTotal clusters: [3]\ncluster1: [1]\ncluster2: [2]\ncluster3: [3]\n</answer>"
TINY = ModelChoice(tiny=TinySettings(hidden=16, layers=1, heads=2, vocabulary=320, context=256), dtype="float32")


def row(name: str, prompt: str = "Group these.") -> TrainingRow:
    return TrainingRow(name, "task", [{"role": "user", "content": prompt}], [0, 0, 1], None)


def kept(run: RunFolder, name: str, said: dict[str, list[Said]], split: str = "c1") -> Trial:
    settings = SamplingSettings(samples=2, seed=5)
    return keep_trial(run, name, split, [row("a"), row("b")], said, settings, DEFAULT_REWARD, 0.0)


def test_means_are_over_completions_and_the_error_over_examples(tmp_path: Path) -> None:
    said = {"a": [Said(GOOD, 10), Said("no", 2)], "b": [Said(SPLIT, 12), Said(SPLIT, 12)]}
    trial = kept(RunFolder(tmp_path), "sft", said)
    split = score_completion(SPLIT, [0, 0, 1])
    assert trial.reward == pytest.approx((0.5 + split.reward) / 2)
    assert trial.standard_error == pytest.approx(abs(0.5 - split.reward) / math.sqrt(2) / math.sqrt(2))
    assert (trial.format, trial.tokens, trial.errors) == (0.75, 9.0, {"tags": 1})
    assert trial.k_error == pytest.approx(2 / 3)
    assert trial.quality == pytest.approx((1 + 0 + 2 * split.quality) / 4)


def test_every_completion_is_kept_with_its_score(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    kept(run, "sft", {"a": [Said(GOOD, 1), Said("no", 1)], "b": [Said(SPLIT, 1)] * 2})
    lines = list(read_lines(run.trial_completions("sft", "c1"), TrialCompletion))
    assert [(line.example, line.completion, line.error) for line in lines] == [
        ("a", GOOD, ""),
        ("a", "no", "tags"),
        ("b", SPLIT, ""),
        ("b", SPLIT, ""),
    ]
    assert lines[0].reward == 1.0


def test_a_trial_takes_the_place_of_its_like_alone(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    poor, good = {"a": [Said("no", 1)], "b": [Said("no", 1)]}, {"a": [Said(GOOD, 1)], "b": [Said(GOOD, 1)]}
    for name, split, said in (("sft", "c1", poor), ("grpo", "c1", poor), ("sft", "c2", poor), ("sft", "c1", good)):
        kept(run, name, said, split)
    found = [(trial.model, trial.split, trial.reward) for trial in read_lines(run.trials, Trial)]
    assert found == [("grpo", "c1", 0.0), ("sft", "c2", 0.0), ("sft", "c1", 1.0)]


def test_the_baseline_is_told_how_many_clusters_there_are(tmp_path: Path) -> None:
    texts = ("red cat", "red cat red", "old ship", "old ship old", "tall tree")
    example = Example(
        id="a", task="t", instruction="Group.", document_ids=tuple("12345"), texts=texts, clusters=tuple("xxyyz")
    )
    trial = try_kmeans([example], RunFolder(tmp_path), "c1")
    assert (trial.model, trial.reward, trial.count) == ("tfidf-kmeans", 1.0, 1.0)


def recipe() -> Recipe:
    return load_recipe("tiny-cpu")


def test_models_of_a_run_are_those_that_are_there(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert places_of(recipe(), run, None) == {"tfidf-kmeans": ""}
    for folder in (run.sft.base, run.sft.model):
        folder.mkdir(parents=True)
    assert places_of(recipe(), run, None) == {"base": str(run.sft.base), "sft": str(run.sft.model), "tfidf-kmeans": ""}
    assert places_of(recipe(), run, ["sft", "org/some model"]) == {
        "sft": str(run.sft.model),
        "some-model": "org/some model",
    }
    with pytest.raises(SettingsError, match="has no model 'grpo' yet: run `cluster-r1 train grpo` first"):
        places_of(recipe(), run, ["grpo"])


def test_a_split_that_is_none_is_named(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["-C", str(tmp_path), "train", "trial", "--recipe", "tiny-cpu", "--split", "test"])
    assert isinstance(done.exception, SettingsError)
    assert str(done.exception) == "there is no split 'test'; --split takes train, distill, c0, c1, c2"


@pytest.mark.slow
def test_a_model_is_sampled_the_same_way_twice_and_otherwise_with_another_seed(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    model = str(build_tiny(TINY.tiny or TinySettings(), ["Group these. red blue"] * 8, tmp_path / "model", seed=0))
    rows = [row("short"), row("long", "Group these. " * 5), row("middle", "Group these. " * 2)]

    def said(name: str, **changes: int | float) -> list[tuple[str, str]]:
        run, settings = RunFolder(tmp_path / name), SamplingSettings(samples=2, max_tokens=12)._replace(**changes)
        trial = try_model(model, TINY, rows, run, "base", "c1", Silent(), settings)
        assert (trial.examples, trial.samples, trial.format) == (3, 2, 0.0)
        assert 0 < trial.tokens <= 12
        lines = read_lines(run.trial_completions("base", "c1"), TrialCompletion)
        return [(line.example, line.completion) for line in lines]

    first = said("first", seed=1)
    assert [example for example, _ in first] == ["short", "short", "long", "long", "middle", "middle"]
    assert first == said("again", seed=1)
    assert first != said("other", seed=2)
    greedy = said("greedy", temperature=0.0, seed=1)
    assert greedy == said("greedy-again", temperature=0.0, seed=2)
    assert all(greedy[at] == greedy[at + 1] for at in (0, 2, 4))
