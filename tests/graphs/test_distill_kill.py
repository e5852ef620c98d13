"""kill -9 of `cluster-r1 distill` at random points, then a clean finish."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cluster_r1.core.distillation import read_report
from cluster_r1.core.workspace import Workspace
from cluster_r1.llm.testing.endpoint import endpoint_process
from distilling import TASKS, distilling, stored
from killing import kill_and_finish

EXAMPLES = 60
CONCURRENCY = 8
KILLS = 6


def distill(workspace: Workspace) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "cluster_r1", "-C", str(workspace.root), "distill"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


@pytest.mark.slow
def test_kills_lose_no_trace_and_pay_again_only_what_was_in_flight(tmp_path: Path) -> None:
    faults = {"every_429": 50, "retry_after_ms": 20, "every_garbage": 60, "noise": 0.3}
    with endpoint_process(latency_s=0.06, slots=CONCURRENCY, **faults) as endpoint:
        model = {"concurrency": CONCURRENCY, "retries": 12}
        workspace = distilling(tmp_path, endpoint.base_url, EXAMPLES, model, distill={"chunk": 10, "attempts": 6})
        stats = kill_and_finish(lambda: distill(workspace), endpoint.stats, KILLS, 0.8, 20261)
    report = read_report(workspace.traces)
    assert (report.examples, report.kept) == (EXAMPLES * TASKS, EXAMPLES * TASKS)
    assert len(stored(workspace)) == EXAMPLES * TASKS
    assert report.sent_back["leaning"] > 0
    assert stats.duplicates <= KILLS * CONCURRENCY
    assert not (workspace.state / "distill").exists()


@pytest.mark.slow
def test_ctrl_c_stops_cleanly_and_says_how_to_resume(tmp_path: Path) -> None:
    with endpoint_process(latency_s=0.05, slots=4) as endpoint:
        workspace = distilling(tmp_path, endpoint.base_url, EXAMPLES, {"concurrency": 4})
        process = distill(workspace)
        while endpoint.stats().answered < 20 and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        assert process.returncode == 130, said.decode()
        assert b"the same command goes on" in said
        assert b"Traceback" not in said
