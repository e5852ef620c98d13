"""Benchmarks to export, and a language model small enough to load an export with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cluster_r1.benchmark.files import MANIFEST, Benchmark, Check
from cluster_r1.core.prompt import SYSTEM_PROMPT
from cluster_r1.core.workspace import write_text
from cluster_r1.training.recipe import TinySettings
from cluster_r1.training.tiny import build_tiny
from small_benchmark import SmallBenchmark

PROOF = (Check(name="ids", says="No two examples have one id.", looked_at=24, leaks=0),)


def proven(folder: Path, small: SmallBenchmark | None = None, **changes: Any) -> Benchmark:
    """A small benchmark with a proof in its manifest, and with what else the manifest should say."""
    benchmark = (small or SmallBenchmark()).write(folder)
    manifest = benchmark.manifest.model_copy(update={"proof": PROOF, **changes})
    write_text(folder / MANIFEST, manifest.model_dump_json(indent=1) + "\n")
    return Benchmark(folder)


def tiny_model(folder: Path) -> Path:
    """A random Qwen2 of 2 layers with a byte-level tokenizer of its own, saved as `from_pretrained` loads it."""
    return build_tiny(TinySettings(hidden=32, heads=2, context=4096), [SYSTEM_PROMPT] * 3, folder, seed=0)
