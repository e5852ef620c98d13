"""The distillation job against the bundled endpoint: every example accounted for, and nothing paid twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from cluster_r1.benchmark.files import Benchmark
from cluster_r1.core.answer import parse_answer
from cluster_r1.core.distillation import DistillReport, read_report
from cluster_r1.core.errors import BudgetReached, EndpointError
from cluster_r1.core.prompt import example_prompt
from cluster_r1.core.traces import Trace, TraceVerdict, Turn, kept_traces, put_verdicts, write_traces
from cluster_r1.core.workspace import Workspace
from cluster_r1.llm.testing.endpoint import EndpointConfig, FaultEndpoint
from distilling import TASKS, change, distilling, run, small_with, stored


def assert_adds_up(report: DistillReport, workspace: Workspace) -> None:
    """All figures are those of the files, in all and task by task."""
    traces = list(stored(workspace).values())
    assert report.examples == report.kept + sum(report.rejected.values()) + report.pending
    assert report.kept == sum(trace.kept is True for trace in traces) == sum(report.rounds_needed.values())
    assert sum(report.sent_back.values()) == sum(len(trace.attempts) for trace in traces)
    for task in report.tasks:
        assert task.examples == task.kept + sum(task.rejected.values()) + task.pending
    for figure in ("examples", "kept", "pending"):
        assert getattr(report, figure) == sum(getattr(task, figure) for task in report.tasks)
    for reason, count in report.rejected.items():
        assert count == sum(task.rejected.get(reason, 0) for task in report.tasks)
    assert read_report(workspace.traces) == report


async def test_every_example_gets_a_trace_that_a_student_can_learn(tmp_path: Path) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = distilling(tmp_path, endpoint.base_url)
        result = await run(workspace)
        assert result.paid == endpoint.stats().calls == 3 * 3 * TASKS
    traces = stored(workspace)
    for example in Benchmark(workspace.benchmark).examples("distill"):
        trace = traces.pop(example.id)
        assert trace.id == example.id
        assert trace.kept
        system, user = example_prompt(example.instruction, example.texts)
        assert trace.prompt == (Turn("system", system), Turn("user", user))
        said = parse_answer(trace.completion, len(example.texts))
        assert {*map(frozenset, said.clusters)} == {*map(frozenset, example.gold.clusters)}
        assert trace.rederived == 1
        assert trace.call
    assert traces == {}
    assert result.report.kept == result.report.usable == 3 * TASKS
    assert {cost.role: cost.calls for cost in result.report.costs} == {"tracer": 3 * TASKS, "reviewer": 6 * TASKS}
    assert_adds_up(result.report, workspace)
    assert not (workspace.state / "distill").exists()


async def test_an_identical_second_run_makes_no_call_and_needs_no_endpoint(tmp_path: Path) -> None:
    async with FaultEndpoint(EndpointConfig(noise=0.3)) as endpoint:
        workspace = distilling(tmp_path, endpoint.base_url)
        first = await run(workspace)
    before = {path.name: path.read_bytes() for path in workspace.traces.iterdir()}
    again = await run(workspace)
    assert again.paid == 0
    assert again.report == first.report
    assert {path.name: path.read_bytes() for path in workspace.traces.iterdir()} == before


async def test_traces_that_are_lost_are_made_again_for_nothing(tmp_path: Path) -> None:
    async with FaultEndpoint(EndpointConfig(noise=0.3)) as endpoint:
        workspace = distilling(tmp_path, endpoint.base_url)
        await run(workspace)
    before = {path: path.read_bytes() for path in workspace.traces.iterdir()}
    for path in before:
        path.unlink()
    assert (await run(workspace)).paid == 0
    assert {path: path.read_bytes() for path in workspace.traces.iterdir()} == before


async def test_the_order_of_the_files_is_the_benchmarks_whatever_the_chunks(tmp_path: Path) -> None:
    async with FaultEndpoint(EndpointConfig(noise=0.4, jitter_s=0.02)) as endpoint:
        files = []
        for chunk in (1, 7):
            workspace = distilling(tmp_path / str(chunk), endpoint.base_url, distill={"chunk": chunk})
            await run(workspace)
            files.append({path.name: path.read_bytes() for path in workspace.traces.glob("c*.jsonl")})
    assert len(files[0]) == TASKS
    assert files[0] == files[1]


async def test_traces_that_lean_on_the_answer_go_back_and_are_mended(tmp_path: Path) -> None:
    async with FaultEndpoint(EndpointConfig(noise=0.4)) as endpoint:
        workspace = distilling(tmp_path, endpoint.base_url, examples=5)
        result = await run(workspace)
    back = [trace for trace in stored(workspace).values() if trace.attempts]
    assert 0 < len(back) < 5 * TASKS
    for trace in back:
        (attempt,) = trace.attempts
        assert (attempt.round, attempt.reason) == (1, "leaning")
        assert "As the given clusters show" in attempt.says
        assert attempt.call not in ("", trace.call)
    assert result.report.sent_back == {"leaning": len(back)}
    assert result.report.rounds_needed == {1: 5 * TASKS - len(back), 2: len(back)}
    assert_adds_up(result.report, workspace)


async def test_a_trace_that_never_passes_is_stored_with_the_reason(tmp_path: Path) -> None:
    async with FaultEndpoint() as endpoint:
        settings = {"chunk": 5, "least_words": 900, "rounds": 2}
        workspace = distilling(tmp_path, endpoint.base_url, distill=settings)
        result = await run(workspace)
        assert endpoint.stats().calls == 2 * 3 * TASKS
        again = await run(workspace)
        assert again.paid == 0
    for trace in stored(workspace).values():
        assert trace.kept is False
        assert trace.rejected is not None
        assert (trace.rejected.round, trace.rejected.reason) == (2, "too_short")
        assert "at least 900" in trace.rejected.says
        assert [attempt.round for attempt in trace.attempts] == [1]
    assert result.report.rejected == result.report.sent_back == {"too_short": 3 * TASKS}
    assert (result.report.kept_rate, result.report.words, result.report.scores) == (0, None, None)
    assert list(kept_traces(workspace.traces)) == []
    assert result.unanswered == {}
    assert_adds_up(result.report, workspace)


async def test_without_the_second_check_it_is_not_paid(tmp_path: Path) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = distilling(tmp_path, endpoint.base_url, distill={"rederive": False})
        result = await run(workspace)
    assert result.paid == 2 * 3 * TASKS
    assert {trace.rederived for trace in stored(workspace).values()} == {None}
    assert result.report.rederived is None


async def test_a_limit_takes_the_first_examples_and_the_next_run_the_rest(tmp_path: Path) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = distilling(tmp_path, endpoint.base_url)
        first = await run(workspace, limit=5)
        assert (first.paid, first.report.kept, first.report.pending) == (15, 5, 3 * TASKS - 5)
        assert_adds_up(first.report, workspace)
        rest = await run(workspace)
    assert (rest.paid, rest.report.kept, rest.report.pending) == (9 * TASKS - 15, 3 * TASKS, 0)


FAULTS = [
    {"every_429": 7, "retry_after_ms": 5},
    {"every_500": 9},
    {"every_garbage": 10},
    {"every_truncated": 11},
    {"every_empty": 11},
    {"every_length": 11},
    {"refuse_above": 3, "retry_after_ms": 5, "latency_s": 0.002},
    {"every_429": 11, "every_500": 13, "every_garbage": 17, "every_truncated": 19, "every_length": 23},
]


@pytest.mark.parametrize("faults", FAULTS, ids="+".join)
async def test_faults_cost_time_and_no_example(tmp_path: Path, faults: dict[str, float]) -> None:
    async with FaultEndpoint(EndpointConfig.model_validate(faults)) as endpoint:
        settings = {"model": {"retries": 12}, "distill": {"chunk": 5, "attempts": 8}}
        workspace = distilling(tmp_path, endpoint.base_url, examples=6, **settings)
        result = await run(workspace)
        stats = endpoint.stats()
    assert result.report.kept == 6 * TASKS
    assert stats.duplicates == 0
    assert_adds_up(result.report, workspace)


async def test_examples_without_an_answer_stay_pending_and_are_asked_again_alone(tmp_path: Path) -> None:
    async with FaultEndpoint(EndpointConfig(every_500=9)) as endpoint:
        workspace = distilling(tmp_path, endpoint.base_url, examples=6, model={"retries": 0})
        first = await run(workspace)
    lost = first.report.pending
    assert 0 < lost < 6 * TASKS
    assert len(first.unanswered) == lost
    assert all("500" in why for why in first.unanswered.values())
    assert first.unanswered.keys().isdisjoint(stored(workspace))
    assert_adds_up(first.report, workspace)
    async with FaultEndpoint() as endpoint:
        change(workspace, "default", base_url=endpoint.base_url)
        second = await run(workspace)
        assert endpoint.stats().calls <= 3 * lost
    assert (second.report.kept, second.unanswered) == (6 * TASKS, {})


async def test_a_spent_budget_stops_cleanly_and_a_larger_one_goes_on(tmp_path: Path) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = distilling(
            tmp_path,
            endpoint.base_url,
            examples=6,
            model={"concurrency": 2},
            distill={"chunk": 2},
            budget={"calls": 40},
        )
        with pytest.raises(BudgetReached, match=r"budget\.calls"):
            await run(workspace)
        report = read_report(workspace.traces)
        assert 0 < report.kept < 6 * TASKS
        assert_adds_up(report, workspace)
        change(workspace, "budget", calls=1000)
        result = await run(workspace)
        stats = endpoint.stats()
    assert result.report.kept == 6 * TASKS
    assert (stats.calls, stats.duplicates) == (3 * 6 * TASKS, 0)


async def test_nobody_listening_is_one_clear_error(tmp_path: Path) -> None:
    workspace = distilling(tmp_path, "http://127.0.0.1:9/v1", model={"retries": 0}, examples=6)
    with pytest.raises(EndpointError, match="cannot be reached"):
        await run(workspace)
    assert read_report(workspace.traces).pending == 6 * TASKS


async def test_what_a_change_of_settings_does_not_touch_is_not_paid_again(tmp_path: Path) -> None:
    async with FaultEndpoint(EndpointConfig(noise=0.4)) as endpoint:
        workspace = distilling(tmp_path, endpoint.base_url)
        first = await run(workspace)
        before = stored(workspace)
        change(workspace, "distill", chunk=2)
        change(workspace, "default", concurrency=3, retries=1, timeout_s=9)
        assert (await run(workspace)).paid == 0
        assert stored(workspace) == before
        change(workspace, "distill", pass_rederived=0.5, rounds=4)
        assert (await run(workspace)).paid == 0
        assert {trace.made_from for trace in stored(workspace).values()}.isdisjoint(
            trace.made_from for trace in before.values()
        )
        assert [(t.id, t.reasoning) for t in stored(workspace).values()] == [
            (t.id, t.reasoning) for t in before.values()
        ]
        change(workspace, "reviewer", top_p=0.9)
        judged = await run(workspace)
        assert judged.paid == 2 * 3 * TASKS
        assert judged.report.kept == first.report.kept
        change(workspace, "tracer", top_p=0.9)
        assert (await run(workspace)).paid == 3 * TASKS + sum(first.report.sent_back.values())


async def test_a_higher_bar_rejects_what_no_longer_passes_and_pays_nothing(tmp_path: Path) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = distilling(tmp_path, endpoint.base_url, distill={"rounds": 1})
        await run(workspace)
        low = sum(trace.scores is not None and trace.scores.mean < 5 for trace in stored(workspace).values())
        change(workspace, "distill", pass_score=5)
        after = await run(workspace)
    assert 0 < low < 3 * TASKS
    assert (after.paid, after.report.rejected) == (0, {"completeness": low})
    assert_adds_up(after.report, workspace)


async def test_a_changed_text_redoes_its_examples_and_nobodys_word_about_the_old_trace_counts(tmp_path: Path) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = distilling(tmp_path, endpoint.base_url)
        await run(workspace)
        before = stored(workspace)
        name = next(iter(before))
        put_verdicts(workspace.traces, [dropped(before[name].id)])
        assert (await run(workspace)).report.usable == 3 * TASKS - 1
        small = small_with(3)
        (record,) = [record for record in small.splits["distill"] if record.id == name]
        number = record.texts[0]
        small.texts[number] = small.texts[number]._replace(text="Something else about walnuts, saddles and lanterns.")
        small.write(workspace.benchmark)
        touched = [record.id for record in small.splits["distill"] if number in record.texts]
        result = await run(workspace)
        assert result.paid == 3 * len(touched)
    after = stored(workspace)
    assert {name for name, trace in after.items() if trace != before[name]} == set(touched)
    assert after[name].id.startswith(f"{name}:")
    assert result.report.usable == len(list(kept_traces(workspace.traces))) == 3 * TASKS


async def test_traces_of_examples_that_are_gone_are_put_away_and_others_stay(tmp_path: Path) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = distilling(tmp_path, endpoint.base_url)
        await run(workspace)
        made = stored(workspace)
        gone = (workspace.traces / "chat-0.jsonl").read_text().splitlines()
        foreign = Trace(
            id="mine", task="own", instruction="x", prompt=(Turn("user", "x"),), reasoning="y", answer="z", model="me"
        )
        write_traces(workspace.traces, "own", [foreign])
        small = small_with(2)
        small.splits["distill"] = [record for record in small.splits["distill"] if record.task != "chat-0"]
        small.write(workspace.benchmark)
        result = await run(workspace)
    assert result.paid == 0
    assert result.report.examples == result.report.kept == 2 * (TASKS - 1)
    assert sorted(path.name for path in workspace.traces.glob("*.jsonl")) == [
        "_put_away.jsonl",
        "chat-1.jsonl",
        "court-0.jsonl",
        "court-1.jsonl",
        "own.jsonl",
    ]
    away = (workspace.traces / "_put_away.jsonl").read_text().splitlines()
    assert away[: len(gone)] == gone
    assert len(away) == len(made) - 2 * (TASKS - 1)
    assert len(stored(workspace)) == 2 * (TASKS - 1) + 1


def dropped(trace: str) -> TraceVerdict:
    return TraceVerdict(trace=trace, keep=False, authors=("ann",), rule="single", at="2026-11-21T08:00:00+00:00")
