"""Bundled recipes, the user's own, and what their mistakes are called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from cluster_r1.core.errors import SettingsError
from cluster_r1.training.recipe import Recipe
from cluster_r1.training.recipe_file import bundled_recipes, load_recipe, parse_recipe, recipe_text, render_recipe
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

PAPER = ("qwen2.5-3b", "qwen2.5-7b", "qwen2.5-14b")


def content(name: str = "qwen2.5-7b") -> dict[str, Any]:
    return load_recipe(name).model_dump(mode="json")


def put(tree: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    *parents, last = path.split(".")
    section = tree
    for parent in parents:
        section = section[parent]
    section[last] = value
    return tree


def left_out(section: type[BaseModel], written: dict[str, Any], above: str = "") -> list[str]:
    """Keys of a section, at any depth, that a file does not write out."""
    missing = []
    for name, field in section.model_fields.items():
        place = f"{above}{name}"
        if name not in written:
            missing.append(place)
        elif isinstance(written[name], dict):
            below = next(a for a in [field.annotation, *getattr(field.annotation, "__args__", ())] if is_section(a))
            missing += left_out(below, written[name], f"{place}.")
    return missing


def is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def test_the_bundled_recipes_are_those_of_the_issue() -> None:
    assert set(bundled_recipes()) == {*PAPER, "single-gpu", "tiny-cpu"}


@pytest.mark.parametrize("name", bundled_recipes())
def test_a_bundled_recipe_leaves_nothing_to_a_default(name: str) -> None:
    assert left_out(Recipe, yaml.safe_load(recipe_text(name))) == []
    assert load_recipe(name).name == name


@pytest.mark.parametrize("name", PAPER)
def test_the_papers_settings(name: str) -> None:
    recipe = load_recipe(name)
    sft, grpo, hardware = recipe.sft, recipe.grpo, recipe.hardware
    assert (sft.batch, sft.micro_batch, sft.epochs, sft.gradient_checkpointing) == (128, 1, 1, True)
    assert (grpo.prompts, grpo.rollouts, grpo.clip, grpo.temperature, grpo.top_p) == (32, 5, 0.2, 1, 1)
    assert (grpo.max_prompt_tokens, grpo.max_completion_tokens) == (28_000, 4000)
    assert (grpo.loss, grpo.scale_rewards, grpo.updates) == ("grpo", "group", 1)
    assert grpo.beta > 0
    assert grpo.vllm is not None
    assert (grpo.vllm.tensor_parallel, grpo.vllm.memory) == (4, 0.5)
    assert (hardware.nodes, hardware.gpus, hardware.spread) == (2 if name == "qwen2.5-14b" else 1, 8, "fsdp")
    assert hardware.offloads("sft")
    assert not hardware.offloads("grpo")
    assert "OUR CHOICE" in recipe_text(name)


@pytest.mark.parametrize("name", ["qwen2.5-7b", "qwen2.5-7b.yaml", "recipes/qwen2.5-7b.yaml", "./qwen2.5-7b"])
def test_a_bundled_recipe_by_the_names_it_goes_by(name: str, tmp_path: Path) -> None:
    assert load_recipe(name, tmp_path).name == "qwen2.5-7b"


def test_a_file_of_the_project_comes_before_the_bundled_one(tmp_path: Path) -> None:
    (tmp_path / "recipes").mkdir()
    mine = put(content(), "about", "mine")
    (tmp_path / "recipes" / "qwen2.5-7b.yaml").write_text(yaml.safe_dump(mine))
    assert load_recipe("recipes/qwen2.5-7b.yaml", tmp_path).about == "mine"
    assert load_recipe(tmp_path / "recipes" / "qwen2.5-7b.yaml").about == "mine"


@pytest.mark.parametrize("name", ["qwen2.5-8b", "elsewhere/qwen2.5-7b.yaml", "recipes/qwen2.5-7b", "", "/"])
def test_a_recipe_that_is_not_there(name: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no recipe .*single-gpu|cannot be read"):
        load_recipe(name, tmp_path)


def test_a_near_name_is_guessed(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"did you mean 'tiny-cpu'\?"):
        load_recipe("tiny-gpu", tmp_path)


def test_every_wrong_key_is_named_with_a_guess() -> None:
    wrong = put(put(put(content(), "sft.lerning_rate", 1), "grpo.vllm.memori", 1), "grpo.alarms.windw", 1)
    wrong = put(put(wrong, "sft.batch", 0), "grpo.loss", "ppo")
    del wrong["model"]
    with pytest.raises(SettingsError) as caught:
        parse_recipe(wrong, "mine.yaml")
    said = str(caught.value)
    assert said.startswith("mine.yaml has 6 wrong key(s)")
    for line in (
        "model: is required",
        "sft.lerning_rate: unknown key, did you mean 'learning_rate'?",
        "grpo.vllm.memori: unknown key, did you mean 'memory'?",
        "grpo.alarms.windw: unknown key, did you mean 'window'?",
        "(got 0)",
        "(got 'ppo')",
    ):
        assert line in said


@pytest.mark.parametrize("text", ["", "- a\n", "just words", "a: 1\na: 2\n", "a: [", "\x00"])
def test_a_file_that_is_no_recipe(text: str, tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=r"r\.yaml"):
        load_recipe(path)


@pytest.mark.parametrize("name", bundled_recipes())
def test_a_rendered_recipe_reads_back_the_same(name: str) -> None:
    recipe = load_recipe(name)
    assert parse_recipe(yaml.safe_load(render_recipe(recipe)), "rendered") == recipe


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sft.batch": 100}, "sft.batch 100 .*= 8 .*set it to 96 or 104"),
        ({"sft.batch": 4}, "set it to 8"),
        ({"grpo.prompts": 31}, "155 completions .*= 8 .*grpo.prompts to 24 or 32"),
        ({"grpo.micro_batch": 3}, "grpo.prompts to 24 or 48, or grpo.micro_batch to 1, 2, 4, 5, 10 or 20"),
        ({"grpo.updates": 3}, "does not divide the 20 forward passes .*1, 2, 4, 5, 10 or 20"),
        ({"grpo.vllm.tensor_parallel": 3}, "does not divide hardware.gpus 8; set it to 1, 2, 4 or 8"),
        ({"grpo.vllm.mode": "server"}, "grpo.vllm.gpus 1 and tensor_parallel 4 to the same number"),
        ({"grpo.clip_high": 0.1}, "clip_high 0.1 is below grpo.clip 0.2"),
        ({"hardware.spread": "single"}, "spread: single has one process"),
        ({"hardware.spread": "ddp"}, "offload is fsdp's"),
        ({"hardware.gpus": 0}, "fsdp is for GPUs"),
        ({"model.tiny": {}}, "not both or neither"),
    ],
)
def test_settings_that_cannot_work_together(changes: dict[str, Any], says: str) -> None:
    recipe = content()
    for path, value in changes.items():
        put(recipe, path, value)
    with pytest.raises(SettingsError, match=says):
        parse_recipe(recipe, "r")


def test_a_tiny_models_limits_stay_within_its_context() -> None:
    recipe = put(put(content("tiny-cpu"), "sft.max_tokens", 513), "grpo.max_completion_tokens", 113)
    with pytest.raises(SettingsError, match=r"sft.max_tokens is 513.*grpo.max_completion_tokens is 513"):
        parse_recipe(recipe, "r")


@given(
    prompts=st.integers(1, 64),
    rollouts=st.integers(2, 16),
    micro=st.integers(1, 20),
    updates=st.integers(1, 8),
    nodes=st.integers(1, 3),
    gpus=st.integers(1, 8),
)
def test_a_recipe_is_taken_when_and_only_when_its_batches_come_out_even(
    prompts: int, rollouts: int, micro: int, updates: int, nodes: int, gpus: int
) -> None:
    recipe = content("qwen2.5-3b")
    processes = nodes * gpus
    recipe["sft"].update(batch=processes * 3, micro_batch=3)
    recipe["grpo"].update(prompts=prompts, rollouts=rollouts, micro_batch=micro, updates=updates, vllm=None)
    recipe["hardware"].update(nodes=nodes, gpus=gpus)
    even = prompts * rollouts % (processes * micro * updates) == 0
    try:
        parse_recipe(recipe, "r")
    except SettingsError:
        assert not even
    else:
        assert even
