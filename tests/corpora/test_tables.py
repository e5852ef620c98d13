"""Parquet files and data sets that the datasets library loads, from local folders."""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cluster_r1.core.errors import CorpusError

Read = Callable[..., Any]


def write(path: Path, **columns: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, row_group_size=300)


def test_parquet_rows_become_documents(read: Read, tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", id=list(range(1000)), text=[f"text {n}" for n in range(1000)], label=["x"] * 1000)
    reading = read("a.parquet", gold="label")
    assert reading.ids == [str(n) for n in range(1000)]
    assert reading.documents[-1].meta == {"label": "x"}


def test_bad_parquet_rows_are_skipped_by_their_number(read: Read, tmp_path: Path) -> None:
    texts = ["a", None, "  ", "b\0", "x" * 101, "c", "d"]
    write(tmp_path / "a.parquet", id=["1", "2", "3", "4", "5", "1", None], text=texts)
    reading = read("a.parquet", max_characters=100)
    assert reading.texts == ["a"]
    assert [skip.reason for skip in reading.report.examples] == [
        "no_text",
        "empty",
        "nul",
        "too_long",
        "duplicate_id",
        "no_id",
    ]
    assert [skip.place for skip in reading.report.examples] == [f"a.parquet row {n}" for n in range(2, 8)]


def test_a_parquet_string_that_is_no_utf8_costs_its_row_alone(read: Read, tmp_path: Path) -> None:
    texts = pa.array([b"a", b"\xff", b"c"], pa.binary()).view(pa.string())
    write(tmp_path / "a.parquet", id=["1", "2", "3"], text=texts)
    reading = read("a.parquet")
    assert (reading.texts, reading.places) == (["a", "c"], [("a.parquet row 2", "not_utf8")])


def test_a_date_that_python_does_not_know_costs_its_row_alone(read: Read, tmp_path: Path) -> None:
    times = pa.array([0, 10**17, 1], pa.int64()).cast(pa.timestamp("ms"))
    write(tmp_path / "a.parquet", id=["1", "2", "3"], text=["a", "b", "c"], time=times)
    reading = read("a.parquet")
    assert (reading.texts, reading.places) == (["a", "c"], [("a.parquet row 2", "malformed")])


def test_columns_that_json_has_no_type_for_are_made_safe(read: Read, tmp_path: Path) -> None:
    moment = dt.datetime(2020, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    write(
        tmp_path / "a.parquet",
        id=["1"],
        text=["a"],
        date=[dt.date(2020, 1, 2)],
        moment=[moment],
        nanoseconds=pa.array([1], pa.timestamp("ns")),
        length=[dt.timedelta(seconds=90)],
        price=[decimal.Decimal("1.50")],
        nan=[float("nan")],
        nested=[[{"x": float("inf")}]],
        words=[b"caf\xc3\xa9"],
        raw=[b"\xff\x00"],
        pairs=pa.array([[(1, "a")]], pa.map_(pa.int64(), pa.string())),
        nothing=[None],
    )
    [document] = read("a.parquet").documents
    assert document.meta == {
        "date": "2020-01-02",
        "moment": "2020-01-02T03:04:05+00:00",
        "nanoseconds": "1970-01-01T00:00:00.000000001",
        "length": "0:01:30",
        "price": "1.50",
        "nan": None,
        "nested": [{"x": None}],
        "words": "café",
        "raw": base64.b64encode(b"\xff\x00").decode(),
        "pairs": [[1, "a"]],
        "nothing": None,
    }


@pytest.mark.parametrize("content", [b"", b"PAR1", b"id,text\n1,a\n", b"PAR1" + b"x" * 100 + b"PAR1"])
def test_a_file_that_is_no_parquet_is_an_error(read: Read, content: bytes) -> None:
    with pytest.raises(CorpusError, match=r"a\.parquet cannot be read as Parquet"):
        read("a.parquet", content)


def test_a_damaged_parquet_file_is_an_error(read: Read, tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", id=["1"] * 900, text=[f"text {n}" for n in range(900)])
    content = bytearray((tmp_path / "a.parquet").read_bytes())
    content[4:400] = b"\xff" * 396
    with pytest.raises(CorpusError, match=r"a\.parquet cannot be read"):
        read("a.parquet", bytes(content))


def test_a_parquet_file_without_the_text_column_is_an_error(read: Read, tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", id=["1"], body=["a"])
    with pytest.raises(CorpusError, match=r"no column 'text', it has 'id', 'body'"):
        read("a.parquet")


def test_a_text_column_of_bytes_is_said_to_be_one(read: Read, tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", id=["1"], text=[b"a"])
    with pytest.raises(CorpusError, match=r"not_text.*of type bytes"):
        read("a.parquet")


def test_a_folder_of_parquet_loads_through_datasets(read: Read, tmp_path: Path) -> None:
    write(tmp_path / "set" / "train-0.parquet", id=[1, 2, 3], text=["a", "b", None], label=["x", "y", "z"])
    write(tmp_path / "set" / "test-0.parquet", id=[9], text=["t"], label=["x"])
    reading = read("hf:set", gold="label")
    assert (reading.ids, reading.documents[1].meta) == (["1", "2"], {"label": "y"})
    assert reading.places == [(f"{tmp_path}/set row 3", "no_text")]
    assert read(f"hf:{tmp_path}/set", split="test").texts == ["t"]


def test_a_folder_of_jsonl_loads_through_datasets(read: Read, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    lines = [{"id": "1", "text": "a", "when": "2020-01-01"}, {"id": "2", "text": "b", "when": None}]
    (tmp_path / "set" / "train.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert read("hf:set").texts == ["a", "b"]


@pytest.mark.parametrize("wrong", [{"split": "nowhere"}, {"config": "nothing"}])
def test_what_datasets_refuses_is_an_error_that_names_the_keys(
    read: Read, tmp_path: Path, wrong: dict[str, str]
) -> None:
    write(tmp_path / "set" / "train-0.parquet", id=[1], text=["a"])
    with pytest.raises(CorpusError, match=rf"{next(iter(wrong.values()))}.*corpus\.split"):
        read("hf:set", **wrong)


def test_a_broken_row_in_a_data_set_is_an_error(read: Read, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "train.jsonl").write_text('{"id": "1", "text": "a"}\n{broken\n')
    with pytest.raises(CorpusError, match=r"set' .*cannot be read"):
        read("hf:set")
