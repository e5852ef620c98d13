"""Clustering tasks for mteb: the texts that training never saw, with their clusters, one cluster set a task."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ... import __version__
from ...core.errors import BenchmarkError
from ...core.workspace import table_of, write_json, write_text
from ..files import Benchmark, BenchmarkTask, Split
from .licences import known_licence
from .mteb_file import MTEB_FILE, mteb_file_source
from .order import ExportOrder, Written

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_BATCH = 1024


def write(benchmark: Benchmark, splits: Sequence[Split], folder: Path, order: ExportOrder) -> Written:
    """data/TASK.parquet, tasks.json, mteb_tasks.py, and README.md, by which `load_dataset` finds a task's file.

    The tasks of C1 are the held-in ones, of C2 the held-out ones; both are their evaluation pools.
    """
    wanted = {"held-in" if split == "c1" else "held-out" for split in splits}
    tasks = {task.id: task for task in benchmark.manifest.tasks if task.held in wanted}
    rows = _write_data(benchmark, tasks, folder / "data")
    described = [_described(benchmark, task, folder) for task in tasks.values() if task.id in rows]
    if not described:
        raise BenchmarkError(f"{benchmark.folder} has no text for evaluation in {', '.join(splits)}")
    write_json(folder / "tasks.json", described)
    write_text(folder / MTEB_FILE, mteb_file_source(__version__))
    configs = [
        {"config_name": task["id"], "data_files": [{"split": "test", "path": f"data/{task['id']}.parquet"}]}
        for task in described
    ]
    front = yaml.safe_dump({"configs": configs}, sort_keys=False)
    name = benchmark.manifest.name
    write_text(
        folder / "README.md",
        f"---\n{front}---\n\n# {name} for mteb\n\nOne configuration a task; `{MTEB_FILE}` holds the tasks.\n",
    )
    return Written({task["id"]: rows[task["id"]] for task in described})


def _write_data(benchmark: Benchmark, tasks: dict[str, BenchmarkTask], folder: Path) -> dict[str, int]:
    """Number of texts by task; a task without any has no file."""
    folder.mkdir()
    rows: dict[str, int] = {}
    with ExitStack() as stack:
        files: dict[str, _TaskFile] = {}
        for row in benchmark.pools():
            if row.pool != "eval" or row.task not in tasks:
                continue
            if row.task not in files:
                files[row.task] = stack.enter_context(_TaskFile(folder / f"{row.task}.parquet"))
            files[row.task].add({"sentences": benchmark.texts[row.text], "labels": row.cluster})
            rows[row.task] = rows.get(row.task, 0) + 1
    return rows


class _TaskFile:
    """A task's Parquet file, written in batches."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._batch: list[dict[str, Any]] = []

    def __enter__(self) -> _TaskFile:
        import pyarrow.parquet as pq

        self._writer: pq.ParquetWriter = pq.ParquetWriter(self._path, _schema(), compression="zstd")
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()
        self._writer.close()

    def add(self, row: dict[str, Any]) -> None:
        self._batch.append(row)
        if len(self._batch) == _BATCH:
            self._flush()

    def _flush(self) -> None:
        if self._batch:
            self._writer.write_table(table_of(self._batch, _schema()))
            self._batch = []


def _schema() -> pa.Schema:
    import pyarrow as pa

    return pa.schema({"sentences": pa.string(), "labels": pa.string()})


def _described(benchmark: Benchmark, task: BenchmarkTask, folder: Path) -> dict[str, Any]:
    with (folder / "data" / f"{task.id}.parquet").open("rb") as file:
        revision = hashlib.file_digest(file, "sha1").hexdigest()
    return {
        "id": task.id,
        "name": f"{benchmark.manifest.name}.{task.id}",
        "split": "c1" if task.held == "held-in" else "c2",
        "instruction": task.instruction,
        "licence": known_licence(benchmark.manifest) or "not specified",
        "revision": revision,
    }
