"""Labels on disk: what was voted comes back, each document once, and what got no answer stays pending."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from cluster_r1.core.consensus import Assignment, decide
from cluster_r1.core.human import HumanLabel
from cluster_r1.core.labels import LabelRow, LabelStore, read_votes, write_votes
from hypothesis import given
from hypothesis import strategies as st

votes = st.builds(
    Assignment,
    labeler=st.sampled_from(["labeler_a", "labeler_b"]),
    cluster=st.sampled_from(["a", "b", "none fits", None]),
    position=st.none() | st.integers(0, 300),
    order=st.integers(0, 60),
    reason=st.none() | st.text(),
    call=st.none() | st.just("ff" * 32),
    error=st.none() | st.text(min_size=1),
)


def said(number: int, cluster: str) -> HumanLabel:
    return HumanLabel(
        document_id=f"d{number}",
        key=number,
        cluster=cluster,
        authors=("ada",),
        rule="single",
        slice="random",
        at="2026-11-20T10:00:00+00:00",
    )


def row(number: int, first: str | None, second: str | None) -> LabelRow:
    pair = [Assignment(labeler=who, cluster=c) for who, c in (("labeler_a", first), ("labeler_b", second))]
    return LabelRow(number, number, False, decide(f"d{number}", pair[0], pair[1]))


@given(st.lists(votes))
def test_votes_come_back_as_they_were(tmp_path_factory: object, given_votes: list[Assignment]) -> None:
    path = tmp_path_factory.mktemp("votes") / "v.parquet"  # type: ignore[attr-defined]
    write_votes(path, given_votes)
    assert read_votes(path) == given_votes


@given(st.lists(st.tuples(votes, votes), max_size=20), st.sampled_from([None, "0123456789abcdef"]))
def test_rows_come_back_as_they_were(
    tmp_path_factory: object, pairs: list[tuple[Assignment, Assignment]], carried_from: str | None
) -> None:
    store = LabelStore(tmp_path_factory.mktemp("labels"))  # type: ignore[attr-defined]
    rows = [
        LabelRow(2**64 - 1 - n, n, n % 2 == 0, decide(f"d{n}", a, b), carried_from) for n, (a, b) in enumerate(pairs)
    ]
    store.write("chunk", rows)
    assert sorted(store.rows(), key=lambda r: r.row) == rows


def test_only_answered_documents_are_decided(tmp_path: Path) -> None:
    store = LabelStore(tmp_path)
    store.write("one", [row(5, "a", "a"), row(3, "a", None), row(1, "a", "b")])
    assert store.decided().tolist() == [1, 5]


def test_a_document_answered_later_is_shown_once_as_answered(tmp_path: Path) -> None:
    store = LabelStore(tmp_path)
    store.write("z-first", [row(1, "a", None), row(2, "a", None)])
    store.write("a-second", [row(1, "a", "a")])
    found = {r.key: r.consensus.outcome for r in store.rows()}
    assert found == {1: "kept", 2: "unanswered"}
    assert len(list(store.rows())) == 2


def test_documents_that_left_the_corpus_are_not_counted(tmp_path: Path) -> None:
    store = LabelStore(tmp_path)
    store.write("one", [row(1, "a", "a"), row(2, "b", "b")])
    assert [r.key for r in store.rows(np.array([2], dtype=np.uint64))] == [2]


def test_an_unfinished_file_is_not_read(tmp_path: Path) -> None:
    store = LabelStore(tmp_path)
    store.write("one", [row(1, "a", "a")])
    (tmp_path / ".two.parquet.99.tmp").write_bytes(b"half a fi")
    assert len(store.files()) == 1


def test_files_of_before_labels_were_carried_over_are_read(tmp_path: Path) -> None:
    store = LabelStore(tmp_path)
    path = store.write("one", [row(1, "a", "a"), row(2, "a", "b")])
    pq.write_table(pq.read_table(path).drop_columns(["carried_from"]), path)
    assert list(store.rows()) == [row(1, "a", "a"), row(2, "a", "b")]
    assert store.decided().tolist() == [1, 2]


def test_a_document_in_two_files_is_decided_once(tmp_path: Path) -> None:
    store = LabelStore(tmp_path)
    store.write("one", [row(1, "a", "a"), row(2, "a", "a")])
    store.write("two", [row(2, "a", "a"), row(3, "a", "a")])
    assert store.decided().tolist() == [1, 2, 3]
    assert [r.key for r in store.rows()] == [1, 2, 3]


@pytest.mark.parametrize(
    ("first", "second", "word", "outcome", "cluster", "corrected"),
    [
        ("a", "a", None, "kept", "a", False),
        ("a", "b", None, "conflict", None, False),
        ("a", "a", "a", "kept", "a", False),
        ("a", "a", "b", "kept", "b", True),
        ("a", "b", "b", "kept", "b", True),
        ("a", "a", "none fits", "none_fits", None, True),
        ("none fits", "none fits", "none fits", "none_fits", None, False),
        ("a", None, "a", "kept", "a", True),
    ],
)
def test_peoples_word_wins_and_the_votes_stay(
    tmp_path: Path,
    first: str,
    second: str | None,
    word: str | None,
    outcome: str,
    cluster: str | None,
    corrected: bool,
) -> None:
    store = LabelStore(tmp_path)
    store.write("one", [row(1, first, second), row(2, "b", "b")])
    store.put_human([said(1, word)] if word else [])
    found = {r.key: r for r in store.rows()}
    assert found[1].consensus == row(1, first, second).consensus
    assert (found[1].final_outcome, found[1].final_cluster, found[1].corrected) == (outcome, cluster, corrected)
    assert found[2] == row(2, "b", "b")


def test_peoples_labels_decide_no_call_and_are_no_label_file(tmp_path: Path) -> None:
    store = LabelStore(tmp_path)
    store.put_human([said(1, "a")])
    store.put_human([said(1, "b"), said(2, "a")])
    assert {key: label.cluster for key, label in store.human().items()} == {1: "b", 2: "a"}
    assert store.decided().size == 0
    assert store.files() == []
    assert list(store.rows()) == []
