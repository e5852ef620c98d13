"""Files of JSON lines: read back after a kill, put into order, and gone on with."""

from __future__ import annotations

from pathlib import Path

import pytest
from cluster_r1.core.errors import WorkspaceError
from cluster_r1.core.json_lines import append_line, cut_half_line, read_lines, sort_lines, write_lines
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel


class Line(BaseModel):
    number: int
    text: str = ""


lines = st.lists(st.builds(Line, number=st.integers(0, 9), text=st.text(max_size=30)), max_size=20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines)
def test_lines_come_back_in_the_order_that_is_asked_for(tmp_path: Path, written: list[Line]) -> None:
    path = tmp_path / "lines.jsonl"
    write_lines(path, written)
    assert list(read_lines(path, Line)) == written
    sort_lines(path, Line, lambda line: line.number)
    assert list(read_lines(path, Line)) == sorted(written, key=lambda line: line.number)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines, st.integers(0, 10_000))
def test_whatever_a_kill_leaves_can_be_gone_on_with(tmp_path: Path, written: list[Line], cut: int) -> None:
    path = tmp_path / "lines.jsonl"
    write_lines(path, written)
    content = path.read_bytes()
    path.write_bytes(content[: cut % (len(content) + 1)])
    whole = list(read_lines(path, Line))
    assert whole == written[: len(whole)]
    cut_half_line(path)
    append_line(path, Line(number=7))
    assert list(read_lines(path, Line)) == [*whole, Line(number=7)]


def test_a_half_line_longer_than_a_block_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    append_line(path, Line(number=1))
    with path.open("ab") as file:
        file.write(b"x" * 200_000)
    cut_half_line(path)
    assert list(read_lines(path, Line)) == [Line(number=1)]


def test_what_is_missing_has_no_lines(tmp_path: Path) -> None:
    path = tmp_path / "none.jsonl"
    cut_half_line(path)
    sort_lines(path, Line, lambda line: line.number)
    assert list(read_lines(path, Line)) == []
    assert not path.exists()


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_text('{"number": 1}\nnonsense\n{"number": 2}\n')
    with pytest.raises(WorkspaceError, match=r"lines.jsonl line 2 is no Line"):
        list(read_lines(path, Line))
