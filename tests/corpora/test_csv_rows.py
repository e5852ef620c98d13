"""CSV: quotes, line ends, and rows that are broken in the middle of a good file."""

from __future__ import annotations

import csv
import io
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cluster_r1.core.errors import CorpusError
from cluster_r1.core.settings import CorpusSettings
from cluster_r1.corpora.files import read_documents
from cluster_r1.corpora.report import CorpusReport
from hypothesis import given, settings
from hypothesis import strategies as st

Read = Callable[..., Any]


def test_columns_are_strings_and_the_others_are_meta(read: Read) -> None:
    [document] = read("a.csv", b"id,text,label,n\r\n1,Water,flood,3\r\n", gold="label").documents
    assert (document.id, document.text, document.meta) == ("1", "Water", {"label": "flood", "n": "3"})


def test_nested_quotes_and_line_ends_in_fields_are_kept(read: Read) -> None:
    content = b'id,text,x\n1,"She said ""no, never""\r\nand left.\n\nTwice.",a\n2,"plain, with comma",b\n'
    reading = read("a.csv", content)
    assert reading.texts == ['She said "no, never"\r\nand left.\n\nTwice.', "plain, with comma"]


def test_a_byte_order_mark_blank_lines_and_a_missing_last_line_end_are_no_trouble(read: Read) -> None:
    reading = read("a.csv", b"\xef\xbb\xbf\r\nid,text\r\n\r\n1,a\r\n  \r\n2,b")
    assert (reading.ids, reading.report.read) == (["1", "2"], 2)


def test_a_field_of_a_megabyte_is_read(read: Read) -> None:
    text = "long, " * 200_000
    assert read("a.csv", f'id,text\n1,"{text}"\n'.encode(), max_characters=2_000_000).texts == [text.strip()]


@pytest.mark.parametrize(
    ("line", "reason", "detail"),
    [
        (b"1,b", "malformed", "2 fields where the first line names 3"),
        (b"1,one, two,x", "malformed", "4 fields"),
        (b'1,"a"b,x', "malformed", "expected after"),
        (b"1,a\rb,x", "malformed", "new-line"),
        (b"1,a\xff,x", "not_utf8", "0xff"),
        (b"1,a\0b,x", "nul", "NUL"),
        (b"1,,x", "empty", "empty"),
        (b'1," \n ",x', "empty", "white space"),
        (b",a,x", "no_id", "empty"),
        (b"good,a,x", "duplicate_id", "'good'"),
        (b'1,"' + b"x" * 200 + b'",x', "too_long", "200 characters"),
        (b'1,"never closed,x', "malformed", "never closed"),
        (b'1,never opened",x\n2,5" pipe,x', "", ""),
    ],
)
def test_a_bad_row_is_skipped_alone(read: Read, line: bytes, reason: str, detail: str) -> None:
    content = b"id,text,x\ngood,a,b\n" + line + b'\nnext,"b",c\nlast,c,d\n'
    reading = read("a.csv", content, max_characters=100)
    assert reading.ids == ["good", *(() if reason else ("1", "2")), "next", "last"]
    assert reading.places == ([("a.csv:3", reason)] if reason else [])
    assert all(detail in skip.detail for skip in reading.report.examples)


def test_two_fields_that_are_not_closed_cost_two_rows(read: Read) -> None:
    reading = read("a.csv", b'id,text\n1,"a\n2,b\n3,c\n4,"d\n5,e\n6,"f"\n')
    assert reading.ids == ["2", "3", "5", "6"]
    assert reading.places == [("a.csv:2", "malformed"), ("a.csv:5", "malformed")]


def test_places_count_the_lines_of_records(read: Read) -> None:
    reading = read("a.csv", b'id,text\n1,"a\nb\nc"\n2,\n\n3,"\n"\n4,x\n')
    assert reading.places == [("a.csv:5", "empty"), ("a.csv:7", "empty")]


@pytest.mark.parametrize("inner", [b"x" * 1_000_000, b"x, " * 333_333, (b'x "", ' * 1000 + b"\n") * 140])
@pytest.mark.parametrize("quote", [b'"', b""])
def test_a_record_of_50_megabytes_is_skipped_without_being_held(
    read: Read, tmp_path: Path, inner: bytes, quote: bytes
) -> None:
    if not quote:
        inner = inner.replace(b"\n", b" ").replace(b'"', b"")
    with (tmp_path / "a.csv").open("wb") as file:
        file.write(b"id,text\ngood,a\nlong," + quote)
        file.writelines(inner for _ in range(50))
        file.write(quote + b"\nlast,b\n")
    tracemalloc.start()
    try:
        reading = read("a.csv")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert reading.ids == ["good", "last"]
    assert reading.places == [("a.csv:3", "too_long")]
    assert peak < 60_000_000


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (b"id,body\n1,a\n", r"no column 'text', it has 'id', 'body'"),
        (b"id;text\n1;a\n", r"no column 'text', it has 'id;text'"),
        (b"number,text\n1,a\n", r"no column 'id' for the id, it has 'number', 'text'"),
        (b"id,text,text\n1,a,b\n", r"'text' twice"),
        ("id,text\n1,a\n".encode("utf-16"), r"first line.*UTF-8"),
        (b"id,text\r1,a\r", r"first line.*new-line"),
        (b'id,"text\n1,a\n', r"first line.*never closed"),
    ],
)
def test_a_header_that_cannot_be_used_stops_the_reading(read: Read, header: bytes, said: str) -> None:
    with pytest.raises(CorpusError, match=said):
        read("a.csv", header)


FIELDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
FILES = st.lists(st.tuples(FIELDS, FIELDS), max_size=12)


def read_bytes(content: bytes) -> tuple[list[tuple[str, str, str]], CorpusReport]:
    report = CorpusReport()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a.csv").write_bytes(b"id,text,x\nfirst,first,\n" + content)
        documents = list(read_documents(CorpusSettings(source="a.csv"), Path(folder), report))
    assert report.read == report.kept + sum(report.skipped.values())
    return [(document.id, document.text, document.meta["x"]) for document in documents], report


@given(FILES, st.sampled_from(["\r\n", "\n"]))
def test_what_the_csv_module_writes_is_read_back(rows: list[tuple[str, str]], end: str) -> None:
    file = io.StringIO(newline="")
    written = [(f"id {number}", *row) for number, row in enumerate(rows)]
    csv.writer(file, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(written)
    kept, report = read_bytes(file.getvalue().encode())
    assert kept[1:] == [(number, text.strip(), x) for number, text, x in written if text.strip()]
    assert report.skipped.get("empty", 0) == report.read - report.kept


@given(
    st.lists(
        st.sampled_from([b'"', b",", b"\n", b"\r", b"a", b" ", b"\xff", b"\0", b'1,a,"b"\n', b"2,c,d\n"]), max_size=40
    )
)
@settings(max_examples=300)
def test_any_bytes_are_read_to_their_end(pieces: list[bytes]) -> None:
    kept, _ = read_bytes(b"".join(pieces) + b"\nlast,the end,x\n")
    assert kept[-1] == ("last", "the end", "x") or b'"' in b"".join(pieces)
