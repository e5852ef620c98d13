"""Documents from the corpus that the settings name: which rows are documents, and why the others are not.

A text loses its outer white space and is otherwise kept as it is: letter case, Unicode form and line ends are the
source's. An id is kept as it is; an integer becomes its digits.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson

from ..core.documents import Document
from ..core.errors import CorpusError
from ..core.settings import CorpusSettings
from .csv_rows import read_csv
from .json_rows import read_json
from .report import CorpusReport, Skip, SkipReason
from .rows import FileFormat, Row, SourceFile, read_jsonl, read_lines, read_text
from .seen import Seen
from .sources import Source, find_source
from .tables import read_hub, read_parquet

_READERS: dict[FileFormat, Callable[[SourceFile, CorpusSettings], Iterator[Row | Skip]]] = {
    "jsonl": read_jsonl,
    "json": read_json,
    "csv": read_csv,
    "parquet": read_parquet,
    "text": read_text,
    "lines": read_lines,
}
_PATIENCE = 100
_SHOWN_COLUMNS = 40
_SHOWN_CHARACTERS = 60


def read_documents(settings: CorpusSettings, root: Path, report: CorpusReport) -> Iterator[Document]:
    """Stream the corpus in order of file name and row, filling `report` on the way.

    Relative paths begin at `root`. Nothing is held but the row at hand and a hash of each id. Raises CorpusError when
    there is nothing to read, when a column that the settings name does not exist, when no document is left, and with
    `on_bad: fail` at the first bad row.
    """
    source = find_source(settings, root)
    report.source = settings.source
    report.fingerprint = source.fingerprint(settings)
    report.files, report.passed_over = len(source.files), source.passed_over
    judge = _Judge(settings)
    for row in read_rows(source, settings):
        judged = judge.document(row)
        if isinstance(judged, Document):
            report.keep()
            yield judged
            continue
        report.skip(judged)
        if settings.on_bad == "fail":
            raise CorpusError(f"bad row at {judged}; repair it, or set corpus.on_bad to skip")
    judge.finish(report)


def read_rows(source: Source, settings: CorpusSettings) -> Iterator[Row | Skip]:
    """Raw rows of all files in order, or of the hub data set. Raises CorpusError when one cannot be read at all."""
    if source.hub is not None:
        yield from read_hub(source.hub, settings)
    for file in source.files:
        try:
            yield from _READERS[file.format](file, settings)
        except OSError as error:
            raise CorpusError(f"{file.name} cannot be read: {error}") from error


class _Judge:
    """Makes rows documents; knows the ids and columns of those before."""

    def __init__(self, settings: CorpusSettings) -> None:
        self._settings = settings
        self._ids = Seen()
        self._rows = 0
        self._columns: dict[str, None] = {}
        self._found_text = False
        self._found_gold = settings.gold is None

    def document(self, row: Row | Skip) -> Document | Skip:
        """Raises CorpusError as soon as it is clear that the column with texts or ids does not exist."""
        self._rows += 1
        if isinstance(row, Skip):
            return row
        if not self._found_text:
            self._look_for_columns(row)
        self._found_gold = self._found_gold or self._settings.gold in row.values
        text = self._text(row)
        if isinstance(text, Skip):
            return text
        document_id = self._id(row)
        if isinstance(document_id, Skip):
            return document_id
        meta = self._meta(row)
        if isinstance(meta, Skip):
            return meta
        if self._settings.id is not None and not self._ids.add(document_id):
            return _skip(row, "duplicate_id", f"an earlier row has the id {cut(document_id)}")
        return Document(id=document_id, text=text, meta=meta)

    def finish(self, report: CorpusReport) -> None:
        """Raises CorpusError when the rows came to nothing, or none had the gold column."""
        source = self._settings.source
        if not report.read:
            raise CorpusError(f"the corpus {source!r} is empty; corpus.source must name files with at least one row")
        if self._columns and not self._found_text:
            raise CorpusError(self._no_text_column())
        if not report.kept:
            counts = ", ".join(f"{reason} {count}" for reason, count in report.skipped.items())
            raise CorpusError(
                f"none of the {report.read} rows of {source!r} is a document: {counts}; the first: {report.examples[0]}"
            )
        if not self._found_gold:
            raise CorpusError(
                f"no row of {source!r} has the column {self._settings.gold!r}; set corpus.gold to one of"
                f" {listed(self._columns)}, or leave it out"
            )

    def _look_for_columns(self, row: Row) -> None:
        """Until a row has a text: a few rows may lack the column, but not the first hundred."""
        self._columns |= dict.fromkeys(row.values)
        self._found_text = self._settings.text in row.values
        if not self._found_text and self._rows >= _PATIENCE:
            raise CorpusError(self._no_text_column())
        if self._found_text and row.id is None and self._settings.id not in (None, *row.values):
            raise CorpusError(
                f"{row.place} has no column {self._settings.id!r} for the id, it has {listed(row.values)}; set"
                " corpus.id to the column with a unique id, or to null to number the rows"
            )

    def _no_text_column(self) -> str:
        return (
            f"{self._settings.source!r} has no column {self._settings.text!r}, it has {listed(self._columns)};"
            " set corpus.text to the column with the text"
        )

    def _text(self, row: Row) -> str | Skip:
        column = self._settings.text
        text = row.values.get(column)
        if text is None:
            return _skip(row, "no_text", f"no {column!r} among {listed(row.values)}")
        if not isinstance(text, str):
            return _skip(row, "not_text", f"{column!r} is of type {type(text).__name__}")
        text = text.strip()
        if not text:
            return _skip(row, "empty", f"{column!r} is empty or white space")
        if "\0" in text:
            return _skip(row, "nul", f"{column!r} has a NUL character at {text.index(chr(0))}")
        if len(text) > self._settings.max_characters:
            limit = self._settings.max_characters
            return _skip(row, "too_long", f"{len(text):,} characters, corpus.max_characters is {limit:,}")
        return text

    def _id(self, row: Row) -> str | Skip:
        column = self._settings.id
        if column is None:
            return f"row-{self._rows}"
        found = row.values.get(column) if row.id is None else row.id
        if found is None:
            return _skip(row, "no_id", f"no {column!r} among {listed(row.values)}")
        if isinstance(found, int) and not isinstance(found, bool):
            found = str(found)
        if not isinstance(found, str):
            return _skip(row, "no_id", f"{column!r} is of type {type(found).__name__}, not a string or an integer")
        if not found.strip():
            return _skip(row, "no_id", f"{column!r} is empty")
        if "\0" in found:
            return _skip(row, "nul", f"{column!r} has a NUL character")
        return found

    def _meta(self, row: Row) -> dict[str, Any] | Skip:
        used = (self._settings.text, self._settings.id)
        rest = {column: value for column, value in row.values.items() if column not in used}
        if not rest:
            return rest
        try:
            return orjson.loads(orjson.dumps(rest, default=_as_json, option=orjson.OPT_NON_STR_KEYS))
        except TypeError as error:
            return _skip(row, "malformed", f"a column cannot be kept as JSON: {error}")


def _skip(row: Row, reason: SkipReason, detail: str) -> Skip:
    return Skip(place=row.place, reason=reason, detail=detail)


def cut(value: str) -> str:
    """The start of a value from the corpus, quoted, for messages."""
    return repr(value[:_SHOWN_CHARACTERS]) + ("…" if len(value) > _SHOWN_CHARACTERS else "")


def listed(columns: Iterable[str]) -> str:
    """Names of columns for messages, the first forty."""
    names = [cut(str(column)) for column in columns]
    more = [f"{len(names) - _SHOWN_COLUMNS} more"] if len(names) > _SHOWN_COLUMNS else []
    return ", ".join([*names[:_SHOWN_COLUMNS], *more]) or "no columns"


def _as_json(value: Any) -> str:
    """Columns that JSON has no type for: bytes as their UTF-8 text, or base64 if they are none; dates by ISO 8601."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return base64.b64encode(value).decode()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
