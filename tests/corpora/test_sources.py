"""What corpus.source can name, in which order it is read, and what is said when nothing is there."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cluster_r1.core.errors import CorpusError
from cluster_r1.core.settings import CorpusSettings
from cluster_r1.corpora.sources import find_source

Read = Callable[..., Any]


def write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode())


def row(document_id: str) -> str:
    return json.dumps({"id": document_id, "text": f"text of {document_id}"}) + "\n"


def test_an_absolute_path_is_read_wherever_the_workspace_is(read: Read, tmp_path: Path) -> None:
    write(tmp_path / "elsewhere.jsonl", row("1"))
    assert read(str(tmp_path / "elsewhere.jsonl")).ids == ["1"]


def test_a_named_format_goes_before_the_suffix(read: Read) -> None:
    assert read("rows.dat", row("1").encode(), format="jsonl").ids == ["1"]
    with pytest.raises(CorpusError, match=r"rows.dat cannot be told from its name; set corpus\.format"):
        read("rows.dat")


def test_a_text_file_has_a_document_on_each_line(read: Read) -> None:
    reading = read("notes.txt", b"\xef\xbb\xbfone \r\n\r\n two\n\xff\n\0\nlast")
    assert reading.texts == ["one", "two", "last"]
    assert reading.ids == ["line-1", "line-3", "line-6"]
    assert reading.places == [("notes.txt:4", "not_utf8"), ("notes.txt:5", "nul")]


def test_a_folder_of_texts_has_a_document_in_each_file(read: Read, tmp_path: Path) -> None:
    write(tmp_path / "texts" / "b.txt", "\ufeffSecond.\r\nStill second.\n")
    write(tmp_path / "texts" / "a" / "x.md", "# First\n")
    write(tmp_path / "texts" / "c.txt", "\n \n")
    write(tmp_path / "texts" / "d.txt", "x" * 101)
    write(tmp_path / "texts" / ".hidden" / "e.txt", "hidden")
    write(tmp_path / "texts" / "picture.png", "no text")
    (tmp_path / "texts" / "f.txt").write_bytes(b"caf\xe9")
    reading = read("texts", gold="folder", max_characters=100)
    assert reading.texts == ["# First", "Second.\r\nStill second."]
    assert reading.ids == ["a/x.md", "b.txt"]
    assert [document.meta for document in reading.documents] == [{"folder": "a"}, {"folder": "."}]
    assert reading.places == [("texts/c.txt", "empty"), ("texts/d.txt", "too_long"), ("texts/f.txt", "not_utf8")]
    assert (reading.report.files, reading.report.passed_over) == (5, 1)
    assert read("texts", id=None, max_characters=100).ids == ["row-1", "row-2"]


def test_a_text_file_of_many_megabytes_is_skipped(read: Read, tmp_path: Path) -> None:
    write(tmp_path / "texts" / "a.txt", "a")
    write(tmp_path / "texts" / "b.txt", "x" * 20_000_000)
    assert read("texts").places == [("texts/b.txt", "too_long")]


def test_data_files_of_a_folder_go_before_its_texts(read: Read, tmp_path: Path) -> None:
    write(tmp_path / "data" / "README.md", "About this corpus.")
    write(tmp_path / "data" / "b.JSONL", row("1"))
    write(tmp_path / "data" / "a" / "x.csv", "id,text\n2,b\n1,again\n")
    reading = read("data")
    assert reading.ids == ["2", "1"]
    assert reading.places == [("data/b.JSONL:1", "duplicate_id")]
    assert (reading.report.files, reading.report.passed_over) == (2, 1)
    assert read("data", format="text").texts == ["About this corpus."]
    assert read("data", format="csv").ids == ["2", "1"]


def test_a_glob_reads_what_it_matches(read: Read, tmp_path: Path) -> None:
    write(tmp_path / "data" / "2019" / "a.jsonl", row("1"))
    write(tmp_path / "data" / "2020" / "b.jsonl", row("2"))
    write(tmp_path / "data" / "2020" / "c.csv", "id,text\n3,c\n")
    assert read("data/*/*.jsonl").ids == ["1", "2"]
    assert read("data/**/*.*").ids == ["1", "2", "3"]
    assert read(f"{tmp_path}/data/20[12]0/?.jsonl").ids == ["2"]


def test_ids_of_text_files_begin_where_the_glob_begins_to_vary(read: Read, tmp_path: Path) -> None:
    write(tmp_path / "texts" / "sport" / "1", "a")
    write(tmp_path / "texts" / "news" / "1", "b")
    reading = read("texts/*/*", format="text", gold="folder")
    assert reading.ids == ["news/1", "sport/1"]
    assert [document.meta["folder"] for document in reading.documents] == ["news", "sport"]


def test_brackets_in_the_workspace_path_are_no_pattern(tmp_path: Path) -> None:
    root = tmp_path / "corpus [2020]"
    write(root / "data" / "a.jsonl", row("1"))
    assert [file.name for file in find_source(CorpusSettings(source="data/*"), root).files] == ["data/a.jsonl"]
    assert find_source(CorpusSettings(source="data/a.jsonl"), root).files[0].name == "data/a.jsonl"


def test_what_the_project_wrote_itself_is_not_read(read: Read, tmp_path: Path) -> None:
    write(tmp_path / "corpus" / "mine.jsonl", row("1"))
    write(tmp_path / "corpus" / "documents.parquet", "not to be opened")
    assert read("corpus").ids == read("corpus/*").ids == ["1"]


def test_a_file_name_that_is_no_utf8_gives_a_readable_id(read: Read, tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/texts/caf\xe9.txt")).write_text("a")
    assert read("texts").ids == ["caf\ufffd.txt"]


def test_a_path_below_home_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path / "a.jsonl", row("1"))
    assert find_source(CorpusSettings(source="~/a.jsonl"), Path("/nowhere")).files[0].path == tmp_path / "a.jsonl"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("nothing.jsonl", r"'nothing.jsonl' is no file, no folder and no glob"),
        ("data/*.parquet", r"no glob that matches"),
        ("empty", r"no file that ends in .jsonl .ndjson .json .csv .parquet .txt .md; .*empty/\*\*/\*"),
        ("hf:", r"hf:NAME"),
        ("x" * 5000, r"cannot be looked up"),
    ],
)
def test_a_source_that_is_not_there_is_an_error_that_says_what_to_do(
    read: Read, tmp_path: Path, source: str, said: str
) -> None:
    write(tmp_path / "data" / "a.jsonl", row("1"))
    write(tmp_path / "empty" / "picture.png", "")
    with pytest.raises(CorpusError, match=said):
        read(source)


def test_a_fingerprint_changes_with_settings_and_files_alone(tmp_path: Path) -> None:
    path = tmp_path / "data" / "a.jsonl"
    write(path, row("1"))

    def fingerprint(**settings: Any) -> str:
        corpus = CorpusSettings(**{"source": "data", **settings})
        return find_source(corpus, tmp_path).fingerprint(corpus)

    first = fingerprint()
    assert fingerprint() == first
    assert fingerprint(id=None) != first
    write(tmp_path / "data" / "b.jsonl", row("2"))
    second = fingerprint()
    assert second != first
    os.utime(path, ns=(0, 0))
    assert fingerprint() != second
