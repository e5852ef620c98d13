"""Traces on disk: what was written comes back, wrong lines are named, decisions replace earlier ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster_r1.core.answer import Answer, parse_answer
from cluster_r1.core.errors import WorkspaceError
from cluster_r1.core.traces import (
    Trace,
    TraceAttempt,
    TraceScores,
    TraceVerdict,
    Turn,
    kept_traces,
    put_verdicts,
    read_task_traces,
    read_traces,
    read_verdicts,
    write_traces,
)
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

words = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=30)
scores = st.builds(
    TraceScores, completeness=st.integers(1, 5), length=st.integers(1, 5), coherence=st.integers(1, 5), comment=words
)
turns = st.builds(Turn, role=st.sampled_from(["system", "user", "assistant"]), content=words)


def trace(name: str = "t1", **fields: Any) -> Trace:
    made = {
        "id": name,
        "task": "topic",
        "instruction": "Cluster by topic.",
        "prompt": "1. one\n2. two",
        "reasoning": "Two topics.",
        "answer": "<answer>\nTotal clusters: [1]\ncluster1: [1, 2]\n</answer>",
        "model": "writer",
    }
    return Trace.model_validate(made | fields)


def verdict(name: str, keep: bool = True, **fields: Any) -> TraceVerdict:
    return TraceVerdict(
        trace=name, keep=keep, authors=("ann",), rule="single", at="2026-11-21T08:00:00+00:00", **fields
    )


@given(
    st.lists(
        st.fixed_dictionaries(
            {"prompt": words | st.lists(turns, min_size=1, max_size=3), "reasoning": words, "answer": words},
            optional={"scores": st.none() | scores, "kept": st.none() | st.booleans()},
        ),
        max_size=4,
    )
)
def test_traces_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, found: list[dict[str, Any]]) -> None:
    folder = tmp_path_factory.mktemp("traces")
    traces = [trace(f"topic/{number}", **fields) for number, fields in enumerate(found)]
    write_traces(folder, "topic", iter(traces))
    assert list(read_traces(folder)) == traces


def test_a_text_is_a_prompt_of_one_message() -> None:
    assert trace(prompt="hello").prompt == (Turn("user", "hello"),)


def test_every_tasks_traces_are_read_and_neither_verdicts_nor_half_written_files(tmp_path: Path) -> None:
    write_traces(tmp_path, "verdicts", [trace("a", task="verdicts")])
    write_traces(tmp_path, "b.c", [trace("b", task="b.c")])
    put_verdicts(tmp_path, [verdict("a")])
    (tmp_path / ".d.jsonl.1.tmp").write_text("half a")
    assert [one.id for one in read_traces(tmp_path)] == ["b", "a"]
    assert list(read_traces(tmp_path / "nowhere")) == []


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    write_traces(tmp_path, "topic", [trace("old")])

    def failing() -> Iterator[Trace]:
        yield trace("new")
        raise OSError("no more")

    with pytest.raises(OSError, match="no more"):
        write_traces(tmp_path, "topic", failing())
    assert [one.id for one in read_traces(tmp_path)] == ["old"]
    assert [path.name for path in tmp_path.iterdir()] == ["topic.jsonl"]


@pytest.mark.parametrize("line", ["{", "[]", '{"id": "x"}', '{"id": 3}', "null", '"\\ud800"'])
def test_a_line_that_is_no_trace_is_named(tmp_path: Path, line: str) -> None:
    path = write_traces(tmp_path, "topic", [trace("one")])
    path.write_text(path.read_text() + "\n" + line + "\n")
    with pytest.raises(WorkspaceError, match=r"topic\.jsonl line 3 is not a Trace"):
        list(read_traces(tmp_path))


def test_an_id_that_came_before_is_named(tmp_path: Path) -> None:
    write_traces(tmp_path, "a", [trace("one")])
    write_traces(tmp_path, "b", [trace("two"), trace("one")])
    with pytest.raises(WorkspaceError, match=r"b\.jsonl line 2: a trace with the id 'one' came before"):
        list(read_traces(tmp_path))


@pytest.mark.parametrize(
    "fields",
    [
        {"id": "../x"},
        {"id": "a b"},
        {"task": "A"},
        {"prompt": []},
        {"prompt": [["tool", "x"]]},
        {"reasoning": ""},
        {"scores": {"completeness": 0, "length": 1, "coherence": 1}},
        {"scores": {"completeness": 6, "length": 1, "coherence": 1}},
        {"gold": [1]},
    ],
)
def test_what_is_no_trace_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        trace(**fields)


def test_a_decision_takes_the_place_of_an_earlier_one_about_its_trace(tmp_path: Path) -> None:
    assert read_verdicts(tmp_path) == {}
    put_verdicts(tmp_path, [verdict("a"), verdict("b", completeness=4.5)])
    put_verdicts(tmp_path, [verdict("a", keep=False)])
    assert read_verdicts(tmp_path) == {"a": verdict("a", keep=False), "b": verdict("b", completeness=4.5)}


def test_decisions_that_are_known_change_no_file(tmp_path: Path) -> None:
    put_verdicts(tmp_path, [])
    assert list(tmp_path.iterdir()) == []
    put_verdicts(tmp_path, [verdict("a")])
    before = (tmp_path / "_verdicts.jsonl").stat().st_ino
    put_verdicts(tmp_path, [verdict("a")])
    assert (tmp_path / "_verdicts.jsonl").stat().st_ino == before


def test_a_line_that_is_no_decision_is_named(tmp_path: Path) -> None:
    put_verdicts(tmp_path, [verdict("a")])
    with (tmp_path / "_verdicts.jsonl").open("a") as file:
        file.write('{"trace": "b", "keep": true, "length": 9}\n')
    with pytest.raises(WorkspaceError, match=r"_verdicts\.jsonl line 2 is not a TraceVerdict \(length"):
        read_verdicts(tmp_path)


def test_people_decide_what_is_kept_and_the_agent_where_they_did_not(tmp_path: Path) -> None:
    traces = [trace(f"t{n}", kept=kept) for n, kept in enumerate([True, True, False, False, None, None])]
    write_traces(tmp_path, "topic", traces)
    assert [one.id for one in kept_traces(tmp_path)] == ["t0", "t1"]
    put_verdicts(tmp_path, [verdict("t1", keep=False), verdict("t3"), verdict("t5"), verdict("gone")])
    assert [one.id for one in kept_traces(tmp_path)] == ["t0", "t3", "t5"]


@pytest.mark.parametrize("reason", ["unusable", "answer"])
def test_nobody_keeps_a_trace_that_does_not_lead_to_gold(tmp_path: Path, reason: Any) -> None:
    why = TraceAttempt(round=1, reason=reason, says="so")
    write_traces(tmp_path, "topic", [trace("t", kept=False, reasoning="", rejected=why)])
    put_verdicts(tmp_path, [verdict("t")])
    assert list(kept_traces(tmp_path)) == []
    assert len(list(read_traces(tmp_path))) == 1


def test_one_tasks_traces_alone(tmp_path: Path) -> None:
    write_traces(tmp_path, "topic", [trace("one")])
    write_traces(tmp_path, "other", [trace("two", task="other")])
    assert [one.id for one in read_task_traces(tmp_path, "topic")] == ["one"]
    assert list(read_task_traces(tmp_path, "nothing")) == []


def test_the_completion_is_reasoning_and_answer_as_the_student_gives_them() -> None:
    assert parse_answer(trace().completion, 2) == Answer(((1, 2),))
    assert trace().completion.startswith("<think>\nTwo topics.\n</think>\n<answer>\n")
