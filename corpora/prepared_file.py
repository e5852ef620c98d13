"""The file of prepared documents: id, text, labels and meta, as Parquet or JSONL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import orjson

from ..core.errors import SettingsError
from ..core.workspace import table_of
from .rules import Kind

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_GROUP_ROWS = 1024
_GROUP_CHARACTERS = 16 * 1024 * 1024
SUFFIXES = (".parquet", ".jsonl")


class Prepared(NamedTuple):
    """A row of the file. Labels and meta are strings or None, under the names of the kind; a kind without labels has no
    such column, for Parquet has no empty structs."""

    id: str
    text: str
    labels: Mapping[str, str | None]
    meta: Mapping[str, str | None]

    def columns(self) -> dict[str, Any]:
        return {name: value for name, value in self._asdict().items() if value}


class Writer(Protocol):
    def add(self, document: Prepared) -> None: ...


@contextmanager
def open_writer(path: Path, suffix: str, kind: Kind) -> Iterator[Writer]:
    """A writer by the suffix of the file to be. Raises SettingsError for one that is neither."""
    if suffix == ".jsonl":
        with path.open("wb") as file:
            yield _Jsonl(file.write)
        return
    if suffix != ".parquet":
        raise SettingsError(f"--out must end in {' or '.join(SUFFIXES)}, not {suffix!r}")
    import pyarrow.parquet as pq

    schema = _schema(kind)
    with pq.ParquetWriter(path, schema, compression="zstd", write_statistics=False) as writer:
        groups = _Parquet(writer, schema)
        yield groups
        groups.flush()


class _Jsonl:
    def __init__(self, write: _Write) -> None:
        self._write = write

    def add(self, document: Prepared) -> None:
        self._write(orjson.dumps(document.columns(), option=orjson.OPT_APPEND_NEWLINE))


class _Write(Protocol):
    def __call__(self, content: bytes, /) -> int: ...


class _Parquet:
    """1,024 documents a row group, fewer where they are long."""

    def __init__(self, writer: pq.ParquetWriter, schema: pa.Schema) -> None:
        self._writer = writer
        self._schema = schema
        self._group: list[Prepared] = []
        self._characters = 0

    def add(self, document: Prepared) -> None:
        self._group.append(document)
        self._characters += len(document.text)
        if len(self._group) == _GROUP_ROWS or self._characters >= _GROUP_CHARACTERS:
            self.flush()

    def flush(self) -> None:
        if self._group:
            self._writer.write_table(table_of((document.columns() for document in self._group), self._schema))
        self._group, self._characters = [], 0


def _schema(kind: Kind) -> pa.Schema:
    import pyarrow as pa

    def struct(names: list[str]) -> pa.DataType:
        return pa.struct([(name, pa.string()) for name in names])

    columns: dict[str, pa.DataType] = {"id": pa.string(), "text": pa.string()}
    columns |= {name: struct(list(names)) for name, names in (("labels", kind.labels), ("meta", kind.meta)) if names}
    return pa.schema(columns)
