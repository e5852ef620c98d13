"""A random Qwen2 of a few hundred thousand weights, with a tokenizer learnt on the spot: to train in a minute.

The tokenizer is a real byte-level Qwen2 one. `AutoTokenizer` rebuilds it from its merges whatever was saved, and would
silently drop the words of a word-level one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any

from ..core.errors import SettingsError
from .recipe import TinySettings

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}"
    "{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}{{ '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""ChatML as Qwen2.5 writes it, without its default system message; what the assistant says is marked for training."""

_END, _START, _STOP = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
_ROLES = ["system\nuser\nassistant\n"] * 64
"""The template's own words, so that they are tokens too."""


def build_tiny(settings: TinySettings, texts: Iterable[str], folder: Path, seed: int) -> Path:
    """A random model and its tokenizer, learnt from `texts`, saved as `from_pretrained` loads them; returns `folder`.

    The same settings, texts and seed make the same bytes. Raises SettingsError when heads do not divide the width.
    """
    if settings.hidden % (2 * settings.heads):
        raise SettingsError(
            f"model.tiny.hidden {settings.hidden} must be a multiple of twice model.tiny.heads {settings.heads}:"
            " every head turns pairs of numbers (rotary positions)"
        )
    torch: Any = import_module("torch")
    transformers: Any = import_module("transformers")
    tokenizer = _tokenizer(settings, texts)
    config = transformers.Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=settings.hidden,
        intermediate_size=settings.intermediate,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        num_key_value_heads=settings.heads,
        max_position_embeddings=settings.context,
        tie_word_embeddings=False,
        initializer_range=settings.hidden**-0.5,  # at the usual 0.02 so narrow a model takes ten times as long
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = transformers.Qwen2ForCausalLM(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _tokenizer(settings: TinySettings, texts: Iterable[str]) -> Any:
    """Byte-level BPE behind Qwen2's rule for cutting text into pieces, of at most `settings.vocabulary` tokens."""
    tokenizers: Any = import_module("tokenizers")
    qwen2: Any = import_module("transformers.models.qwen2.tokenization_qwen2")
    parts = tokenizers.pre_tokenizers
    learnt = tokenizers.Tokenizer(tokenizers.models.BPE())
    learnt.normalizer = tokenizers.normalizers.NFC()
    pieces = parts.Split(tokenizers.Regex(qwen2.PRETOKENIZE_REGEX), behavior="isolated", invert=False)
    learnt.pre_tokenizer = parts.Sequence([pieces, parts.ByteLevel(add_prefix_space=False, use_regex=False)])
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=settings.vocabulary,
        special_tokens=[_END, _START, _STOP],
        initial_alphabet=sorted(parts.ByteLevel.alphabet()),
        show_progress=False,
    )
    learnt.train_from_iterator(chain(texts, _ROLES), trainer)
    bpe = json.loads(learnt.to_str())["model"]
    tokenizer = qwen2.Qwen2Tokenizer(
        vocab=bpe["vocab"],
        merges=[tuple(merge) for merge in bpe["merges"]],
        unk_token=_END,
        eos_token=_STOP,
        pad_token=_END,
        extra_special_tokens=[_START],
        model_max_length=settings.context,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer
