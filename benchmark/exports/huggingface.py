"""A Hugging Face data set: Parquet that `load_dataset` takes, a DatasetDict for `load_from_disk`, and a data card.

README.md        data card; its front matter names the files of each configuration
data/            SPLIT.parquet: configuration `default`
tasks/           tasks.parquet: configuration `tasks`, instructions and clusters
arrow/           the same examples for `load_from_disk`; not uploaded
compute_score.py the reward
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.errors import BenchmarkError
from ...core.workspace import write_text
from ..files import Benchmark, Split
from ..reward_file import reward_file_source
from .card import data_card
from .jsonl import plain_rows
from .order import ExportOrder, Written
from .rows import tables, write_parquet
from .trl_grpo import REWARD_FILE

if TYPE_CHECKING:
    import pyarrow as pa

ARROW = "arrow"

_LANGUAGE = re.compile(r"[a-z]{2,3}")


def write(benchmark: Benchmark, splits: Sequence[Split], folder: Path, order: ExportOrder) -> Written:
    for language in order.languages:
        if not _LANGUAGE.fullmatch(language):
            raise BenchmarkError(f"{language!r} is no code of a language; --language takes ISO 639 codes such as en")
    (folder / "data").mkdir()
    (folder / "tasks").mkdir()
    rows = {split: _write_split(benchmark, split, folder) for split in splits}
    _save_to_disk(benchmark, splits, folder)
    write_parquet(folder / "tasks" / "tasks.parquet", _task_rows(benchmark), _task_schema())
    write_text(folder / REWARD_FILE, reward_file_source())
    write_text(folder / "README.md", data_card(benchmark, splits, order.languages))
    return Written(dict(rows))


def _write_split(benchmark: Benchmark, split: Split, folder: Path) -> int:
    """Parquet, and the same rows as Arrow for a moment: `datasets` maps that file instead of reading it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema, count = _row_schema(), 0
    parquet = pq.ParquetWriter(folder / "data" / f"{split}.parquet", schema, compression="zstd")
    with parquet, pa.OSFile(str(_mapped(folder, split)), "wb") as file, pa.ipc.new_stream(file, schema) as arrow:
        for table in tables(plain_rows(benchmark, split), schema):
            parquet.write_table(table)
            arrow.write_table(table)
            count += table.num_rows
    return count


def _save_to_disk(benchmark: Benchmark, splits: Sequence[Split], folder: Path) -> None:
    from datasets import Dataset, DatasetDict, DatasetInfo, NamedSplit
    from datasets.table import MemoryMappedTable

    def opened(split: Split) -> Dataset:
        # A fingerprint of one's own: the library's takes the time of the file.
        fingerprint = benchmark.manifest.sha256.get(f"{split}.parquet", split)[:16]
        table = MemoryMappedTable.from_file(str(_mapped(folder, split)))
        return Dataset(table, info=DatasetInfo(), split=NamedSplit(split), fingerprint=fingerprint)

    with _no_bars():
        DatasetDict({split: opened(split) for split in splits}).save_to_disk(folder / ARROW)
    for split in splits:
        _mapped(folder, split).unlink()


def _mapped(folder: Path, split: Split) -> Path:
    return folder / f".{split}.arrow"


@contextmanager
def _no_bars() -> Iterator[None]:
    from datasets import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    before = are_progress_bars_disabled()
    disable_progress_bars()
    try:
        yield
    finally:
        if not before:
            enable_progress_bars()


def _row_schema() -> pa.Schema:
    import pyarrow as pa

    one, many = pa.string(), pa.list_(pa.string())
    names = ("id", "split", "task", "domain", "instruction", "document_ids", "texts", "labels", "answer")
    return pa.schema({name: many if name in {"document_ids", "texts", "labels"} else one for name in names})


def _task_schema() -> pa.Schema:
    import pyarrow as pa

    text, number = pa.string(), pa.float64()
    return pa.schema(
        {
            **dict.fromkeys(("id", "domain", "held", "instruction"), text),
            "clusters": pa.list_(pa.struct({"name": text, "description": text})),
            "documents": pa.int64(),
            "kept": pa.int64(),
            **dict.fromkeys(("agreement", "kappa", "alpha"), number),
        }
    )


def _task_rows(benchmark: Benchmark) -> Iterator[dict[str, Any]]:
    for task in benchmark.manifest.tasks:
        yield {
            "id": task.id,
            "domain": task.domain,
            "held": task.held,
            "instruction": task.instruction,
            "clusters": [{"name": cluster.name, "description": cluster.description} for cluster in task.clusters],
            "documents": task.documents,
            "kept": sum(task.sizes.values()),
            "agreement": task.agreement.value,
            "kappa": task.kappa.value,
            "alpha": task.alpha.value,
        }
