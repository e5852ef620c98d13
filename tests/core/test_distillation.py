"""Figures of a distillation: counted from traces, they add up and come back from their file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cluster_r1.core.costs import RoleCost
from cluster_r1.core.distillation import (
    Asked,
    DistillReport,
    MeanScores,
    WordCounts,
    distill_report,
    read_report,
    write_report,
)
from cluster_r1.core.errors import WorkspaceError
from cluster_r1.core.traces import REASONS, Trace, TraceAttempt, TraceScores, TraceVerdict
from hypothesis import given
from hypothesis import strategies as st

COST = RoleCost(
    role="tracer", model="m", calls=1, prompt_tokens=2, completion_tokens=3, seconds=1.5, usd=0.25, failures=0
)


def trace(name: str, task: str = "a", **fields: Any) -> Trace:
    made: dict[str, Any] = {
        "id": name,
        "example": name,
        "task": task,
        "instruction": f"Cluster {task}.",
        "prompt": "1. one",
        "reasoning": "one two three",
        "answer": "<answer>",
        "model": "m",
        "kept": True,
        "made_from": "now",
    }
    return Trace.model_validate(made | fields)


def attempt(number: int, reason: Any = "too_short") -> TraceAttempt:
    return TraceAttempt(round=number, reason=reason, says="why")


def asked(*names: str) -> list[Asked]:
    """Examples `task/number`."""
    return [Asked(name, name[0], f"Cluster {name[0]}.", "now") for name in names]


def verdict(name: str, keep: bool) -> TraceVerdict:
    return TraceVerdict(trace=name, keep=keep, authors=("ann",), rule="single", at="2026-11-21T08:00:00+00:00")


def report(names: list[Asked], traces: list[Trace], *verdicts: TraceVerdict) -> DistillReport:
    people = {one.trace: one for one in verdicts}
    return distill_report(names, traces, people, benchmark="b", tracer="m", reviewer="r", rounds=3, costs=[COST])


def test_every_figure() -> None:
    low = trace("a/2", kept=False, attempts=(attempt(1), attempt(2)), rejected=attempt(3, "coherence"))
    made = [
        trace("a/1", scores=TraceScores(completeness=5, length=4, coherence=3), rederived=1.0),
        low,
        trace("b/1", "b", reasoning="word " * 7, attempts=(attempt(1, "leaning"),), rederived=0.5),
    ]
    found = report(asked("a/1", "a/2", "a/3", "b/1"), made)
    assert (found.examples, found.kept, found.pending, found.usable) == (4, 2, 1, 2)
    assert found.rejected == {"coherence": 1}
    assert found.sent_back == {"too_short": 2, "leaning": 1}
    assert found.rounds_needed == {1: 1, 2: 1}
    assert found.kept_rate == 2 / 3
    assert found.scores == MeanScores(completeness=5, length=4, coherence=3)
    assert found.rederived == 0.75
    assert found.words == WordCounts(least=3, lower=4, median=5, upper=6, most=7)
    first, second = found.tasks
    assert (first.task, first.instruction, first.examples, first.kept, first.pending) == ("a", "Cluster a.", 3, 1, 1)
    assert (first.rejected, first.kept_rate, first.rederived) == ({"coherence": 1}, 0.5, 1.0)
    assert (second.task, second.examples, second.kept_rate, second.scores) == ("b", 1, 1.0, None)
    assert found.costs == (COST,)


def test_traces_of_other_examples_or_of_another_making_do_not_count() -> None:
    made = [trace("a/1", made_from="before"), trace("a/9"), trace("x", example="")]
    found = report(asked("a/1"), made)
    assert (found.examples, found.kept, found.pending) == (1, 0, 1)
    assert (found.kept_rate, found.words, found.scores, found.rederived) == (None, None, None, None)


def test_peoples_word_decides_what_is_learnt_from_but_not_what_the_agents_kept() -> None:
    low = trace("a/2", kept=False, rejected=attempt(1, "length"))
    wrong = trace("a/3", kept=False, reasoning="", rejected=attempt(1, "answer"))
    found = report(
        asked("a/1", "a/2", "a/3"),
        [trace("a/1"), low, wrong],
        verdict("a/1", False),
        verdict("a/2", True),
        verdict("a/3", True),
    )
    assert (found.kept, found.usable, found.people_kept, found.people_dropped) == (1, 1, 2, 1)


traces = st.tuples(
    st.sampled_from("abc"),
    st.integers(0, 30),
    st.integers(0, 2),
    st.none() | st.sampled_from(REASONS),
    st.integers(1, 50),
)


@given(
    st.lists(traces, max_size=20, unique_by=lambda made: made[:2]),
    st.sets(st.tuples(st.sampled_from("abc"), st.integers(0, 30))),
)
def test_rates_add_up(made: list[Any], more: set[tuple[str, int]]) -> None:
    names = sorted({(task, number) for task, number, *_ in made} | more)
    built = [
        trace(
            f"{task}/{number}",
            task,
            reasoning="w " * words,
            kept=reason is None,
            attempts=[attempt(n + 1) for n in range(back)],
            rejected=None if reason is None else attempt(back + 1, reason),
        )
        for task, number, back, reason, words in made
    ]
    found = report(asked(*(f"{task}/{number}" for task, number in names)), built)
    assert found.examples == len(names) == found.kept + sum(found.rejected.values()) + found.pending
    assert found.examples == sum(task.examples for task in found.tasks)
    assert found.kept == sum(task.kept for task in found.tasks) == sum(found.rounds_needed.values()) == found.usable
    assert found.pending == len(names) - len(built)
    assert (found.words is None) == (found.kept == 0)
    assert DistillReport.model_validate_json(found.model_dump_json()) == found


def test_the_report_comes_back_from_its_file(tmp_path: Path) -> None:
    found = report(asked("a/1"), [trace("a/1")])
    assert write_report(tmp_path, found).name == "_report.json"
    assert read_report(tmp_path) == found
    (tmp_path / "_report.json").write_text('{"benchmark": 3}')
    with pytest.raises(WorkspaceError, match="damaged"):
        read_report(tmp_path)
    with pytest.raises(WorkspaceError, match="cluster-r1 distill"):
        read_report(tmp_path / "nowhere")
