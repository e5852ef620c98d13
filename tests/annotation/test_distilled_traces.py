"""Distilled traces before people: what they are shown, and what becomes of their word; through the file channel."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from cluster_r1.core.traces import kept_traces, read_traces, write_traces
from cluster_r1.core.workspace import Workspace
from cluster_r1.llm.testing.endpoint import EndpointConfig, FaultEndpoint
from distilling import TASKS, change, distilling, run, stored


def command(workspace: Workspace, *arguments: str) -> str:
    run = [sys.executable, "-m", "cluster_r1", "-C", str(workspace.root), *arguments]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def shown(workspace: Workspace) -> tuple[Path, list[dict[str, Any]]]:
    (path,) = [p for p in (workspace.reviews / "offline").glob("traces*.jsonl") if p.name.count(".") == 1]
    return path, [json.loads(line) for line in path.read_text().splitlines()]


async def test_people_see_what_they_can_judge_and_their_word_wins(tmp_path: Path) -> None:
    async with FaultEndpoint(EndpointConfig(noise=0.4)) as endpoint:
        settings = {"distill": {"pass_score": 4.5, "rounds": 1}}
        workspace = distilling(tmp_path, endpoint.base_url, **settings)
        await run(workspace)
        traces = list(stored(workspace).values())
        no_gold = next(trace for trace in traces if trace.rejected is not None and trace.rejected.reason == "leaning")
        wrong = no_gold.model_copy(
            update={"reasoning": "", "rejected": no_gold.rejected.model_copy(update={"reason": "answer"})}  # type: ignore[union-attr]
        )
        same_task = [wrong if trace is no_gold else trace for trace in traces if trace.task == no_gold.task]
        write_traces(workspace.traces, no_gold.task, same_task)
        command(workspace, "review", "push", "traces", "--to", "file")
        path, lines = shown(workspace)
        assert {line["id"].removeprefix("traces/") for line in lines} == {t.id for t in traces} - {no_gold.id}
        for line in lines:
            trace = stored(workspace)[line["id"].removeprefix("traces/")]
            assert line["fields"]["reasoning"] == trace.reasoning
            assert line["fields"]["answer"] == trace.answer
            assert trace.prompt[1].content in line["fields"]["prompt"]
            suggested = {suggestion["question"]: suggestion["value"] for suggestion in line["suggestions"]}
            assert suggested["keep"] == ("keep" if trace.kept else "drop")
            assert trace.scores is None or suggested["coherence"] == trace.scores.coherence
        agents = {trace.id: bool(trace.kept) for trace in read_traces(workspace.traces)}
        assert set(agents.values()) == {True, False}
        for line in lines:
            overruled = "drop" if agents[line["id"].removeprefix("traces/")] else "keep"
            values = {**line["answer"]["values"], "keep": overruled}
            line["answer"] = {**line["answer"], "author": "ann", "status": "submitted", "values": values}
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        command(workspace, "review", "pull")
        kept = {trace.id for trace in kept_traces(workspace.traces)}
        assert kept == {name for name, was_kept in agents.items() if not was_kept} - {no_gold.id}
        report = (await run(workspace)).report
        assert report.people_kept == report.usable == len(kept)
        assert report.people_kept + report.people_dropped == 3 * TASKS - 1
        change(workspace, "distill", pass_score=3.5)
        again = await run(workspace)
    assert again.report.usable == len(kept), "the same reasonings: people's word about them stands"
