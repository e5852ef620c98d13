"""Shapes against published parameter counts, estimates against worked ones, what helps a recipe that does not fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cluster_r1.core.errors import SettingsError
from cluster_r1.training.memory import MemoryEstimate, estimate_memory, memory_problem
from cluster_r1.training.recipe import ModelChoice, Recipe, TinySettings
from cluster_r1.training.recipe_file import bundled_recipes, load_recipe, parse_recipe
from cluster_r1.training.shapes import KNOWN, model_shape, shape_of_config, tiny_shape

SEVEN = KNOWN["Qwen/Qwen2.5-7B-Instruct"]
QWEN_05 = {
    "model_type": "qwen2",
    "hidden_size": 896,
    "num_hidden_layers": 24,
    "num_attention_heads": 14,
    "num_key_value_heads": 2,
    "intermediate_size": 4864,
    "vocab_size": 151_936,
    "tie_word_embeddings": True,
    "max_position_embeddings": 32_768,
}


def recipe(name: str = "single-gpu", **sections: dict[str, Any]) -> Recipe:
    content = load_recipe(name).model_dump(mode="json")
    for section, values in sections.items():
        content[section] |= values
    return parse_recipe(content, name)


def parts(estimate: MemoryEstimate) -> dict[str, float]:
    return {part.name: part.gib for part in estimate.parts}


@pytest.mark.parametrize(
    ("size", "parameters", "cache"),
    [
        ("0.5B", 494_032_768, 12_288),
        ("1.5B", 1_543_714_304, 28_672),
        ("3B", 3_085_938_688, 36_864),
        ("7B", 7_615_616_512, 57_344),
        ("14B", 14_770_033_664, 196_608),
        ("32B", 32_763_876_352, 262_144),
    ],
)
def test_a_known_models_weights_and_cache(size: str, parameters: int, cache: int) -> None:
    shape = KNOWN[f"Qwen/Qwen2.5-{size}-Instruct"]
    assert shape.parameters == parameters
    assert shape.cache_bytes() == cache


def test_a_config_says_the_same_as_the_table(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(QWEN_05))
    assert model_shape(ModelChoice(name=str(tmp_path))) == KNOWN["Qwen/Qwen2.5-0.5B-Instruct"]


@pytest.mark.parametrize("change", [{"model_type": "qwen2_moe"}, {"hidden_size": None}, {"num_attention_heads": 0}, {}])
def test_a_config_of_another_kind_is_not_counted(change: dict[str, Any]) -> None:
    assert (shape_of_config(QWEN_05 | change) is None) == bool(change)


def test_an_unknown_model_is_not_counted_and_a_folder_without_a_config_is_an_error(tmp_path: Path) -> None:
    assert model_shape(ModelChoice(name="somebody/some-model")) is None
    with pytest.raises(SettingsError, match=r"no config\.json"):
        model_shape(ModelChoice(name=str(tmp_path)))
    for text in ("{", "[]"):
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(SettingsError, match=r"config\.json"):
            model_shape(ModelChoice(name=str(tmp_path)))


@pytest.mark.slow
def test_the_count_is_what_transformers_makes(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")
    settings = TinySettings()
    for config in (
        transformers.Qwen2Config(**{k: v for k, v in QWEN_05.items() if k != "model_type"}),
        transformers.LlamaConfig(hidden_size=64, intermediate_size=100, num_hidden_layers=3, num_attention_heads=4),
        transformers.Qwen2Config(
            hidden_size=settings.hidden,
            intermediate_size=settings.intermediate,
            num_hidden_layers=settings.layers,
            num_attention_heads=settings.heads,
            num_key_value_heads=settings.heads,
            vocab_size=settings.vocabulary,
            tie_word_embeddings=False,
        ),
    ):
        with torch.device("meta"):
            model = transformers.AutoModelForCausalLM.from_config(config)
        shape = shape_of_config(config.to_dict())
        assert shape is not None
        assert shape.parameters == sum(weights.numel() for weights in model.parameters())
        linear = {name.rpartition(".")[2] for name, part in model.named_modules() if isinstance(part, torch.nn.Linear)}
        assert linear - {"lm_head"} == set(shape.linear_sizes)
    assert tiny_shape(settings).parameters == shape.parameters


@pytest.mark.parametrize(
    ("size", "states", "reference"), [("0.5B", 7, 9), ("1.5B", 23, 29), ("3B", 46, 57), ("7B", 113, 142)]
)
def test_full_training_on_one_gpu(size: str, states: int, reference: int) -> None:
    """16 bytes a weight, 20 with the reference."""
    name = f"Qwen/Qwen2.5-{size}-Instruct"
    found = parts(estimate_memory(recipe(model={"name": name, "lora": None}), "grpo", KNOWN[name]))
    trained = found["weights"] + found["gradients"] + found["Adam"]
    assert trained == pytest.approx(states, abs=0.6)
    assert trained + found["reference model"] == pytest.approx(reference, abs=0.6)


@pytest.mark.parametrize(("size", "gib"), [("0.5B", 1.3), ("1.5B", 2.5), ("3B", 3.6), ("7B", 5.5)])
def test_activations_of_a_row_of_14000_tokens(size: str, gib: float) -> None:
    found = parts(estimate_memory(recipe(sft={"max_tokens": 14_000}), "sft", KNOWN[f"Qwen/Qwen2.5-{size}-Instruct"]))
    assert found["activations"] == pytest.approx(gib, rel=0.15)


@pytest.mark.parametrize("name", bundled_recipes())
@pytest.mark.parametrize("stage", ["sft", "grpo"])
def test_the_bundled_recipes_fit(name: str, stage: Any) -> None:
    bundled = load_recipe(name)
    shape = model_shape(bundled.model)
    assert shape is not None
    assert memory_problem(bundled, stage, shape) == ""


def test_what_does_not_fit_is_refused_with_what_would_help() -> None:
    whole = recipe(model={"lora": None}, hardware={"memory_gib": 139})
    said = memory_problem(whole, "grpo", SEVEN)
    need = estimate_memory(whole, "grpo", SEVEN).gib
    assert f"{need - 139:.1f} too few" in said
    for key in ("hardware.memory_gib is 139", "model.lora", "hardware.gpus: 2", "grpo.beta: 0", "reference model 28.4"):
        assert key in said
    helped = whole.model_copy(
        update={"model": whole.model.model_copy(update={"lora": load_recipe("single-gpu").model.lora})}
    )
    assert f"model.lora: {{rank: 32}} ({estimate_memory(helped, 'grpo', SEVEN).gib:.0f} GiB, fits)" in said


def test_what_a_way_out_names_is_less_and_fits_when_it_says_so() -> None:
    vllm = {"memory": 0.9, "sleep": False}
    tight = recipe(grpo={"vllm": load_recipe("single-gpu").grpo.vllm.model_dump() | vllm})
    said = memory_problem(tight, "grpo", SEVEN)
    assert "grpo.vllm.sleep: true" in said
    less = float(said.partition("grpo.vllm.memory: ")[2].partition(" ")[0])
    changed = recipe(grpo={"vllm": tight.grpo.vllm.model_dump() | {"memory": less}})
    assert memory_problem(changed, "grpo", SEVEN) == ""


def test_offloaded_states_are_the_hosts() -> None:
    seven = load_recipe("qwen2.5-7b")
    offloaded, kept = estimate_memory(seven, "sft", SEVEN), estimate_memory(seven, "grpo", SEVEN)
    assert "Adam" not in parts(offloaded)
    assert offloaded.host_gib == pytest.approx(16 * SEVEN.parameters / 2**30)
    assert kept.host_gib == 0
    assert parts(kept)["Adam"] == pytest.approx(8 * SEVEN.parameters / 8 / 2**30)


def test_vllm_that_sleeps_is_not_counted_beside_the_update() -> None:
    estimate = estimate_memory(load_recipe("qwen2.5-7b"), "grpo", SEVEN)
    assert estimate.phase == "rollout"
    assert estimate.gib < sum(part.gib for part in estimate.parts)


def test_a_share_that_does_not_hold_the_weights_is_refused() -> None:
    vllm = load_recipe("single-gpu").grpo.vllm.model_dump() | {"memory": 0.1}
    said = memory_problem(recipe(grpo={"vllm": vllm}), "grpo", SEVEN)
    assert "grpo.vllm.memory 0.1" in said
    assert memory_problem(recipe(grpo={"vllm": vllm}), "sft", SEVEN) == ""
