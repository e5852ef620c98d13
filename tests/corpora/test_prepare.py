"""The driver: any file of the shape in, one file of documents out, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cluster_r1.core.errors import CorpusError, SettingsError
from cluster_r1.core.gold import gold_label
from cluster_r1.core.settings import CorpusSettings
from cluster_r1.core.workspace import Workspace
from cluster_r1.corpora.english import looks_english
from cluster_r1.corpora.generic import RULES, Columns
from cluster_r1.corpora.kinds import KINDS, kind_of
from cluster_r1.corpora.lmsys import Lmsys
from cluster_r1.corpora.prepare import Limits, sources_of
from cluster_r1.corpora.rules import rules_off
from cluster_r1.corpora.seen import Seen
from cluster_r1.corpora.store import DocumentStore, ingest
from hypothesis import given
from hypothesis import strategies as st
from preparing import RAW, prepared

ROWS: list[dict[str, Any]] = [
    {"id": number, "text": f"Text number {number}.", "labels": {"topic": f"t{number % 2}"}, "kind": "a", "other": [1]}
    for number in range(5)
]


def test_what_is_prepared_is_what_synth_ingests(tmp_path: Path) -> None:
    done = prepared(lambda off: Columns(off, gold=["labels.topic", "kind"]), ROWS, tmp_path, out="out.parquet")
    settings = CorpusSettings(source="out.parquet", gold="labels")
    assert ingest(settings, Workspace(tmp_path)).kept == done.report.kept == 5
    (first, *_) = DocumentStore(Workspace(tmp_path).documents).rows([0])
    assert (first.id, first.text) == ("0", "Text number 0.")
    assert gold_label(first.meta, "labels", "topic") == "t0"
    assert gold_label(first.meta, "labels", "kind") == "a"
    assert first.meta["meta"]["place"].endswith("rows.jsonl:1")


@pytest.mark.skipif(not RAW.exists(), reason="the shared data is not there")
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("lmsys_like_sample.jsonl", "lmsys"),
        ("ECHR_sample.json", "echr"),
        ("ecthr2021_sample.jsonl", "echr"),
        ("10k_sample.json", "sp500"),
    ],
)
@pytest.mark.parametrize("out", ["out.parquet", "out.jsonl"])
def test_every_kind_can_be_ingested(tmp_path: Path, name: str, kind: str, out: str) -> None:
    done = prepared(make(kind), RAW / name, tmp_path, out=out)
    report = ingest(CorpusSettings(source=out, gold="labels"), Workspace(tmp_path))
    assert (report.kept, report.skipped) == (done.report.kept, {})


def make(kind: str) -> Any:
    from cluster_r1.corpora.echr import Echr
    from cluster_r1.corpora.sp500 import Sp500

    return {"lmsys": Lmsys, "echr": Echr, "sp500": Sp500}[kind]


def test_parquet_and_jsonl_say_the_same(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    lines = prepared(lambda off: Columns(off, gold=["kind"]), ROWS, tmp_path).documents
    prepared(lambda off: Columns(off, gold=["kind"]), ROWS, tmp_path, out="out.parquet")
    assert pq.read_table(tmp_path / "out.parquet").to_pylist() == lines


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    files = []
    for _ in range(2):
        prepared(Columns, ROWS, tmp_path, out="out.parquet")
        files.append([(tmp_path / name).read_bytes() for name in ("out.parquet", "out.report.json")])
    assert files[0] == files[1]


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".parquet", ".csv"])
def test_every_format_of_the_same_shape(tmp_path: Path, suffix: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [{"id": str(row["id"]), "text": row["text"]} for row in ROWS]
    path = tmp_path / f"rows{suffix}"
    if suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif suffix == ".csv":
        path.write_text("id,text\n" + "".join(f"{row['id']},{row['text']}\n" for row in rows))
    else:
        lines = [json.dumps(row) for row in rows]
        path.write_text("\n".join(lines) if suffix == ".jsonl" else f"[{', '.join(lines)}]")
    assert [document["id"] for document in prepared(Columns, path, tmp_path).documents] == list("01234")


def test_a_folder_that_datasets_can_load(tmp_path: Path) -> None:
    folder = tmp_path / "hub"
    folder.mkdir()
    (folder / "train.jsonl").write_text(
        "".join(json.dumps({"id": str(row["id"]), "text": row["text"]}) + "\n" for row in ROWS)
    )
    assert prepared(Columns, f"hf:{folder}", tmp_path).report.kept == 5


def test_rules_of_any_corpus(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"id": "1", "text": "One text."},
        {"id": "2", "text": " "},
        {"id": "3", "text": None},
        {"id": None, "text": "Three."},
        {"id": "4", "text": 7},
        {"id": ["5"], "text": "Five."},
        {"id": "1", "text": "Again."},
        {"id": "6", "text": "one  TEXT."},
        {"id": "7", "text": "Nul \0 in it."},
        {"id": "8", "text": "long " * 100},
        {"id": "9", "text": "token " * 15},
        {"text": "No id at all."},
    ]
    done = prepared(Columns, rows, tmp_path, limits=Limits(2, 20, 400))
    assert done.counts == {"unreadable": 3, "empty": 3, "duplicate": 2, "nul": 1, "too_long": 1, "tokens": 1}
    assert done.texts == ["One text."]
    assert prepared(Columns, rows, tmp_path, off=["duplicate", "tokens"], limits=Limits(2, 20, 400)).report.kept == 4


def test_rows_without_ids_are_numbered(tmp_path: Path) -> None:
    done = prepared(lambda off: Columns(off, identity=None), [{"text": "a"}, {"text": ""}, {"text": "b"}], tmp_path)
    assert [document["id"] for document in done.documents] == ["row-1", "row-3"]


def test_english_only_when_asked(tmp_path: Path) -> None:
    german = (
        "Der schnelle braune Fuchs springt über den faulen Hund und läuft dann weiter durch den Wald"
        " bis zum alten Haus."
    )
    rows = [{"id": "1", "text": german}, {"id": "2", "text": "It was the best of times, it was the worst of times."}]
    assert prepared(Columns, rows, tmp_path).report.kept == 2
    assert prepared(lambda off: Columns(off, english=True), rows, tmp_path).counts == {"not_english": 1}
    assert looks_english("42")


def test_another_shape_says_what_was_found_and_what_fits(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"conversation.*found 'id', 'text', 'labels'.*prepare files"):
        prepared(Lmsys, ROWS, tmp_path)
    filings = [{"cik": "1", "date": "2020-01-01", "item_2": "x"}] * 200
    with pytest.raises(CorpusError, match=r"`corpus prepare sp500` fits these"):
        prepared(Lmsys, filings, tmp_path)
    with pytest.raises(CorpusError, match=r"columns body, id; found 'id', 'text'.*--text, --id"):
        prepared(lambda off: Columns(off, text="body"), ROWS, tmp_path)
    with pytest.raises(CorpusError, match=r"no row has the gold label 'tpoic'"):
        prepared(lambda off: Columns(off, gold=["labels.tpoic"]), ROWS, tmp_path)
    assert not (tmp_path / "out.jsonl").exists()


def test_nothing_left_is_an_error_and_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").write_text("mine")
    with pytest.raises(CorpusError, match=r"none of the 2 texts is left: empty 2; the first: .*rows.jsonl:1"):
        prepared(Columns, [{"id": "1", "text": ""}] * 2, tmp_path)
    with pytest.raises(CorpusError, match="no row was read"):
        prepared(Columns, [], tmp_path)
    assert (tmp_path / "out.jsonl").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.jsonl", "rows.jsonl"]


def test_wrong_wishes(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"must end in .parquet or .jsonl, not '.csv'"):
        prepared(Columns, ROWS, tmp_path, out="out.csv")
    with pytest.raises(SettingsError, match="--min-tokens 9 is more than --max-tokens 3"):
        prepared(Columns, ROWS, tmp_path, limits=Limits(9, 3))
    with pytest.raises(SettingsError, match="did you mean 'duplicate'"):
        rules_off(RULES, ["duplicates"])
    with pytest.raises(SettingsError, match="cannot be turned off"):
        rules_off(RULES, ["unreadable"])
    with pytest.raises(SettingsError, match="needs a SOURCE"):
        sources_of(KINDS["files"], [])


def test_a_broken_row_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(ROWS[0]) + "\nnonsense\n" + json.dumps(ROWS[1]))
    done = prepared(Columns, path, tmp_path)
    assert (done.counts, done.report.rows, done.report.kept) == ({"unreadable": 1}, 3, 2)


def test_the_hub_data_sets_of_the_kinds() -> None:
    assert [one.source for one in sources_of(KINDS["lmsys"], [])] == ["hf:lmsys/lmsys-chat-1m"]
    assert [one.split for one in sources_of(KINDS["echr"], [])] == ["train", "validation", "test"]
    assert sources_of(KINDS["echr"], ["a", "b"], split="test")[1].split == "test"
    assert kind_of(["x", "case_id", "facts", "violated_articles"]) == "echr"
    assert kind_of(["x"]) is None


@given(st.lists(st.text(max_size=3)))
def test_seen_knows_what_came_before(values: list[str]) -> None:
    seen = Seen()
    assert [seen.add(value) for value in values] == [value not in values[:place] for place, value in enumerate(values)]


def test_seen_grows() -> None:
    seen = Seen()
    assert all(seen.add(str(number)) for number in range(5000))
    assert not any(seen.add(str(number)) for number in range(5000))
