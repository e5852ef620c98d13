"""Models and tokenizers to train: by hub name, folder or .gguf file, whole or with adapters.

Trained weights are float32 whatever `model.dtype` says, and frozen ones are not: a learning rate of 1e-6 moves a weight
by less than bfloat16 can tell apart, so that nothing would be learnt. bfloat16 is what the arithmetic is done in.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from ..core.errors import SettingsError
from .recipe import LoraSettings, ModelChoice

_ADAPTER = "adapter_config.json"


def load_tokenizer(source: str, model: ModelChoice) -> Any:
    """The tokenizer of a model, for training: with a chat template, padded on the left, answers kept as they are.

    Raises SettingsError when there is none, or it has no chat template.
    """
    transformers: Any = import_module("transformers")
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(source, trust_remote_code=model.trust_remote_code)
    except (OSError, ValueError) as error:
        raise _not_loaded(source, error) from error
    if tokenizer.chat_template is None:
        raise SettingsError(
            f"the tokenizer of {source!r} has no chat template, so there is no telling a prompt from an answer: name"
            " the model's Instruct version as model.name"
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "left"
    for name in ("response_template", "response_schema"):  # TRL would split the reasoning off by it
        if getattr(tokenizer, name, None) is not None:
            setattr(tokenizer, name, None)
    return tokenizer


def load_model(source: str, model: ModelChoice) -> Any:
    """The weights to train: float32 but for those that adapters leave frozen."""
    return load_weights(source, model, "float32" if model.lora is None else model.dtype)


def load_weights(source: str, model: ModelChoice, dtype: str) -> Any:
    """Weights with the attention that the recipe names. Raises SettingsError when they do not load."""
    transformers: Any = import_module("transformers")
    try:
        return transformers.AutoModelForCausalLM.from_pretrained(
            source,
            dtype=dtype,
            attn_implementation=model.attention,
            trust_remote_code=model.trust_remote_code,
        )
    except (OSError, ValueError, ImportError) as error:
        raise _not_loaded(source, error) from error


def unpack_gguf(path: Path, folder: Path) -> Path:
    """A .gguf file as a folder that every library loads. Raises SettingsError for a file that transformers cannot."""
    transformers: Any = import_module("transformers")
    place, name = str(path.parent), path.name
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(place, gguf_file=name)
        weights = transformers.AutoModelForCausalLM.from_pretrained(
            place, gguf_file=name, dtype="float32", **_unpacked(transformers)
        )
    except (OSError, ValueError, ImportError, KeyError) as error:
        raise _not_loaded(str(path), error) from error
    tokenizer.save_pretrained(folder)
    weights.save_pretrained(folder)
    return folder


def _unpacked(transformers: Any) -> dict[str, Any]:
    """Newer releases keep a .gguf file's weights packed, and cannot save them, unless told otherwise."""
    config = getattr(transformers, "GgufConfig", None)
    return {} if config is None else {"quantization_config": config(dequantize=True)}


def lora_config(lora: LoraSettings | None) -> Any:
    """peft's settings of the adapters; None where all weights are trained."""
    if lora is None:
        return None
    try:
        peft: Any = import_module("peft")
    except ModuleNotFoundError as error:
        raise SettingsError("model.lora needs peft: pip install 'cluster-r1[train]'") from error
    return peft.LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules="all-linear" if lora.targets == "all-linear" else list(lora.targets),
        bias="none",
        task_type="CAUSAL_LM",
    )


def trainable_parameters(model: Any) -> int:
    return sum(weights.numel() for weights in model.parameters() if weights.requires_grad)


def write_model(trained: Path, source: str, model: ModelChoice, folder: Path) -> None:
    """What a trainer saved, as a whole model in `model.dtype`: adapters are merged into the weights they belong to."""
    torch: Any = import_module("torch")
    if (trained / _ADAPTER).exists():
        peft: Any = import_module("peft")
        weights = peft.PeftModel.from_pretrained(load_model(source, model), str(trained)).merge_and_unload()
    else:
        weights = load_weights(str(trained), model, "float32")
    weights.to(getattr(torch, model.dtype)).save_pretrained(folder)
    load_tokenizer(source, model).save_pretrained(folder)


def _not_loaded(source: str, error: Exception) -> SettingsError:
    said = (str(error).strip().splitlines() or ["no reason given"])[0]
    return SettingsError(
        f"the model {source!r} cannot be loaded ({said}): model.name takes a hub name, a folder or a .gguf file"
    )
