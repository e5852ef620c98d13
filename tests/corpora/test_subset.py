"""A part of a corpus behaves as a corpus of its own would."""

from __future__ import annotations

import json

import numpy as np
import pytest
from cluster_r1.core.settings import CorpusSettings
from cluster_r1.core.workspace import Workspace
from cluster_r1.corpora.sampling import diverse_sample, random_rows
from cluster_r1.corpora.store import DocumentStore, ingest
from cluster_r1.corpora.subset import DocumentSubset
from hypothesis import given
from hypothesis import strategies as st

COUNT = 2500  # three row groups


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> DocumentStore:
    root = tmp_path_factory.mktemp("corpus")
    lines = (json.dumps({"id": f"d{n}", "text": f"Text number {n}.", "even": n % 2 == 0}) for n in range(COUNT))
    (root / "texts.jsonl").write_text("\n".join(lines))
    workspace = Workspace(root)
    ingest(CorpusSettings(source="texts.jsonl"), workspace)
    return DocumentStore(workspace.documents)


@given(rows=st.lists(st.integers(0, COUNT - 1), max_size=40), size=st.integers(1, 50), data=st.data())
def test_it_shows_its_rows_as_the_corpus_does(
    store: DocumentStore, rows: list[int], size: int, data: st.DataObject
) -> None:
    subset = DocumentSubset(store, rows)
    expected = store.rows(rows)
    assert len(subset) == len(rows)
    assert subset.keys().tolist() == [document.key for document in expected]
    assert [document for batch in subset.batches(size) for document in batch] == expected
    assert all(len(batch) <= size for batch in subset.batches(size))
    picked = data.draw(st.lists(st.sampled_from(range(len(rows))), max_size=5)) if rows else []
    assert subset.rows(picked) == [expected[place] for place in picked]


def test_meta_is_read_only_where_it_is_wanted(store: DocumentStore) -> None:
    subset = DocumentSubset(store, [2400, 7])
    assert [document.meta["even"] for document in subset.rows([0, 1])] == [True, False]
    assert [document.meta for document in subset.rows([0, 1], meta=False)] == [{}, {}]


def test_a_subset_of_a_subset(store: DocumentStore) -> None:
    inner = DocumentSubset(DocumentSubset(store, np.arange(100, 200)), [5, 50])
    assert [document.id for document in inner.rows([0, 1])] == ["d105", "d150"]


@pytest.mark.parametrize("rows", [[COUNT], [-1], [0, COUNT + 5]])
def test_rows_that_are_not_there_are_refused(store: DocumentStore, rows: list[int]) -> None:
    with pytest.raises(IndexError, match="there is no row"):
        DocumentSubset(store, rows)
    with pytest.raises(IndexError, match="there is no row"):
        DocumentSubset(store, [1, 2, 3]).rows(rows)


def test_keys_cannot_be_changed(store: DocumentStore) -> None:
    with pytest.raises(ValueError, match="read-only"):
        DocumentSubset(store, [1]).keys()[0] = 3


def test_samples_come_from_the_subset_alone(store: DocumentStore) -> None:
    subset = DocumentSubset(store, range(1000, 1010))
    assert random_rows(subset, 50, seed=1) == list(range(10))
    sample = diverse_sample(subset, tokens=10_000, excerpt_tokens=50, seed=1)
    assert {document.id for document in sample} <= {f"d{n}" for n in range(1000, 1010)}
    assert diverse_sample(DocumentSubset(store, []), tokens=100, excerpt_tokens=50, seed=1) == []
