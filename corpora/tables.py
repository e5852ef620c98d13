"""Raw rows of Parquet files and hub data sets, streamed in small batches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import CorpusError
from ..core.settings import CorpusSettings
from .report import Skip
from .rows import Row, SourceFile

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH_ROWS = 256
_READ_AHEAD = 1024 * 1024
"""Without `pre_buffer=False` beside it pyarrow keeps all that it has read of a file: 500 MB of a million texts."""
_CONVERTED = "refs/convert/parquet"


def read_parquet(file: SourceFile, settings: CorpusSettings) -> Iterator[Row | Skip]:
    """Raises CorpusError when the file is not Parquet or is damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file.path, buffer_size=_READ_AHEAD, pre_buffer=False) as table:
            number = 0
            for batch in table.iter_batches(batch_size=_BATCH_ROWS):
                for values in _values(batch):
                    number += 1
                    yield _row(f"{file.name} row {number}", values)
    except pa.ArrowException as error:
        raise CorpusError(f"{file.name} cannot be read as Parquet: {error}") from error


def read_hub(name: str, settings: CorpusSettings) -> Iterator[Row | Skip]:
    """Rows of a hub data set, or of a local folder that `datasets` can load. NAME@REVISION names a revision of it; on
    refs/convert/parquet, where the hub keeps what loading scripts made, the configuration is a folder.

    Raises CorpusError for whatever `datasets` refuses; it cannot step over a single broken row.
    """
    import datasets
    from datasets.exceptions import DatasetsError

    try:
        rows: Any = datasets.load_dataset(**_hub_options(name, settings), split=settings.split, streaming=True)
        for number, values in enumerate(rows.decode(False), 1):
            yield Row(f"{name} row {number}", values)
    except (OSError, ValueError, DatasetsError) as error:
        raise CorpusError(
            f"the data set {name!r} (config {settings.config!r}, split {settings.split!r}) cannot be read: {error};"
            " check corpus.source, corpus.config and corpus.split"
        ) from error


def _hub_options(name: str, settings: CorpusSettings) -> dict[str, Any]:
    path, _, revision = name.partition("@")
    if not revision or Path(name).exists():
        return {"path": name, "name": settings.config}
    folder = "data_dir" if revision == _CONVERTED else "name"
    return {"path": path, "revision": revision, folder: settings.config}


def _values(batch: pa.RecordBatch) -> Iterator[dict[str, Any] | ValueError | OverflowError]:
    """Parquet does not check its strings and dates: when a batch cannot be converted, its rows are tried one by one."""
    try:
        yield from batch.to_pylist()
    except (ValueError, OverflowError):
        for place in range(batch.num_rows):
            try:
                yield batch.slice(place, 1).to_pylist()[0]
            except (ValueError, OverflowError) as error:
                yield error


def _row(place: str, values: dict[str, Any] | ValueError | OverflowError) -> Row | Skip:
    if isinstance(values, UnicodeDecodeError):
        return Skip(place=place, reason="not_utf8", detail=str(values))
    if isinstance(values, Exception):
        return Skip(place=place, reason="malformed", detail=str(values))
    return Row(place, values)
