"""The corpus in the workspace: written whole or not at all, not read twice, and read back in pieces."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cluster_r1.core.documents import Document
from cluster_r1.core.errors import CorpusError, WorkspaceError
from cluster_r1.core.settings import CorpusSettings
from cluster_r1.core.workspace import Workspace, read_json
from cluster_r1.corpora.store import DocumentStore, ingest
from hypothesis import given
from hypothesis import strategies as st

SETTINGS = CorpusSettings(source="corpus.jsonl", gold="labels")
COUNT = 2500


def document(number: int) -> Document:
    return Document(
        id=f"d{number}", text=f"Text {number} é\n{'x' * (number % 50)}.", meta={"labels": {"n": number % 7}}
    )


def write_corpus(workspace: Workspace, numbers: Sequence[int], extra: str = "") -> None:
    rows = [{"id": d.id, "text": d.text, **d.meta} for d in map(document, numbers)]
    content = "".join(json.dumps(row) + "\n" for row in rows) + extra
    (workspace.root / "corpus.jsonl").write_text(content, encoding="utf-8")


def written(workspace: Workspace) -> tuple[int, int]:
    """Which file the documents lie in, and since when."""
    stat = workspace.documents.stat()
    return stat.st_ino, stat.st_mtime_ns


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path)
    write_corpus(workspace, range(COUNT))
    return workspace


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> DocumentStore:
    workspace = Workspace(tmp_path_factory.mktemp("store"))
    write_corpus(workspace, range(COUNT))
    ingest(SETTINGS, workspace)
    return DocumentStore(workspace.documents)


def test_documents_are_written_with_their_keys(workspace: Workspace) -> None:
    ingest(SETTINGS, workspace)
    table = pq.read_table(workspace.documents)
    assert {field.name: str(field.type) for field in table.schema} == {
        "id": "string",
        "text": "string",
        "meta": "string",
        "key": "uint64",
    }
    wanted = [document(number) for number in range(COUNT)]
    assert table["key"].to_pylist() == [d.key for d in wanted]
    assert [json.loads(meta) for meta in table["meta"].to_pylist()] == [d.meta for d in wanted]
    groups = pq.read_metadata(workspace.documents)
    assert [groups.row_group(g).num_rows for g in range(groups.num_row_groups)] == [1024, 1024, 452]


def test_the_report_is_stored_beside_the_documents(workspace: Workspace) -> None:
    write_corpus(workspace, range(3), '{"id": "d0", "text": "again"}\n')
    report = ingest(SETTINGS, workspace)
    stored = read_json(workspace.corpus / "report.json")
    assert stored == report.model_dump(mode="json")
    assert (stored["source"], stored["read"], stored["kept"], stored["files"]) == ("corpus.jsonl", 4, 3, 1)
    assert stored["skipped"] == {"duplicate_id": 1}
    assert stored["examples"][0]["place"] == "corpus.jsonl:4"


def test_long_documents_make_smaller_groups(workspace: Workspace) -> None:
    rows = [{"id": n, "text": "x" * 9_000_000, "other": "y" * (9_000_000 if n == 5 else 0)} for n in range(6)]
    (workspace.root / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    ingest(CorpusSettings(source="corpus.jsonl", max_characters=10_000_000), workspace)
    groups = pq.read_metadata(workspace.documents)
    assert [groups.row_group(g).num_rows for g in range(groups.num_row_groups)] == [4, 2]
    assert [d.id for d in DocumentStore(workspace.documents).rows([5, 0, 4])] == ["5", "0", "4"]


def test_progress_is_told_every_row_read(workspace: Workspace) -> None:
    write_corpus(workspace, range(COUNT), "broken\n" * 30)
    steps: list[int] = []
    report = ingest(SETTINGS, workspace, steps.append)
    assert sum(steps) == report.read == COUNT + 30
    assert len(steps) > 2


def test_an_unchanged_corpus_is_not_read_again(workspace: Workspace) -> None:
    first = ingest(SETTINGS, workspace)
    before = written(workspace)
    steps: list[int] = []
    assert ingest(SETTINGS, workspace, steps.append) == first
    assert steps == []
    assert written(workspace) == before


def test_a_changed_source_is_read_again(workspace: Workspace) -> None:
    ingest(SETTINGS, workspace)
    write_corpus(workspace, range(7))
    assert ingest(SETTINGS, workspace).kept == 7
    assert len(DocumentStore(workspace.documents)) == 7


def test_changed_settings_are_applied(workspace: Workspace) -> None:
    ingest(SETTINGS, workspace)
    ingest(SETTINGS.model_copy(update={"id": None}), workspace)
    assert DocumentStore(workspace.documents).rows([0])[0].id == "row-1"


@pytest.mark.parametrize("damage", ["no report", "no documents", "broken report", "broken documents"])
def test_what_is_damaged_is_made_anew(workspace: Workspace, damage: str) -> None:
    first = ingest(SETTINGS, workspace)
    path = workspace.documents if "documents" in damage else workspace.corpus / "report.json"
    if damage.startswith("no"):
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-20])
    assert ingest(SETTINGS, workspace) == first
    assert len(DocumentStore(workspace.documents)) == COUNT


def test_documents_of_another_reading_than_the_report_are_made_anew(workspace: Workspace) -> None:
    """A crash between the two renames leaves new documents beside the old report; then the source goes back."""
    source, report = workspace.root / "corpus.jsonl", workspace.corpus / "report.json"
    ingest(SETTINGS, workspace)
    old_source, old_stat, old_report = source.read_bytes(), source.stat(), report.read_bytes()
    write_corpus(workspace, range(COUNT, 2 * COUNT))
    ingest(SETTINGS, workspace)
    report.write_bytes(old_report)
    source.write_bytes(old_source)
    os.utime(source, ns=(old_stat.st_atime_ns, old_stat.st_mtime_ns))
    ingest(SETTINGS, workspace)
    assert DocumentStore(workspace.documents).rows([0])[0].id == "d0"


@pytest.mark.parametrize(
    ("change", "message"), [({"on_bad": "fail"}, "malformed"), ({"gold": "nothing"}, "gold"), ({"text": "x"}, "text")]
)
def test_a_failed_ingest_leaves_what_was_there(workspace: Workspace, change: dict[str, Any], message: str) -> None:
    first = ingest(SETTINGS, workspace)
    write_corpus(workspace, range(2000), "broken\n")
    with pytest.raises(CorpusError, match=message):
        ingest(SETTINGS.model_copy(update=change), workspace)
    assert len(DocumentStore(workspace.documents)) == COUNT
    assert sorted(path.name for path in workspace.corpus.iterdir()) == ["documents.parquet", "report.json"]
    write_corpus(workspace, range(COUNT))
    assert ingest(SETTINGS, workspace).kept == first.kept


def test_a_corpus_without_rows_stores_nothing(workspace: Workspace) -> None:
    (workspace.root / "corpus.jsonl").write_text("")
    with pytest.raises(CorpusError, match="empty"):
        ingest(SETTINGS, workspace)
    assert not workspace.documents.exists()


def test_a_folder_that_datasets_loads_is_read_again_when_it_changes(workspace: Workspace) -> None:
    folder = workspace.root / "set"
    folder.mkdir()
    pq.write_table(pa.table({"id": [1, 2], "text": ["a", "b"]}), folder / "train.parquet")
    corpus = CorpusSettings(source="hf:set")
    assert ingest(corpus, workspace).kept == 2
    before = written(workspace)
    ingest(corpus, workspace)
    assert written(workspace) == before
    pq.write_table(pa.table({"id": [1, 2, 3], "text": ["a", "b", "c"]}), folder / "train.parquet")
    assert ingest(corpus, workspace).kept == 3


def test_a_store_knows_its_length_and_keys(store: DocumentStore) -> None:
    assert len(store) == COUNT
    keys = store.keys()
    assert keys.dtype == np.uint64
    assert keys.tolist() == [document(number).key for number in range(COUNT)]
    with pytest.raises(ValueError, match="read-only"):
        keys[0] = 1


@pytest.mark.parametrize("size", [1, 250, 1024, 1500, COUNT, 10_000])
def test_batches_are_full_but_for_the_last(store: DocumentStore, size: int) -> None:
    batches = list(store.batches(size))
    assert all(len(batch) == size for batch in batches[:-1])
    assert [d for batch in batches for d in batch] == [document(number) for number in range(COUNT)]


@given(st.lists(st.integers(0, COUNT - 1), max_size=40))
def test_rows_come_in_the_order_asked_for(store: DocumentStore, rows: list[int]) -> None:
    assert store.rows(rows) == [document(number) for number in rows]


def test_rows_may_be_asked_for_in_any_integers(store: DocumentStore) -> None:
    assert store.rows(np.array([2400, 3])) == store.rows((2400, 3)) == [document(2400), document(3)]
    assert store.rows([]) == store.rows(range(0)) == []


def test_without_meta_there_are_ids_and_texts_alone(store: DocumentStore) -> None:
    wanted = document(2000)
    assert store.rows([2000], meta=False) == [Document(id=wanted.id, text=wanted.text)]
    assert store.rows([2000]) == [wanted]
    assert next(store.batches(1, meta=False)) == [Document(id="d0", text=document(0).text)]


@pytest.mark.parametrize("row", [-1, COUNT, 10**9])
def test_a_row_that_is_not_there_is_an_index_error(store: DocumentStore, row: int) -> None:
    with pytest.raises(IndexError, match=rf"no row {row}.* 0 to {COUNT - 1}"):
        store.rows([0, row])


def test_threads_may_share_a_store(store: DocumentStore) -> None:
    asked = [[(17 * n + 911 * k) % COUNT for k in range(5)] for n in range(200)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(store.rows, asked))
    assert found == [[document(number) for number in rows] for rows in asked]


def test_an_open_store_shows_the_documents_it_was_opened_on(workspace: Workspace) -> None:
    ingest(SETTINGS, workspace)
    store = DocumentStore(workspace.documents)
    write_corpus(workspace, range(5000, 5003))
    ingest(SETTINGS, workspace)
    assert store.rows([0, COUNT - 1]) == [document(0), document(COUNT - 1)]
    assert len(DocumentStore(workspace.documents)) == 3


def test_a_store_that_is_not_there_or_damaged_is_a_workspace_error(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="there is no"):
        DocumentStore(tmp_path / "documents.parquet")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    with pytest.raises(WorkspaceError, match="damaged"):
        DocumentStore(tmp_path / "broken.parquet")
    pq.write_table(pa.table({"id": ["1"]}), tmp_path / "other.parquet")
    with pytest.raises(WorkspaceError, match="another version"):
        DocumentStore(tmp_path / "other.parquet")
