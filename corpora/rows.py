"""Raw rows of JSONL and text files, and the bounded reading that CSV and JSON share.

A row that cannot be read at all is a Skip; whether a row makes a document is judged in `files`. A blank line is not a
row, a byte order mark is no part of the text, and no line is held beyond a bound however long it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

import orjson

from ..core.settings import CorpusSettings
from .report import Skip

FileFormat = Literal["jsonl", "json", "csv", "parquet", "text", "lines"]

_BOM = b"\xef\xbb\xbf"
_ROW_BYTES = 16 * 1024 * 1024
_BYTES_A_CHARACTER = 12
_DROPPED_BYTES = 256 * 1024


class SourceFile(NamedTuple):
    """A file to read. `name` is how reports call it; `id` is its path below the source.

    `text` is a document by itself, `lines` has a document on each line.
    """

    path: Path
    name: str
    id: str
    format: FileFormat


class Row(NamedTuple):
    """A row's columns; `id` where the source names the row itself, because a text file has no columns."""

    place: str
    values: dict[str, Any]
    id: str | None = None


class Line(NamedTuple):
    """A line's first bytes with its end, how many bytes came after the bound, and how many of them are quotes."""

    content: bytes
    dropped: int
    dropped_quotes: int


def row_bytes(settings: CorpusSettings) -> int:
    """Rows with more bytes are not looked at. A text of JSON escapes alone takes 12 bytes a character."""
    return max(_ROW_BYTES, 2 * _BYTES_A_CHARACTER * settings.max_characters)


def too_long(place: str, limit: int, lines: int = 1) -> Skip:
    detail = f"more than {limit:,} bytes" + (f" on {lines:,} lines" if lines > 1 else "")
    return Skip(place=place, reason="too_long", detail=detail)


def decoded(place: str, content: bytes) -> str | Skip:
    if b"\0" in content:
        return Skip(place=place, reason="nul", detail=f"a NUL byte at offset {content.index(0)}")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        return Skip(place=place, reason="not_utf8", detail=str(error))


def pass_bom(file: BinaryIO) -> None:
    """Stand behind the byte order mark of a file just opened, if it has one."""
    if file.read(len(_BOM)) != _BOM:
        file.seek(0)


def bounded_line(file: BinaryIO, limit: int) -> Line:
    """The next line, read to its end and kept up to `limit` bytes; its content is empty at the end of the file."""
    content = piece = file.readline(limit)
    dropped = quotes = 0
    while len(content) == limit and piece and not piece.endswith(b"\n"):
        piece = file.readline(_DROPPED_BYTES)
        dropped += len(piece)
        quotes += piece.count(b'"')
    return Line(content, dropped, quotes)


def read_jsonl(file: SourceFile, settings: CorpusSettings) -> Iterator[Row | Skip]:
    for place, line in _lines(file, settings):
        if isinstance(line, Skip):
            yield line
            continue
        values = load_object(place, line)
        yield values if isinstance(values, Skip) else Row(place, values)


def read_lines(file: SourceFile, settings: CorpusSettings) -> Iterator[Row | Skip]:
    """A document a line, its number the id."""
    for place, line in _lines(file, settings):
        text = line if isinstance(line, Skip) else decoded(place, line)
        yield text if isinstance(text, Skip) else Row(place, {settings.text: text}, f"line-{place.rpartition(':')[2]}")


def read_text(file: SourceFile, settings: CorpusSettings) -> Iterator[Row | Skip]:
    """A document a file, its path the id; the folder it lies in is kept, for many corpora are sorted that way."""
    limit = row_bytes(settings)
    with file.path.open("rb") as content:
        pass_bom(content)
        whole = content.read(limit + 1)
    text = too_long(file.name, limit) if len(whole) > limit else decoded(file.name, whole)
    folder = Path(file.id).parent.as_posix()
    yield text if isinstance(text, Skip) else Row(file.name, {settings.text: text, "folder": folder}, file.id)


def _lines(file: SourceFile, settings: CorpusSettings) -> Iterator[tuple[str, bytes | Skip]]:
    limit = row_bytes(settings)
    with file.path.open("rb") as content:
        pass_bom(content)
        number = 0
        while (line := bounded_line(content, limit)).content:
            number += 1
            place = f"{file.name}:{number}"
            if line.dropped:
                yield place, too_long(place, limit)
            elif not line.content.isspace():
                yield place, line.content


def load_object(place: str, content: bytes) -> dict[str, Any] | Skip:
    """One JSON object, or what is wrong with it."""
    try:
        values = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        values = _second_look(place, content, error)
    if isinstance(values, dict | Skip):
        return values
    return Skip(place=place, reason="malformed", detail=f"expected one JSON object, found {type(values).__name__}")


def _second_look(place: str, line: bytes, error: orjson.JSONDecodeError) -> Any:
    """What is wrong with a line that is no JSON; NaN and Infinity, which Python writes, are read as null."""
    text = decoded(place, line)
    if isinstance(text, Skip):
        return text
    if "NaN" in text or "Infinity" in text:
        try:
            return orjson.loads(json.dumps(json.loads(text, parse_constant=lambda _: None)))
        except (ValueError, RecursionError) as other:
            return Skip(place=place, reason="malformed", detail=str(other))
    return Skip(place=place, reason="malformed", detail=str(error))
