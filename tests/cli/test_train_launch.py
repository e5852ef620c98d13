"""`train recipes` and `train launch` as a person types them."""

from __future__ import annotations

from pathlib import Path

import pytest
from cluster_r1.cli.app import app
from cluster_r1.core.errors import SettingsError
from cluster_r1.training.recipe_file import bundled_recipes, load_recipe
from typer.testing import CliRunner

runner = CliRunner()


def typed(*words: str) -> str:
    done = runner.invoke(app, list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_recipes_are_listed_and_a_printed_one_is_a_recipe(tmp_path: Path) -> None:
    listed = typed("train", "recipes")
    assert [line.split()[0] for line in listed.splitlines()] == list(bundled_recipes())
    (tmp_path / "mine.yaml").write_text(typed("train", "recipes", "single-gpu"))
    assert load_recipe("mine.yaml", tmp_path) == load_recipe("single-gpu")


def test_a_script_is_printed_or_written(tmp_path: Path) -> None:
    words = ("-C", str(tmp_path), "train", "launch", "--recipe", "recipes/qwen2.5-7b.yaml", "--stage", "sft")
    printed = typed(*words, "--", "--max-steps", "3")
    assert printed.startswith("#!/usr/bin/env bash\n")
    assert printed.rstrip().endswith("train sft --recipe recipes/qwen2.5-7b.yaml --max-steps 3")
    typed(*words, "--to", "ray", "--out", str(tmp_path / "jobs"))
    written = sorted(path.name for path in (tmp_path / "jobs").iterdir())
    assert written == ["qwen2.5-7b-sft.ray.sh", "qwen2.5-7b-sft.sh"]
    assert (tmp_path / "jobs" / "qwen2.5-7b-sft.sh").stat().st_mode & 0o111


@pytest.mark.parametrize("words", [("recipes", "nothing"), ("launch", "--recipe", "nothing", "--stage", "sft")])
def test_a_recipe_that_is_not_there(words: tuple[str, ...]) -> None:
    with pytest.raises(SettingsError, match="no recipe 'nothing'"):
        runner.invoke(app, ["train", *words], catch_exceptions=False)


@pytest.mark.parametrize("words", [("--stage", "ppo"), ("--stage", "sft", "--to", "kubernetes"), ()])
def test_a_choice_that_is_none(words: tuple[str, ...]) -> None:
    assert runner.invoke(app, ["train", "launch", "--recipe", "tiny-cpu", *words]).exit_code == 2
