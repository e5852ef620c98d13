"""People's labels on disk: merged by document, the same twice is nothing new, and a broken line is named."""

from pathlib import Path

import pytest
from cluster_r1.core.errors import WorkspaceError
from cluster_r1.core.human import HumanLabel, merge_human, read_human
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

LINE_BREAKS = st.text("\n\r\x0b\x0c\x1c\x85\u2028\u2029ab", max_size=8)
words = LINE_BREAKS | st.text(max_size=30)
labels = st.builds(
    HumanLabel,
    document_id=words,
    key=st.integers(0, 2**64 - 1),
    cluster=st.sampled_from(["fees", "none fits", "{'a'}"]),
    authors=st.lists(words, max_size=3).map(tuple),
    dissenters=st.lists(words, max_size=3).map(tuple),
    rule=st.sampled_from(["single", "agreed", "majority", "lead"]),
    comment=words,
    slice=st.sampled_from(["random", "conflict", "weak"]),
    at=st.datetimes().map(lambda moment: f"{moment.isoformat()}+00:00"),
    carried_from=st.none() | st.just("0" * 16),
)


def label(number: int, **changes: object) -> HumanLabel:
    fields = {"document_id": f"d{number}", "key": number, "cluster": "fees", "authors": ("ada",), "rule": "single"}
    return HumanLabel.model_validate({"slice": "random", "at": "2026-11-20T10:00:00+00:00", **fields, **changes})


@given(st.lists(labels, max_size=8), st.lists(labels, max_size=8))
def test_labels_come_back_as_they_were_the_last_one_of_each_document(
    tmp_path_factory: pytest.TempPathFactory, first: list[HumanLabel], second: list[HumanLabel]
) -> None:
    path = tmp_path_factory.mktemp("human") / "human.jsonl"
    merge_human(path, first)
    merge_human(path, second)
    assert read_human(path) == {one.key: one for one in [*first, *second]}


def test_the_same_labels_again_do_not_touch_the_file(tmp_path: Path) -> None:
    path = tmp_path / "human.jsonl"
    merge_human(path, [label(2), label(1)])
    before = path.stat()
    merge_human(path, [label(1)])
    merge_human(path, [])
    after = path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_what_people_take_back_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "human.jsonl"
    merge_human(path, [label(1), label(2)])
    merge_human(path, [label(3)], withdrawn={1, 9})
    assert read_human(path).keys() == {2, 3}


def test_no_file_is_no_labels_and_no_labels_are_no_file(tmp_path: Path) -> None:
    merge_human(tmp_path / "human.jsonl", [])
    assert read_human(tmp_path / "human.jsonl") == {}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "said"), [(b"{", "line 2"), (b"{}", "document_id"), (b'{"key": -1}', "document_id"), (b"\xff", "line 2")]
)
def test_a_line_that_is_no_label_is_named_and_nothing_is_overwritten(tmp_path: Path, line: bytes, said: str) -> None:
    path = tmp_path / "human.jsonl"
    merge_human(path, [label(1)])
    path.write_bytes(path.read_bytes() + line + b"\n")
    content = path.read_bytes()
    with pytest.raises(WorkspaceError, match=f"line 2.*{said}|{said}.*mend"):
        merge_human(path, [label(2)])
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("given_at", "kept"),
    [
        ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00+00:00"),
        ("2026-11-20T10:00:00.250+02:00", "2026-11-20T08:00:00.250000+00:00"),
        ("2026-11-20T10:00:00", "2026-11-20T10:00:00+00:00"),
    ],
)
def test_times_are_kept_in_utc(given_at: str, kept: str) -> None:
    assert label(1, at=given_at).at == kept


@pytest.mark.parametrize("wrong", [{"at": "yesterday"}, {"cluster": ""}, {"rule": "dice"}, {"key": 2**64}])
def test_what_is_not_a_label_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        label(1, **wrong)
