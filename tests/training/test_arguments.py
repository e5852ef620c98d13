"""Recipes as TRL's arguments: what is written out, how batches are spread, where checkpoints lie."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from cluster_r1.training.arguments import checkpoint_steps, grpo_arguments, sft_arguments
from cluster_r1.training.recipe import Recipe
from cluster_r1.training.recipe_file import bundled_recipes, load_recipe
from hypothesis import given
from hypothesis import strategies as st
from training_stages import small_recipe

FOLDER = Path("checkpoints")


@given(st.integers(1, 100), st.integers(1, 12), st.sampled_from([1, 2, 4]))
def test_checkpoints_lie_between_rollouts_and_logged_means(every: int, log_every: int, updates: int) -> None:
    recipe = small_recipe(keeping={"checkpoint_every": every, "log_every": log_every}, grpo={"updates": updates})
    for steps, multiples in (
        (checkpoint_steps(recipe, "sft"), (log_every,)),
        (checkpoint_steps(recipe, "grpo"), (log_every, updates)),
    ):
        assert steps >= every
        assert all(steps % multiple == 0 for multiple in multiples)
        assert steps < every + log_every * updates


@pytest.mark.parametrize("name", bundled_recipes())
def test_batches_are_those_of_the_recipe_over_all_devices(name: str) -> None:
    recipe = load_recipe(name)
    sft, grpo, devices = sft_arguments(recipe, FOLDER), grpo_arguments(recipe, FOLDER), recipe.hardware.processes
    assert sft["per_device_train_batch_size"] * sft["gradient_accumulation_steps"] * devices == recipe.sft.batch
    rollout = grpo["per_device_train_batch_size"] * grpo["steps_per_generation"] * devices
    assert rollout == recipe.grpo.prompts * recipe.grpo.rollouts
    assert grpo["steps_per_generation"] == grpo["gradient_accumulation_steps"] * recipe.grpo.updates


def test_what_trl_would_choose_otherwise_is_written_out() -> None:
    grpo = grpo_arguments(load_recipe("qwen2.5-7b"), FOLDER)
    written = {
        "loss_type": "grpo",
        "use_bias_correction_kl": False,
        "num_generations": 5,
        "epsilon": 0.2,
        "epsilon_high": 0.2,
        "scale_rewards": "group",
        "temperature": 1.0,
        "top_p": 1.0,
        "top_k": 0,
        "max_completion_length": 4000,
        "vllm_max_model_length": 32_000,
        "mask_truncated_completions": False,
    }
    assert {name: grpo[name] for name in written} == written
    assert grpo["beta"] > 0
    sft = sft_arguments(load_recipe("qwen2.5-7b"), FOLDER)
    assert (sft["max_length"], sft["completion_only_loss"], sft["packing"]) == (32_768, True, False)


@pytest.mark.parametrize(("warmup", "given"), [(0.0, 0.0), (0.03, 0.03), (1.0, 1), (10.0, 10)])
def test_warmup_is_a_share_below_one_and_steps_from_there(warmup: float, given: float) -> None:
    assert sft_arguments(small_recipe(sft={"warmup": warmup}), FOLDER)["warmup_steps"] == given


@pytest.mark.parametrize(
    ("correction", "on", "mode"),
    [
        ("off", False, "token_truncate"),
        ("token_truncate", True, "token_truncate"),
        ("sequence_mask", True, "sequence_mask"),
    ],
)
def test_vllm_is_set_as_the_recipe_says(correction: str, on: bool, mode: str) -> None:
    vllm = {"mode": "server", "importance_correction": correction, "importance_clip": 2.0, "server_port": 8123}
    arguments = grpo_arguments(small_recipe(grpo={"vllm": vllm}), FOLDER)
    assert arguments["use_vllm"] is True
    assert (arguments["vllm_mode"], arguments["vllm_server_port"]) == ("server", 8123)
    assert arguments["vllm_importance_sampling_correction"] is on
    assert (arguments["vllm_importance_sampling_mode"], arguments["vllm_importance_sampling_clip_max"]) == (mode, 2.0)
    assert grpo_arguments(small_recipe(), FOLDER)["use_vllm"] is False


@pytest.mark.slow
@pytest.mark.filterwarnings("error::FutureWarning", "error::DeprecationWarning:transformers|trl")
@pytest.mark.parametrize("name", bundled_recipes())
def test_trl_takes_every_argument_as_it_is(name: str, tmp_path: Path) -> None:
    pytest.importorskip("trl", reason="TRL is not installed: pip install 'cluster-r1[train]'")
    trainers: Any = import_module("cluster_r1.training.trainers")
    recipe = on_one_cpu(load_recipe(name))
    kinds = {"SFTConfig": sft_arguments(recipe, tmp_path), "GRPOConfig": grpo_arguments(recipe, tmp_path)}
    for kind, arguments in kinds.items():
        built = trainers.trl_config(kind, arguments)
        expected = arguments | {"report_to": [] if arguments["report_to"] == "none" else arguments["report_to"]}
        assert {key: getattr(built, key) for key in expected} == expected


def on_one_cpu(recipe: Recipe) -> Recipe:
    """The same algorithm on one process, which takes the batches of all: TRL refuses GPUs where there are none."""
    hardware = {"nodes": 1, "gpus": 0, "spread": "single", "offload": False}
    return Recipe.model_validate(recipe.model_dump(mode="json") | {"hardware": hardware})
