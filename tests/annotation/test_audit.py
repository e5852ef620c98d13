"""The audit log: nothing is written twice, nothing is changed, a torn last line costs nothing else."""

from pathlib import Path

import pytest
from cluster_r1.annotation.audit import AuditLog, Entry
from cluster_r1.core.errors import WorkspaceError
from hypothesis import given
from hypothesis import strategies as st


def answered(record: str, text: str = "yes") -> Entry:
    at = "2026-11-21T08:00:00+00:00"
    return Entry(event="answered", kind="taxonomy", record=record, who="ann", at=at, after={"verdict": text})


def test_events_come_back_in_order_and_once(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "reviews" / "audit.jsonl")
    assert list(log.entries()) == []
    assert [entry.record for entry in log.add([answered("a"), answered("b"), answered("a")])] == ["a", "b"]
    assert log.add([answered("b"), answered("a", "no")]) == [list(log.entries())[-1]]
    assert [(entry.record, entry.after["verdict"]) for entry in log.entries()] == [
        ("a", "yes"),
        ("b", "yes"),
        ("a", "no"),
    ]


def test_what_was_written_stays_byte_for_byte(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl")
    log.add([answered("a")])
    before = log.path.read_bytes()
    log.add([answered("b", "<script>\n\u2028")])
    assert log.path.read_bytes().startswith(before)


@given(cut=st.integers(1, 10_000))
def test_a_line_that_broke_off_is_passed_over_and_written_again(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    log = AuditLog(tmp_path_factory.mktemp("log") / "audit.jsonl")
    log.add([answered("a"), answered("b", 'é{}\\"' * 3)])
    whole = log.path.read_bytes()
    first = whole.index(b"\n") + 1
    log.path.write_bytes(whole[: first + cut % (len(whole) - first)])
    log.add([answered("b", 'é{}\\"' * 3), answered("c")])
    assert [entry.record for entry in log.entries()] == ["a", "b", "c"]


def test_a_line_that_somebody_changed_is_named(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl")
    log.add([answered("a")])
    log.path.write_text("not json\n" + log.path.read_text())
    with pytest.raises(WorkspaceError, match=r"audit\.jsonl:1"):
        list(log.entries())
