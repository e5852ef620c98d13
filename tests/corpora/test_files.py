"""Which rows become documents, what is said about the others, and what stops the reading of a corpus."""

from __future__ import annotations

import json
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from cluster_r1.core.errors import CorpusError
from cluster_r1.core.settings import CorpusSettings
from cluster_r1.corpora.files import read_documents
from cluster_r1.corpora.report import EXAMPLES_A_REASON, CorpusReport
from hypothesis import given
from hypothesis import strategies as st

Read = Callable[..., Any]

DATA = Path(__file__).parents[3] / "shared" / "data"
GOOD = b'{"id": "good", "text": "a good row"}\n'


def jsonl(*rows: object) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def test_a_row_becomes_a_document_with_its_other_columns_as_meta(read: Read) -> None:
    row = {"id": "1", "text": "Water came in.", "labels": {"theme": "water"}, "year": 2019, "note": None}
    [document] = read("corpus.jsonl", jsonl(row), gold="labels").documents
    assert (document.id, document.text) == ("1", "Water came in.")
    assert document.meta == {"labels": {"theme": "water"}, "year": 2019, "note": None}


def test_columns_go_by_the_settings(read: Read) -> None:
    reading = read("corpus.jsonl", jsonl({"case": 7, "facts": "Held.", "text": "other"}), id="case", text="facts")
    assert (reading.ids, reading.texts) == (["7"], ["Held."])
    assert reading.documents[0].meta == {"text": "other"}


def test_without_an_id_column_rows_are_numbered_and_bad_ones_counted(read: Read) -> None:
    reading = read("corpus.jsonl", jsonl({"text": "a", "id": 5}, {"text": ""}, {"text": "c"}), id=None)
    assert reading.ids == ["row-1", "row-3"]
    assert reading.documents[0].meta == {"id": 5}


@pytest.mark.parametrize(
    "text", ["İstanbul ﬁne e\u0301 é", "two\r\nlines", "a\u00a0 b\tc", "שלום 👩‍👩‍👧", "\ufeffmark", "\u200b"]
)
def test_a_text_is_kept_as_it_is_but_for_outer_white_space(read: Read, text: str) -> None:
    assert read("corpus.jsonl", jsonl({"id": "1", "text": f" \t{text}\r\n\u3000"})).texts == [text]


@pytest.mark.parametrize(
    ("line", "reason", "detail"),
    [
        (b'{"id": "1"}', "no_text", "no 'text' among 'id'"),
        (b'{"id": "1", "text": null}', "no_text", "'text'"),
        (b'{"id": "1", "text": 7}', "not_text", "int"),
        (b'{"id": "1", "text": ["a"]}', "not_text", "list"),
        (b'{"id": "1", "text": ""}', "empty", "empty"),
        (b'{"id": "1", "text": " \\n\\u00a0"}', "empty", "white space"),
        (b'{"id": "1", "text": "a\\u0000b"}', "nul", "at 1"),
        (b'{"id": "1\\u0000", "text": "a"}', "nul", "'id'"),
        (b'{"id": "1", "text": "a\0b"}', "nul", "NUL byte"),
        (b'{"id": "1", "text": "a\xffb"}', "not_utf8", "0xff"),
        (b'{"id": "1", "text": "\\ud800"}', "malformed", "surrogate"),
        (b'{"id": "1", "text": "a"', "malformed", "unexpected end"),
        (b'{"id": "1", "text": "a", "x": NaN', "malformed", "delimiter"),
        (b'{"id": "1", "text": "\\ud800", "x": NaN}', "malformed", "surrogate"),
        (b"[" * 5000, "malformed", ""),
        (b'{"id": "1", "text": "a", "x": ' + b"[" * 300 + b"]" * 300 + b"}", "malformed", "JSON"),
        (b'["a"]', "malformed", "list"),
        (b"\xef\xbb\xbf" + GOOD.strip(), "malformed", "BOM"),
        (b'{"text": "a"}', "no_id", "no 'id' among 'text'"),
        (b'{"id": null, "text": "a"}', "no_id", "'id'"),
        (b'{"id": "  ", "text": "a"}', "no_id", "empty"),
        (b'{"id": 1.5, "text": "a"}', "no_id", "float"),
        (b'{"id": true, "text": "a"}', "no_id", "bool"),
        (b'{"id": "good", "text": "again"}', "duplicate_id", "'good'"),
        (b'{"id": "1", "text": "' + b"x" * 101 + b'"}', "too_long", "101 characters"),
    ],
)
def test_a_bad_line_is_skipped_with_reason_place_and_detail(read: Read, line: bytes, reason: str, detail: str) -> None:
    content = GOOD + line + b'\n{"id": "last", "text": "x"}\n'
    reading = read("corpus.jsonl", content, max_characters=100)
    assert reading.ids == ["good", "last"]
    assert reading.places == [("corpus.jsonl:2", reason)]
    assert reading.report.skipped == {reason: 1}
    assert detail in reading.report.examples[0].detail
    with pytest.raises(CorpusError, match=rf"corpus.jsonl:2: {reason}.*on_bad"):
        read("corpus.jsonl", content, max_characters=100, on_bad="fail")


def test_the_id_of_a_skipped_row_is_free_for_a_later_one(read: Read) -> None:
    assert read("corpus.jsonl", jsonl({"id": "1", "text": ""}, {"id": "1", "text": "a"})).texts == ["a"]


def test_the_longest_text_allowed_is_kept_even_when_all_of_it_is_escaped(read: Read) -> None:
    text = "👍" * 2_000_000
    content = json.dumps({"id": "1", "text": text}).encode()
    assert len(content) > 16 * 1024 * 1024
    assert read("corpus.jsonl", content, max_characters=len(text)).texts == [text]


@pytest.mark.parametrize("end", [b"\n", b""])
def test_a_line_of_50_megabytes_is_skipped_without_being_held(read: Read, tmp_path: Path, end: bytes) -> None:
    path = tmp_path / "corpus.jsonl"
    with path.open("wb") as file:
        file.write(GOOD + b'{"id": "long", "text": "')
        for _ in range(50):
            file.write(b"x" * 1_000_000)
        file.write(b'"}' + end)
    tracemalloc.start()
    try:
        reading = read("corpus.jsonl")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert reading.places == [("corpus.jsonl:2", "too_long")]
    assert peak < 45_000_000


def test_byte_order_mark_line_ends_and_blank_lines_are_no_trouble(read: Read) -> None:
    reading = read(
        "corpus.jsonl",
        b"\xef\xbb\xbf" + jsonl({"id": "1", "text": "a"}).replace(b"\n", b"\r\n\r\n \t\n") + GOOD.strip(),
    )
    assert reading.texts == ["a", "a good row"]
    assert reading.report.read == 2


def test_nan_that_python_writes_is_read_as_null(read: Read) -> None:
    row = {"id": "1", "text": "NaN stays", "a": float("nan"), "b": [float("-inf")]}
    [document] = read("corpus.jsonl", jsonl(row)).documents
    assert (document.text, document.meta) == ("NaN stays", {"a": None, "b": [None]})


def test_examples_are_bounded_for_each_reason_and_counts_are_not(read: Read) -> None:
    rows = [{"id": str(n), "text": ""} for n in range(500)] + [
        {"id": "x" * 9000, "text": 1},
        {"id": "good", "text": "a"},
    ]
    report = read("corpus.jsonl", jsonl(*rows)).report
    assert report.skipped == {"empty": 500, "not_text": 1}
    assert len(report.examples) == EXAMPLES_A_REASON + 1
    assert CorpusReport.model_validate_json(report.to_json()) == report


def test_details_are_short_whatever_is_wrong(read: Read) -> None:
    row = {"id": "x" * 100_000, "text": "a", **{f"column {n} {'y' * 500}": n for n in range(500)}}
    report = read("corpus.jsonl", jsonl(row, row, {**row, "id": None})).report
    assert max(len(skip.detail) for skip in report.examples) <= 200


@pytest.mark.parametrize("rows", [3, 5000])
def test_a_text_column_that_no_row_has_is_named_with_the_columns_there_are(read: Read, rows: int) -> None:
    content = jsonl(*({"id": n, "body": "a"} for n in range(rows)))
    with pytest.raises(CorpusError, match=r"no column 'text', it has 'id', 'body'; set corpus\.text"):
        read("corpus.jsonl", content)


def test_a_missing_text_column_is_found_without_reading_the_corpus(tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").write_bytes(jsonl(*({"body": "a"} for _ in range(5000))))
    report = CorpusReport()
    with pytest.raises(CorpusError, match="'body'"):
        list(read_documents(CorpusSettings(source="corpus.jsonl"), tmp_path, report))
    assert report.read < 200


def test_an_id_column_that_is_missing_in_the_first_row_stops_the_reading(read: Read) -> None:
    with pytest.raises(
        CorpusError, match=r"corpus.jsonl:1 has no column 'id'.*it has 'text', 'number'; set corpus\.id.* null"
    ):
        read("corpus.jsonl", jsonl({"text": "a", "number": 1}))


def test_a_gold_column_that_no_row_has_stops_the_reading(read: Read) -> None:
    rows = jsonl({"id": 1, "text": "a"}, {"id": 2, "text": "b", "label": "x"})
    assert len(read("corpus.jsonl", rows, gold="label").documents) == 2
    with pytest.raises(CorpusError, match=r"'lable'; set corpus\.gold"):
        read("corpus.jsonl", rows, gold="lable")


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.jsonl", b""), ("a.jsonl", b"\n \n"), ("a.csv", b""), ("a.csv", b"id,text\r\n"), ("a.txt", b"\n")],
)
def test_a_corpus_without_rows_is_an_error(read: Read, name: str, content: bytes) -> None:
    with pytest.raises(CorpusError, match=f"'{name}' is empty"):
        read(name, content)


def test_a_corpus_without_documents_is_an_error_that_counts_the_reasons(read: Read) -> None:
    with pytest.raises(
        CorpusError, match=r"none of the 3 rows .*: malformed 2, empty 1; the first: a.jsonl:1: malformed"
    ):
        read("a.jsonl", b'{\n{"id": 1, "text": " "}\n[]\n')


def test_the_counts_hold_at_every_moment(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(
        jsonl({"id": 1, "text": "a"}, 3, {"id": 2, "text": "b"}, 4, {"id": 3, "text": "c"})
    )
    report = CorpusReport()
    documents = read_documents(CorpusSettings(source="a.jsonl"), tmp_path, report)
    assert [(document.id, report.read, report.kept) for document in documents] == [
        ("1", 1, 1),
        ("2", 3, 2),
        ("3", 5, 3),
    ]


def test_many_ids_are_told_apart(read: Read) -> None:
    rows = [{"id": n % 3000, "text": f"text {n}"} for n in range(6000)]
    reading = read("a.jsonl", b"".join(orjson.dumps(row) + b"\n" for row in rows))
    assert reading.ids == [str(n) for n in range(3000)]
    assert reading.report.skipped == {"duplicate_id": 3000}


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
ROWS = st.lists(
    st.fixed_dictionaries({}, optional={"id": VALUES, "text": VALUES, "other": st.lists(VALUES, max_size=2)})
    | st.binary(max_size=12),
    max_size=30,
)


@given(ROWS)
def test_whatever_a_file_holds_nothing_is_lost_and_nothing_is_changed(rows: list[dict[str, Any] | bytes]) -> None:
    lines = [row.replace(b"\n", b"") if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    first = {"id": "first", "text": "first"}
    report = CorpusReport()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a.jsonl").write_bytes(b"\n".join([json.dumps(first).encode(), *lines]))
        documents = list(read_documents(CorpusSettings(source="a.jsonl"), Path(folder), report))
    assert (
        report.read
        == report.kept + sum(report.skipped.values())
        == 1 + sum(not line.isspace() and line != b"" for line in lines)
    )
    assert len({document.id for document in documents}) == len(documents) == report.kept
    given_texts = [row["text"] for row in [first, *rows] if isinstance(row, dict) and isinstance(row.get("text"), str)]
    remaining = iter(text.strip() for text in given_texts)
    assert all(document.text in remaining for document in documents)
    json.dumps([document.meta for document in documents], allow_nan=False)


@pytest.mark.parametrize(
    "name", ["banking77", "clinc150", "dialog_arena", "echr_hudoc_shared", "sec10k_shared", "us_bills"]
)
def test_real_corpora_are_read_whole(name: str) -> None:
    path = DATA / f"{name}.jsonl"
    if not path.exists():
        pytest.skip(f"no real corpora at {DATA}")
    report = CorpusReport()
    corpus = CorpusSettings(source=str(path), gold="labels", max_characters=10_000_000)
    documents = list(read_documents(corpus, Path(), report))
    rows = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert not report.skipped
    assert [(d.id, d.text, d.meta["labels"]) for d in documents] == [
        (r["id"], r["text"].strip(), r["labels"]) for r in rows
    ]
