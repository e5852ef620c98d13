"""`cluster-r1 distill` as a newcomer uses it, wrong input included, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cluster_r1.core.workspace import Workspace
from cluster_r1.llm.testing.endpoint import endpoint_process
from distilling import TASKS, change, distilling, small_with
from exporting import proven


def command(workspace: Workspace, *arguments: str) -> subprocess.CompletedProcess[str]:
    run = [sys.executable, "-m", "cluster_r1", "-C", str(workspace.root), *arguments]
    return subprocess.run(run, capture_output=True, text=True, check=False)


def test_traces_are_made_told_about_and_exported(tmp_path: Path) -> None:
    with endpoint_process(noise=0.4) as endpoint:
        workspace = distilling(tmp_path, endpoint.base_url)
        proven(workspace.benchmark, small_with(3))
        first = command(workspace, "distill", "--limit", "2")
        assert first.returncode == 0, first.stderr
        assert (
            f"small: 2 of {3 * TASKS} examples have a kept trace, 0 rejected, {3 * TASKS - 2} pending" in first.stdout
        )
        done = command(workspace, "distill", "--benchmark", str(workspace.benchmark))
        assert done.returncode == 0, done.stderr
        again = command(workspace, "distill")
    assert f"small: {3 * TASKS} of {3 * TASKS} examples have a kept trace, 0 rejected, 0 pending" in done.stdout
    assert "sent back:" in done.stdout
    assert "court-0: 3 of 3 kept (100%)" in done.stdout
    assert "tracer (stand-in):" in done.stdout
    assert "calls paid in this run: 0" in again.stdout
    assert "<html" in (workspace.traces / "report.html").read_text()
    out = command(
        workspace,
        "export",
        "--benchmark",
        str(workspace.benchmark),
        "--to",
        "trl-sft",
        "--traces",
        str(workspace.traces),
    )
    assert out.returncode == 0, out.stderr
    assert f"{3 * TASKS} of {3 * TASKS} examples have a trace" in out.stdout
    rows = (workspace.benchmark / "exports" / "trl-sft" / "distill.jsonl").read_text().splitlines()
    assert all("belongs to cluster" in json.loads(row)["completion"][0]["content"] for row in rows)


def test_examples_without_an_answer_give_exit_code_5_and_a_budget_6(tmp_path: Path) -> None:
    with endpoint_process(every_500=9) as endpoint:
        workspace = distilling(tmp_path, endpoint.base_url, model={"retries": 0})
        done = command(workspace, "distill")
        assert done.returncode == 5
        assert "examples got no usable answer; run distill again" in done.stderr
        assert "pending" in done.stdout
        change(workspace, "budget", calls=1)
        stopped = command(workspace, "distill")
        assert stopped.returncode == 6
        assert "raise budget.calls" in stopped.stderr


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"distill": {"rounds": 0}}, 2, "distill.rounds"),
        ({"distill": {"least_words": 100, "most_words": 50}}, 2, "least_words 100 is larger than most_words 50"),
        ({"distill": {"round": 2}}, 2, "did you mean 'rounds'"),
    ],
)
def test_wrong_settings(tmp_path: Path, changes: dict[str, dict[str, int]], code: int, said: str) -> None:
    workspace = distilling(tmp_path, "http://127.0.0.1:9/v1", **changes)
    done = command(workspace, "distill")
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not workspace.traces.exists()


def test_what_has_to_be_there_first(tmp_path: Path) -> None:
    workspace = distilling(tmp_path, "http://127.0.0.1:9/v1", examples=6, model={"retries": 0})
    elsewhere = command(workspace, "distill", "--benchmark", str(tmp_path / "none"))
    assert elsewhere.returncode == 2
    assert "`cluster-r1 build` writes one" in elsewhere.stderr
    nobody = command(workspace, "distill")
    assert nobody.returncode == 4
    assert "cannot be reached" in nobody.stderr
    small_with(0).write(workspace.benchmark)
    empty = command(workspace, "distill")
    assert empty.returncode == 2
    assert "no example in its distill split" in empty.stderr
    for done in (elsewhere, nobody, empty):
        assert "Traceback" not in done.stderr
