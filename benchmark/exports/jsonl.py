"""Plain rows: an example with its texts, gold cluster names and canonical answer; `cluster-r1 verify` reads them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ...core.answer import render_answer
from ..files import MANIFEST, Benchmark, Split
from .order import ExportOrder, Written
from .rows import write_jsonl

TASKS = "tasks.jsonl"


def write(benchmark: Benchmark, splits: Sequence[Split], folder: Path, order: ExportOrder) -> Written:
    """SPLIT.jsonl, tasks.jsonl and the benchmark's manifest, whose settings `verify` goes by."""
    rows = {split: write_jsonl(folder / f"{split}.jsonl", plain_rows(benchmark, split)) for split in splits}
    write_jsonl(folder / TASKS, (task.model_dump(mode="json") for task in benchmark.manifest.tasks))
    shutil.copyfile(benchmark.folder / MANIFEST, folder / MANIFEST)
    return Written(dict(rows))


def plain_rows(benchmark: Benchmark, split: Split) -> Iterator[dict[str, Any]]:
    for record in benchmark.records(split):
        example = benchmark.example(record)
        yield {
            "id": record.id,
            "split": split,
            "task": record.task,
            "domain": record.domain,
            "instruction": example.instruction,
            "document_ids": example.document_ids,
            "texts": example.texts,
            "labels": example.clusters,
            "answer": render_answer(example.gold),
        }
