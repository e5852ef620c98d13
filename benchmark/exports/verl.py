"""Reinforcement learning with verl 0.9: Parquet rows of RLHFDataset, and the reward file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from ...core.prompt import example_prompt
from ...core.workspace import write_text
from ..files import Benchmark, Split
from ..reward_file import reward_file_source
from .order import ExportOrder, Written
from .rows import messages_type, write_parquet
from .trl_grpo import REWARD_FILE

if TYPE_CHECKING:
    import pyarrow as pa


def write(benchmark: Benchmark, splits: Sequence[Split], folder: Path, order: ExportOrder) -> Written:
    """SPLIT.parquet and compute_score.py. verl reports validation by `data_source`, so each split is one."""
    schema = row_schema()
    rows = {split: write_parquet(folder / f"{split}.parquet", _rows(benchmark, split), schema) for split in splits}
    write_text(folder / REWARD_FILE, reward_file_source())
    return Written(dict(rows))


def row_schema() -> pa.Schema:
    """The ground truth is JSON text, so that every row has one schema whatever its number of texts."""
    import pyarrow as pa

    text, number = pa.string(), pa.int64()
    return pa.schema(
        {
            "data_source": text,
            "prompt": messages_type(),
            "ability": text,
            "reward_model": pa.struct({"style": text, "ground_truth": text}),
            "extra_info": pa.struct(
                {"split": text, "index": number, "id": text, "task": text, "domain": text, "n": number, "k": number}
            ),
        }
    )


def _rows(benchmark: Benchmark, split: Split) -> Iterator[dict[str, Any]]:
    source = f"{benchmark.manifest.name}/{split}"
    for index, record in enumerate(benchmark.records(split)):
        example = benchmark.example(record)
        yield {
            "data_source": source,
            "prompt": example_prompt(example.instruction, example.texts).messages(),
            "ability": "clustering",
            "reward_model": {
                "style": "rule",
                "ground_truth": orjson.dumps({"labels": example.gold.labels()}).decode(),
            },
            "extra_info": {
                "split": split,
                "index": index,
                "id": record.id,
                "task": record.task,
                "domain": record.domain,
                "n": len(example.texts),
                "k": len(example.gold.clusters),
            },
        }
