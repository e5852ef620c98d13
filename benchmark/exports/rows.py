"""Rows to files, streamed: a few hundred examples are in memory at a time."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from ...core.workspace import table_of

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH = 256


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> int:
    """One JSON object a line; returns their number."""
    count = 0
    with path.open("wb") as file:
        for row in rows:
            file.write(orjson.dumps(row) + b"\n")
            count += 1
    return count


def write_parquet(path: Path, rows: Iterable[Mapping[str, Any]], schema: pa.Schema) -> int:
    """A Parquet file; returns the number of rows."""
    import pyarrow.parquet as pq

    count = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for table in tables(rows, schema):
            writer.write_table(table)
            count += table.num_rows
    return count


def tables(rows: Iterable[Mapping[str, Any]], schema: pa.Schema) -> Iterator[pa.Table]:
    """The rows in tables of at most 256."""
    coming = iter(rows)
    while batch := list(itertools.islice(coming, _BATCH)):
        yield table_of(batch, schema)


def messages_type() -> pa.DataType:
    """A list of {role, content}."""
    import pyarrow as pa

    return pa.list_(pa.struct({"role": pa.string(), "content": pa.string()}))
