"""Raw rows of CSV files: records are put together line by line within a bound, the csv module reads their fields."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from ..core.errors import CorpusError
from ..core.settings import CorpusSettings
from .report import Skip
from .rows import Row, SourceFile, bounded_line, decoded, pass_bom, row_bytes, too_long


class _Record(NamedTuple):
    """Lines up to where every quote is closed: their bytes (None beyond the bound), their number, where the second
    line begins, and whether the end of the file came first."""

    content: bytes | None
    lines: int
    second: int
    unclosed: bool


def read_csv(file: SourceFile, settings: CorpusSettings) -> Iterator[Row | Skip]:
    """Rows by the names in the first line. Raises CorpusError when that line gives no distinct names.

    After several lines that make no record, reading goes on at the second of them, so that a stray quote costs its
    own row and not all that follow.
    """
    limit = row_bytes(settings)
    # csv allows 128 KiB a field, and the number holds for the whole process.
    csv.field_size_limit(max(csv.field_size_limit(), limit))
    header: list[str] = []
    with file.path.open("rb") as content:
        pass_bom(content)
        number = 1
        while (record := _next_record(content, limit)).lines:
            place = f"{file.name}:{number}"
            fields = _fields(place, record, limit)
            if not header:
                header = _header(fields)
            elif fields:
                yield _row(place, header, fields)
            astray = isinstance(fields, Skip) and fields.reason == "malformed" and record.lines > 1
            if astray:
                content.seek(record.second)
            number += 1 if astray else record.lines


def _next_record(file: BinaryIO, limit: int) -> _Record:
    """An odd number of quotes leaves a field open, unless the first line is complete by itself: 5" pipe."""
    content = bytearray()
    lines = size = quotes = second = 0
    while (line := bounded_line(file, limit)).content:
        lines += 1
        second = second or file.tell()
        size += len(line.content) + line.dropped
        quotes += line.content.count(b'"') + line.dropped_quotes
        if size <= limit:
            content += line.content
        if quotes % 2 == 0 or (lines == 1 and not line.dropped and _is_complete(line.content)):
            quotes = 0
            break
    return _Record(bytes(content) if size <= limit else None, lines, second, unclosed=quotes % 2 == 1)


def _is_complete(line: bytes) -> bool:
    try:
        _split(line.decode(errors="replace"))
    except csv.Error:
        return False
    return True


def _fields(place: str, record: _Record, limit: int) -> list[str] | Skip:
    """A record's fields; none for a blank line."""
    if record.unclosed:
        return Skip(place=place, reason="malformed", detail="a quoted field that begins here is never closed")
    if record.content is None:
        return too_long(place, limit, record.lines)
    text = decoded(place, record.content)
    if isinstance(text, Skip):
        return text
    if text.isspace():
        return []
    try:
        return _split(text)
    except csv.Error as error:
        return Skip(place=place, reason="malformed", detail=str(error))


def _split(text: str) -> list[str]:
    return next(csv.reader([text], strict=True))


def _header(fields: list[str] | Skip) -> list[str]:
    if isinstance(fields, Skip):
        raise CorpusError(f"the first line of a CSV file must name its columns; {fields}; save it as UTF-8 CSV")
    twice = [name for name, count in Counter(fields).items() if name and count > 1]
    if twice:
        raise CorpusError(f"the CSV file names the column {twice[0]!r} twice; rename one of them")
    return fields


def _row(place: str, header: list[str], fields: list[str] | Skip) -> Row | Skip:
    if isinstance(fields, Skip):
        return fields
    if len(fields) != len(header):
        detail = f"{len(fields)} fields where the first line names {len(header)}"
        return Skip(place=place, reason="malformed", detail=detail)
    return Row(place, dict(zip(header, fields, strict=True)))
