"""Rows on disk as Arrow, memory-mapped: what a stage is trained on, whatever it came from, and its hash."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from ..core.workspace import atomic_path
from .data import TrainingRow

if TYPE_CHECKING:
    import pyarrow as pa

_AT_ONCE = 64


class KeptRows(NamedTuple):
    """Rows as they were kept: how many, and the sha256 of them all."""

    rows: int
    sha256: str


def keep_rows(path: Path, rows: Iterable[TrainingRow]) -> KeptRows:
    """Write the rows, a few dozen in memory at a time. The same rows make the same bytes and the same hash."""
    digest, count = hashlib.sha256(), 0
    with _stream(path, _row_schema()) as write:
        for batch in _batches(rows):
            records = [row._asdict() for row in batch]
            for record in records:
                digest.update(orjson.dumps(record) + b"\n")
            write(records)
            count += len(batch)
    return KeptRows(count, digest.hexdigest())


def open_rows(path: Path) -> Any:
    """A datasets.Dataset over the file, read as it is used."""
    datasets: Any = import_module("datasets")
    return datasets.Dataset.from_file(str(path))


def keep_tokens(path: Path, examples: Iterable[Mapping[str, Sequence[int]]]) -> None:
    """Write tokenized examples: `input_ids`, and `labels`, which are -100 at the tokens that are not learnt."""
    import pyarrow as pa

    schema = pa.schema({"input_ids": pa.list_(pa.int32()), "labels": pa.list_(pa.int32())})
    with _stream(path, schema) as write:
        for batch in _batches(examples):
            write(batch)


def _row_schema() -> pa.Schema:
    import pyarrow as pa

    message = pa.struct({"role": pa.string(), "content": pa.string()})
    return pa.schema(
        {
            "id": pa.string(),
            "task": pa.string(),
            "prompt": pa.list_(message),
            "labels": pa.list_(pa.int32()),
            "completion": pa.string(),
        }
    )


@contextmanager
def _stream(path: Path, schema: pa.Schema) -> Iterator[Callable[[Sequence[Mapping[str, Any]]], None]]:
    import pyarrow as pa

    with (
        atomic_path(path) as temporary,
        pa.OSFile(str(temporary), "wb") as file,
        pa.ipc.new_stream(file, schema) as out,
    ):
        yield lambda records: out.write_batch(pa.RecordBatch.from_pylist(list(records), schema=schema))


def _batches(items: Iterable[Any]) -> Iterator[list[Any]]:
    coming = iter(items)
    while batch := list(itertools.islice(coming, _AT_ONCE)):
        yield batch
