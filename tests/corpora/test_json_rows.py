"""JSON files: arrays read in pieces, one record a file, and every way they break."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from cluster_r1.core.errors import CorpusError
from cluster_r1.core.settings import CorpusSettings
from cluster_r1.corpora.json_rows import read_json
from cluster_r1.corpora.report import Skip
from cluster_r1.corpora.rows import Row, SourceFile
from hypothesis import given
from hypothesis import strategies as st

Read = Callable[..., Any]

ROWS = [{"id": "1", "text": "one"}, {"id": "2", "text": "two"}]


def test_an_array_of_records(read: Read) -> None:
    assert read("a.json", json.dumps(ROWS).encode()).texts == ["one", "two"]


def test_one_record_a_file(read: Read, tmp_path: Any) -> None:
    (tmp_path / "cases").mkdir()
    for row in ROWS:
        (tmp_path / "cases" / f"{row['id']}.json").write_text(json.dumps(row, indent=2))
    assert read("cases").ids == ["1", "2"]


def test_several_records_are_read_as_lines(read: Read) -> None:
    assert read("a.json", b"\n".join(json.dumps(row).encode() for row in ROWS)).ids == ["1", "2"]


def test_a_byte_order_mark_is_no_part_of_it(read: Read) -> None:
    assert read("a.json", b"\xef\xbb\xbf \n" + json.dumps(ROWS).encode()).ids == ["1", "2"]


def test_json_files_count_only_where_no_other_data_is(read: Read, tmp_path: Any) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "dataset_info.json").write_text("{}")
    (tmp_path / "data" / "last.report.json").write_text("{}")
    (tmp_path / "data" / "rows.jsonl").write_text(json.dumps(ROWS[0]))
    done = read("data")
    assert (done.ids, done.report.passed_over) == (["1"], 1)


@pytest.mark.parametrize("content", [b"", b" \n", b"[]", b"[ ]"])
def test_an_empty_file_is_an_empty_corpus(read: Read, content: bytes) -> None:
    with pytest.raises(CorpusError, match="is empty"):
        read("a.json", content)


def test_what_is_no_object_is_skipped(read: Read) -> None:
    done = read("a.json", json.dumps([1, "x", ["y"], None, ROWS[0]]).encode())
    assert done.ids == ["1"]
    assert done.places == [(f"a.json record {number}", "malformed") for number in (1, 2, 3, 4)]


@pytest.mark.parametrize("end", [b'{"id": "3", "te', b'{"id": }', b"nonsense", b'{"id": "\xff"}]', b""])
def test_rows_before_a_break_stay(read: Read, end: bytes) -> None:
    done = read("a.json", json.dumps(ROWS).encode()[:-1] + b"," + end)
    assert done.ids == ["1", "2"]
    assert done.places == [("a.json record 3", "malformed")]
    assert "breaks off here" in done.report.examples[0].detail


@pytest.mark.parametrize("content", [b"nonsense", b'"text"', b"7", b'{"id": "1"', b"\xff\xfe["])
def test_what_is_no_json_is_skipped(read: Read, content: bytes) -> None:
    with pytest.raises(CorpusError, match=r"malformed 1|not_utf8 1"):
        read("a.json", content)


def test_nan_is_null(read: Read) -> None:
    rows = [ROWS[0] | {"n": math.nan, "m": [-math.inf, math.inf], "t": 'NaN "Infinity" \\'}, ROWS[1]]
    done = read("a.json", json.dumps(rows).encode())
    assert done.documents[0].meta == {"n": None, "m": [None, None], "t": 'NaN "Infinity" \\'}
    assert read("b.json", json.dumps(rows[0], indent=1).encode()).documents[0].meta["n"] is None


def test_a_record_that_is_too_long_is_not_read(read: Read) -> None:
    with pytest.raises(CorpusError, match="too_long 1"):
        read("a.json", json.dumps(ROWS[0] | {"filler": "x" * 17_000_000}, indent=1).encode())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=True) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


def without_constants(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: without_constants(inner) for key, inner in value.items()}
    return [without_constants(inner) for inner in value] if isinstance(value, list) else value


@given(st.lists(st.dictionaries(st.text(max_size=5), JSON, max_size=4), max_size=5), st.booleans())
def test_what_python_writes_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Any], ascii_only: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "written.json"
    path.write_text(json.dumps(rows, ensure_ascii=ascii_only), encoding="utf-8", errors="surrogatepass")
    found = list(read_json(SourceFile(path, "a", "a", "json"), CorpusSettings(source="a")))
    assert [row.values for row in found if isinstance(row, Row)] == without_constants(rows)


@given(st.binary(max_size=200), st.sampled_from([b"", b"[", b"{", b'[{"a":', b'{"a":1}\n']))
def test_no_bytes_break_it(tmp_path_factory: pytest.TempPathFactory, content: bytes, start: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_bytes(start + content)
    found = list(read_json(SourceFile(path, "a", "a", "json"), CorpusSettings(source="a")))
    assert all(isinstance(row, Row | Skip) for row in found)
