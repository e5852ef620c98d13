"""Labels on disk: what was voted comes back, each document once, and what got no answer stays pending."""

from pathlib import Path

import numpy as np
from cluster_r1.core.consensus import Assignment, decide
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


def row(number: int, first: str | None, second: str | None) -> LabelRow:
    pair = [Assignment(labeler=who, cluster=c) for who, c in (("labeler_a", first), ("labeler_b", second))]
    return LabelRow(number, number, False, decide(f"d{number}", pair[0], pair[1]))


@given(st.lists(votes))
def test_votes_come_back_as_they_were(tmp_path_factory: object, given_votes: list[Assignment]) -> None:
    path = tmp_path_factory.mktemp("votes") / "v.parquet"  # type: ignore[attr-defined]
    write_votes(path, given_votes)
    assert read_votes(path) == given_votes


@given(st.lists(st.tuples(votes, votes), max_size=20))
def test_rows_come_back_as_they_were(tmp_path_factory: object, pairs: list[tuple[Assignment, Assignment]]) -> None:
    store = LabelStore(tmp_path_factory.mktemp("labels"))  # type: ignore[attr-defined]
    rows = [LabelRow(2**64 - 1 - n, n, n % 2 == 0, decide(f"d{n}", a, b)) for n, (a, b) in enumerate(pairs)]
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
