"""GRPO with TRL: prompts, what the reward needs to know, and the reward itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ...core.prompt import example_prompt
from ...core.workspace import write_text
from ..files import Benchmark, Split
from ..reward_file import reward_file_source
from .order import ExportOrder, Written
from .rows import write_jsonl

REWARD_FILE = "compute_score.py"


def write(benchmark: Benchmark, splits: Sequence[Split], folder: Path, order: ExportOrder) -> Written:
    """SPLIT.jsonl, and compute_score.py with `cluster_reward`, which takes the column `labels`."""
    rows = {split: write_jsonl(folder / f"{split}.jsonl", _rows(benchmark, split)) for split in splits}
    write_text(folder / REWARD_FILE, reward_file_source())
    return Written(dict(rows))


def _rows(benchmark: Benchmark, split: Split) -> Iterator[dict[str, Any]]:
    for record in benchmark.records(split):
        example = benchmark.example(record)
        yield {
            "prompt": example_prompt(example.instruction, example.texts).messages(),
            "labels": example.gold.labels(),
            "n": len(example.texts),
            "k": len(example.gold.clusters),
            "task": record.task,
            "domain": record.domain,
            "id": record.id,
        }
