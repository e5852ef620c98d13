"""Raw rows of JSON files: an array of records, read piece by piece, or one record a file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import orjson

from ..core.settings import CorpusSettings
from .report import Skip
from .rows import Row, SourceFile, load_object, pass_bom, read_jsonl, row_bytes, too_long

_PIECE = 64 * 1024
_SPACE = b" \t\r\n"
_CONSTANTS = (b"NaN", b"Infinity")
_TOKENS = re.compile(rb'\\.|"|-?Infinity|NaN', re.DOTALL)
_MAY_GO_ON = len(b"-Infinity") - 1
"""How many bytes at the end of a piece may be the beginning of a token."""


def read_json(file: SourceFile, settings: CorpusSettings) -> Iterator[Row | Skip]:
    """Records of an array, in constant memory but for the record at hand; a file that is one object is one record.

    A file of several objects, which many call .json too, is read as JSONL. NaN and Infinity, which Python writes, are
    null. Where an array breaks off, what came before stays and one Skip tells the place.
    """
    with file.path.open("rb") as content:
        pass_bom(content)
        first = _first(content)
        if first == b"[":
            yield from _array(file, content)
            return
    if first == b"{":
        yield from _objects(file, settings)
    elif first:
        detail = f"expected an array of records or one record, found {first.decode(errors='replace')!r}"
        yield Skip(place=file.name, reason="malformed", detail=detail)


def _first(content: BinaryIO) -> bytes:
    """The first byte that is no white space, where the file then stands; empty at the end of the file."""
    while (byte := content.read(1)) and byte in _SPACE:
        pass
    content.seek(-len(byte), 1)
    return byte


def _array(file: SourceFile, content: BinaryIO) -> Iterator[Row | Skip]:
    import ijson

    number = 0
    start = content.tell()
    source = _WithoutConstants(content) if _has_constants(content) else content
    content.seek(start)
    try:
        for value in ijson.items(source, "item", use_float=True):
            number += 1
            yield _row(f"{file.name} record {number}", value)
    except (ijson.JSONError, UnicodeDecodeError, ValueError) as error:
        detail = f"the file breaks off here, what follows is not read: {_said(error)}"
        yield Skip(place=f"{file.name} record {number + 1}", reason="malformed", detail=detail)


def _said(error: Exception) -> str:
    """The first line of what the parser says; the others show the text."""
    said = error.args[0] if error.args else error
    lines = (said.decode(errors="replace") if isinstance(said, bytes) else str(said)).splitlines()
    return lines[0] if lines else type(error).__name__


def _row(place: str, value: Any) -> Row | Skip:
    if not isinstance(value, dict):
        detail = f"expected a JSON object in the array, found {type(value).__name__}"
        return Skip(place=place, reason="malformed", detail=detail)
    try:
        orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS)
    except TypeError as error:
        return Skip(place=place, reason="malformed", detail=str(error))
    return Row(place, value)


def _objects(file: SourceFile, settings: CorpusSettings) -> Iterator[Row | Skip]:
    """One record over many lines, or one on each line."""
    limit = row_bytes(settings)
    with file.path.open("rb") as content:
        pass_bom(content)
        line = content.readline(limit).strip()
        rest = _first(content)
    if rest and (line.endswith(b"}") and isinstance(load_object(file.name, line), dict)):
        yield from read_jsonl(file, settings)
        return
    if file.path.stat().st_size > limit:
        yield too_long(file.name, limit)
        return
    with file.path.open("rb") as content:
        pass_bom(content)
        value = load_object(file.name, content.read())
    yield Row(file.name, value) if isinstance(value, dict) else value


def _has_constants(content: BinaryIO) -> bool:
    """NaN or Infinity anywhere from here, in strings too: only such a file is worth the slower reading."""
    tail = b""
    while piece := content.read(_PIECE):
        if any(constant in tail + piece for constant in _CONSTANTS):
            return True
        tail = piece[-_MAY_GO_ON:]
    return False


class _WithoutConstants:
    """A file as ijson reads it, with null for each NaN and Infinity outside strings."""

    def __init__(self, content: BinaryIO) -> None:
        self._content = content
        self._rest = b""
        self._in_string = False

    def read(self, size: int = _PIECE) -> bytes:
        if size == 0:
            return b""
        while True:
            piece = self._content.read(_PIECE)
            done = self._replaced(self._rest + piece, last=not piece)
            if done or not piece:
                return done

    def _replaced(self, text: bytes, *, last: bool) -> bytes:
        end = len(text) if last else max(0, len(text) - _MAY_GO_ON)
        parts: list[bytes] = []
        start = 0
        for token in _TOKENS.finditer(text):
            if token.start() >= end:
                break
            found = token.group()
            if found == b'"':
                self._in_string = not self._in_string
            elif not self._in_string and not found.startswith(b"\\"):
                parts += [text[start : token.start()], b"null"]
                start = token.end()
            end = max(end, token.end())
        self._rest = text[max(start, end) :]
        return b"".join([*parts, text[start:end]])
