"""Benchmarks to export, and a language model small enough to load an export with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cluster_r1.benchmark.files import MANIFEST, Benchmark, Check
from cluster_r1.core.prompt import SYSTEM_PROMPT
from cluster_r1.core.workspace import write_text
from small_benchmark import SmallBenchmark

PROOF = (Check(name="ids", says="No two examples have one id.", looked_at=24, leaks=0),)
_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def proven(folder: Path, small: SmallBenchmark | None = None, **changes: Any) -> Benchmark:
    """A small benchmark with a proof in its manifest, and with what else the manifest should say."""
    benchmark = (small or SmallBenchmark()).write(folder)
    manifest = benchmark.manifest.model_copy(update={"proof": PROOF, **changes})
    write_text(folder / MANIFEST, manifest.model_dump_json(indent=1) + "\n")
    return Benchmark(folder)


def tiny_model(folder: Path) -> Path:
    """A random Qwen2 of 2 layers with a byte-level tokenizer of its own, saved as `from_pretrained` loads it."""
    import torch
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import Qwen2Config, Qwen2ForCausalLM
    from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX, Qwen2Tokenizer

    learnt = Tokenizer(models.BPE())
    learnt.normalizer = normalizers.NFC()
    split = pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), behavior="isolated", invert=False)
    bytes_only = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    learnt.pre_tokenizer = pre_tokenizers.Sequence([split, bytes_only])
    learnt.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    learnt.train_from_iterator([SYSTEM_PROMPT] * 3, trainer)
    model = json.loads(learnt.to_str())["model"]
    tokenizer = Qwen2Tokenizer(
        vocab=model["vocab"],
        merges=[tuple(merge) for merge in model["merges"]],
        unk_token="<|endoftext|>",
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        extra_special_tokens=["<|im_start|>"],
    )
    tokenizer.chat_template = _TEMPLATE
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    Qwen2ForCausalLM(config).save_pretrained(folder)
    return folder
