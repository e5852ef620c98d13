"""The corpus in the workspace: `ingest` writes documents.parquet and report.json, DocumentStore reads the documents."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import ValidationError

from ..core.documents import Document
from ..core.errors import WorkspaceError
from ..core.labels import keys_of
from ..core.settings import CorpusSettings
from ..core.workspace import Workspace, atomic_path, table_of, write_text
from .files import read_documents
from .report import CorpusReport
from .sources import find_source

_GROUP_ROWS = 1024
_GROUP_CHARACTERS = 32 * 1024 * 1024
_CACHED_GROUPS = 2
_WRITTEN: dict[str, Any] = {"compression": "zstd", "use_dictionary": False, "write_statistics": False}
_FINGERPRINT = b"cluster_r1.fingerprint"
_COLUMNS = {"id": pa.string(), "text": pa.string(), "meta": pa.string(), "key": pa.uint64()}


class _Record(NamedTuple):
    """A row of documents.parquet; `meta` is JSON."""

    id: str
    text: str
    meta: str
    key: int


def ingest(
    settings: CorpusSettings, workspace: Workspace, progress: Callable[[int], None] | None = None
) -> CorpusReport:
    """Read the corpus into the workspace, or return the stored report if settings and source files are unchanged.

    `progress` is told how many more rows were read. Raises CorpusError; the documents ingested before stay then.
    To read a data set of the hub anew, delete corpus/report.json.
    """
    fingerprint = find_source(settings, workspace.root).fingerprint(settings)
    stored = _stored_report(workspace, fingerprint)
    if stored is not None:
        return stored
    report = CorpusReport()
    told = 0
    schema = pa.schema(_COLUMNS, metadata={_FINGERPRINT: fingerprint})
    with atomic_path(workspace.documents) as path, pq.ParquetWriter(path, schema, **_WRITTEN) as writer:
        for group in _groups(read_documents(settings, workspace.root, report)):
            writer.write_table(table_of((record._asdict() for record in group), schema))
            if progress is not None:
                progress(report.read - told)
            told = report.read
    write_text(workspace.corpus / "report.json", report.to_json())
    if progress is not None:
        progress(report.read - told)
    return report


def keep_new(source: Path, known: Iterable[NDArray[np.uint64]], target: Path) -> int:
    """Documents of one file whose keys are not among the known ones, as a file of their own; returns how many.

    `known` comes in parts, in any order; 9 bytes a document of the source are held.
    """
    with pq.ParquetFile(source, pre_buffer=False) as file:
        keys = keys_of(file.read(columns=["key"]))
        order = np.argsort(keys, kind="stable")
        new = np.ones(len(keys), dtype=bool)
        for part in known:
            places = np.minimum(np.searchsorted(keys, part, sorter=order), len(keys) - 1)
            new[order[places][keys[order[places]] == part]] = False
        start = 0
        with atomic_path(target) as path, pq.ParquetWriter(path, file.schema_arrow, **_WRITTEN) as writer:
            for group in range(file.metadata.num_row_groups):
                table = file.read_row_group(group)
                wanted = np.flatnonzero(new[start : start + table.num_rows])
                start += table.num_rows
                if wanted.size:
                    writer.write_table(table.take(_index(wanted)))
    return int(new.sum())


class DocumentStore:
    """The ingested documents, read in pieces: at most two row groups are held, whatever the size of the corpus.

    It goes on showing the documents that were there when it was opened. Threads may share it. Raises WorkspaceError
    when the file is missing or is not what `ingest` writes.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = pq.ParquetFile(path, pre_buffer=False)
        except FileNotFoundError:
            raise WorkspaceError(f"there is no {path}; `cluster-r1 synth` reads the corpus and writes it") from None
        except pa.ArrowInvalid as error:
            raise WorkspaceError(f"{path} is damaged ({error}); delete it and run again") from error
        if not self._file.schema_arrow.equals(pa.schema(_COLUMNS)):
            raise WorkspaceError(f"{path} is of another version; delete it and run again")
        metadata = self._file.metadata
        groups = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
        self._ends = np.cumsum(groups, dtype=np.int64)
        self._cached: OrderedDict[tuple[int, bool], pa.Table] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return self._file.metadata.num_rows

    def keys(self) -> NDArray[np.uint64]:
        """Key of each document, by row; read-only, and read once."""
        return self._keys

    def batches(self, size: int, *, meta: bool = True) -> Iterator[list[Document]]:
        """All documents in order, `size` at a time; the last batch may be smaller."""
        for start in range(0, len(self), size):
            yield self.rows(range(start, min(start + size, len(self))), meta=meta)

    def rows(self, indices: Sequence[int], *, meta: bool = True) -> list[Document]:
        """Documents by row number, in the order asked for. Without `meta` that column is not read and stays empty.

        Each row group touched is read once. Raises IndexError for a row that is not there.
        """
        wanted = np.asarray(indices, dtype=np.int64)
        outside = wanted[(wanted < 0) | (wanted >= len(self))]
        if outside.size:
            raise IndexError(f"there is no row {outside[0]}, the corpus has rows 0 to {len(self) - 1}")
        groups = np.searchsorted(self._ends, wanted, side="right")
        order = np.argsort(groups, kind="stable")
        found: dict[int, Document] = {}
        for places in np.split(order, np.flatnonzero(np.diff(groups[order])) + 1):
            if places.size:
                found |= zip(places.tolist(), self._pick(int(groups[places[0]]), wanted[places], meta), strict=True)
        return [found[place] for place in range(len(found))]

    @cached_property
    def _keys(self) -> NDArray[np.uint64]:
        with self._lock:
            keys = keys_of(self._file.read(columns=["key"]))
        keys.setflags(write=False)
        return keys

    def _pick(self, group: int, wanted: NDArray[np.int64], meta: bool) -> Iterable[Document]:
        start = int(self._ends[group - 1]) if group else 0
        picked = self._group(group, meta).take(_index(wanted - start))
        metas = map(orjson.loads, picked["meta"].to_pylist()) if meta else ({} for _ in wanted)
        for document_id, text, values in zip(picked["id"].to_pylist(), picked["text"].to_pylist(), metas, strict=True):
            yield Document(id=document_id, text=text, meta=values)

    def _group(self, group: int, meta: bool) -> pa.Table:
        with self._lock:
            table = self._cached.pop((group, meta), None)
            if table is None:
                table = self._file.read_row_group(group, columns=["id", "text", *(["meta"] if meta else [])])
            self._cached[group, meta] = table
            while len(self._cached) > _CACHED_GROUPS:
                self._cached.popitem(last=False)
            return table


def _stored_report(workspace: Workspace, fingerprint: str) -> CorpusReport | None:
    """The last ingest's report, if its documents are there and both are of this fingerprint.

    A crash can leave new documents beside an old report, so the documents carry the fingerprint too.
    """
    path = workspace.corpus / "report.json"
    if not (path.exists() and workspace.documents.exists()):
        return None
    try:
        report = CorpusReport.model_validate_json(path.read_bytes())
        documents = pq.read_metadata(workspace.documents)
    except (ValidationError, pa.ArrowInvalid):
        return None
    of_documents = (documents.metadata or {}).get(_FINGERPRINT, b"").decode()
    same = report.fingerprint == of_documents == fingerprint and report.kept == documents.num_rows
    return report if same else None


def _groups(documents: Iterable[Document]) -> Iterator[list[_Record]]:
    """1,024 documents at a time, fewer where they are so long that a group would not be bounded."""
    group: list[_Record] = []
    characters = 0
    for document in documents:
        meta = orjson.dumps(document.meta).decode()
        group.append(_Record(document.id, document.text, meta, document.key))
        characters += len(document.text) + len(meta)
        if len(group) == _GROUP_ROWS or characters >= _GROUP_CHARACTERS:
            yield group
            group, characters = [], 0
    if group:
        yield group


def _index(places: NDArray[np.int64]) -> pa.Array:
    """Row numbers for `take`, past pa.array, which would import pandas."""
    return pa.Array.from_buffers(pa.int64(), len(places), [None, pa.py_buffer(places)])
