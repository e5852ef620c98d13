"""What `--model` means, and what its options change."""

from __future__ import annotations

from pathlib import Path

import pytest
from cluster_r1.core.errors import SettingsError
from cluster_r1.core.settings import EvalSettings
from cluster_r1.eval.folders import FolderEntry
from cluster_r1.eval.model_choice import Choice, chosen_models, stated_parameters
from cluster_r1.eval.models import ModelEntry

SETTINGS = EvalSettings.model_validate(
    {
        "models": {
            "big": {"model": "org/big-70b", "base_url": "http://127.0.0.1:9/v1", "temperature": 0.5, "hint": True},
            "paid": {"model": "o3", "base_url": "https://example.org/v1", "api_key_env": "A_KEY", "parameters": 200},
        }
    }
)


def one(model: str, **choice: object) -> ModelEntry:
    (entry,) = chosen_models([model], Choice(**choice), SETTINGS)  # pyright: ignore[reportArgumentType]
    assert isinstance(entry, ModelEntry)
    return entry


def test_a_model_of_the_settings_with_what_the_command_says() -> None:
    entry = one("big", temperature=0.0, seed=4)
    assert (entry.name, entry.model.model, entry.parameters) == ("big+hint", "org/big-70b", 70)
    assert (entry.model.temperature, entry.model.seed, entry.hint) == (0.0, 4, True)
    assert one("paid").parameters == 200


def test_an_endpoints_model() -> None:
    entry = one("org/Model-7B", base_url="http://127.0.0.1:9/v1", max_tokens=99, api_key_env="A_KEY")
    assert (entry.name, entry.model.model, entry.parameters) == ("Model-7B", "org/Model-7B", 7)
    assert (entry.model.base_url, entry.model.max_tokens, entry.model.serve) == ("http://127.0.0.1:9/v1", 99, None)


def test_a_local_model_and_a_gguf_file_are_served(tmp_path: Path) -> None:
    weights = tmp_path / "mine-1.5b.gguf"
    weights.touch()
    assert one("smollm2-135m").model.serve == "embedded"
    assert (one(str(weights)).model.serve, one(str(weights)).parameters) == ("embedded", 1.5)
    assert one("org/x", serve="vllm").model.serve == "vllm"


def test_a_folder_is_sampled_here_unless_it_is_to_be_served(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (entry,) = chosen_models([str(tmp_path)], Choice(temperature=1.0, parameters=3), SETTINGS)
    assert isinstance(entry, FolderEntry)
    assert (entry.folder, entry.temperature, entry.parameters) == (tmp_path, 1.0, 3)
    assert one(str(tmp_path), serve="vllm").model.model == str(tmp_path)
    with pytest.raises(SettingsError, match="cannot constrain"):
        chosen_models([str(tmp_path)], Choice(forms=("labels",)), SETTINGS)


def test_each_form_is_an_entry_and_a_name_names_one() -> None:
    names = [entry.name for entry in chosen_models(["paid"], Choice(forms=("free", "labels")), SETTINGS)]
    assert names == ["paid", "paid+labels"]
    assert one("paid", name="mine").name == "mine"
    with pytest.raises(SettingsError, match="names one entry; these are 2"):
        chosen_models(["paid"], Choice(forms=("free", "labels"), name="mine"), SETTINGS)
    with pytest.raises(SettingsError, match="two models would be the entry 'x'"):
        chosen_models(["a/x", "b/x"], Choice(base_url="http://127.0.0.1:9/v1"), SETTINGS)


def test_what_means_nothing_is_named_with_what_would() -> None:
    with pytest.raises(SettingsError, match=r"'gpt-9'.*smollm2-135m.*--base-url"):
        one("gpt-9")
    with pytest.raises(SettingsError, match=r"(?s)--model paid.*temperature.*-1"):
        one("paid", temperature=-1.0)


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("Qwen2.5-7B-Instruct", 7),
        ("qwen2.5-coder-0.5b", 0.5),
        ("SmolLM2-135M-Instruct.Q4_1.gguf", 0.135),
        ("o3", None),
        ("mixtral-8x7b", None),
        ("merge-7b-13b", None),
        ("gpt-4b0", None),
    ],
)
def test_sizes_stated_in_names(name: str, billions: float | None) -> None:
    assert stated_parameters(name) == (None if billions is None else pytest.approx(billions))
