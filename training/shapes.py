"""A model's shape, read from its config.json alone: how many weights it has and what a token of context costs.

Nothing of torch or transformers is loaded, and no weight is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from ..core.errors import SettingsError
from .recipe import ModelChoice, TinySettings

_DENSE = {"qwen2", "qwen3", "llama", "mistral", "smollm3"}
"""Families whose layers are attention and one gated MLP; others are not counted rather than counted wrongly."""

_QKV_BIAS = {"qwen2"}


class ModelShape(NamedTuple):
    """The numbers of a dense decoder. `tied`: the output head is the embedding; `context`: tokens it reads at most."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_size: int
    intermediate: int
    vocabulary: int
    tied: bool
    qkv_bias: bool
    context: int

    @property
    def linear_sizes(self) -> dict[str, tuple[int, int]]:
        """(in, out) of a layer's linear maps, by the names that LoRA's targets use."""
        queries, keys = self.heads * self.head_size, self.kv_heads * self.head_size
        return {
            "q_proj": (self.hidden, queries),
            "k_proj": (self.hidden, keys),
            "v_proj": (self.hidden, keys),
            "o_proj": (queries, self.hidden),
            "gate_proj": (self.hidden, self.intermediate),
            "up_proj": (self.hidden, self.intermediate),
            "down_proj": (self.intermediate, self.hidden),
        }

    @property
    def layer_parameters(self) -> int:
        bias = (self.heads + 2 * self.kv_heads) * self.head_size if self.qkv_bias else 0
        return sum(a * b for a, b in self.linear_sizes.values()) + bias + 2 * self.hidden

    @property
    def embedding_parameters(self) -> int:
        """Embedding, head and last norm."""
        return self.vocabulary * self.hidden * (1 if self.tied else 2) + self.hidden

    @property
    def parameters(self) -> int:
        return self.layers * self.layer_parameters + self.embedding_parameters

    def adapter_parameters(self, rank: int, targets: tuple[str, ...] | None) -> int:
        """Weights of LoRA adapters; None: on all of a layer's linear maps."""
        sizes = self.linear_sizes
        chosen = sizes if targets is None else [name for name in sizes if name in targets]
        return self.layers * rank * sum(sum(sizes[name]) for name in chosen)

    def cache_bytes(self, bytes_per_number: int = 2) -> int:
        """Keys and values of one token in all layers."""
        return 2 * self.layers * self.kv_heads * self.head_size * bytes_per_number


def _qwen2(hidden: int, layers: int, heads: int, kv_heads: int, intermediate: int, vocabulary: int) -> ModelShape:
    tied = vocabulary < 152_000
    return ModelShape(
        hidden, layers, heads, kv_heads, hidden // heads, intermediate, vocabulary, tied, qkv_bias=True, context=32_768
    )


KNOWN = {
    f"Qwen/Qwen2.5-{size}-Instruct": shape
    for size, shape in {
        "0.5B": _qwen2(896, 24, 14, 2, 4864, 151_936),
        "1.5B": _qwen2(1536, 28, 12, 2, 8960, 151_936),
        "3B": _qwen2(2048, 36, 16, 2, 11_008, 151_936),
        "7B": _qwen2(3584, 28, 28, 4, 18_944, 152_064),
        "14B": _qwen2(5120, 48, 40, 8, 13_824, 152_064),
        "32B": _qwen2(5120, 64, 40, 8, 27_648, 152_064),
    }.items()
}
"""Models of the hub that are known without fetching anything."""


def model_shape(model: ModelChoice) -> ModelShape | None:
    """The shape of a recipe's model; None where only fetching or loading it would tell.

    Raises SettingsError for a folder without a readable config.json.
    """
    if model.tiny is not None:
        return tiny_shape(model.tiny)
    name = model.name or ""
    folder = Path(name).expanduser()
    if folder.is_dir():
        return shape_of_config(_config(folder / "config.json"))
    return KNOWN.get(name)


def tiny_shape(tiny: TinySettings) -> ModelShape:
    size = tiny.hidden // tiny.heads
    return ModelShape(
        tiny.hidden,
        tiny.layers,
        tiny.heads,
        tiny.heads,
        size,
        tiny.intermediate,
        tiny.vocabulary,
        tied=False,
        qkv_bias=True,
        context=tiny.context,
    )


def shape_of_config(config: Mapping[str, Any]) -> ModelShape | None:
    """The shape that a config.json tells; None for a family that is not of this kind (experts, vision)."""
    kind = config.get("model_type")
    if kind not in _DENSE:
        return None
    try:
        hidden, heads = int(config["hidden_size"]), int(config["num_attention_heads"])
        return ModelShape(
            hidden,
            int(config["num_hidden_layers"]),
            heads,
            int(config.get("num_key_value_heads") or heads),
            int(config.get("head_dim") or hidden // heads),
            int(config["intermediate_size"]),
            int(config["vocab_size"]),
            bool(config.get("tie_word_embeddings", False)),
            qkv_bias=bool(config.get("attention_bias", kind in _QKV_BIAS)),
            context=int(config.get("max_position_embeddings", 0)),
        )
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None


def _config(path: Path) -> Mapping[str, Any]:
    try:
        config = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        raise SettingsError(
            f"model.name: {path.parent} has no config.json; name the folder that save_pretrained wrote, or a hub name"
        ) from None
    except (OSError, orjson.JSONDecodeError) as error:
        raise SettingsError(f"model.name: {path} cannot be read: {error}") from error
    if not isinstance(config, dict):
        raise SettingsError(f"model.name: {path} is no model's config")
    return config
