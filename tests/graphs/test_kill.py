"""kill -9 at a random point, ten times in a row, then a clean finish."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cluster_r1.core.workspace import Workspace, read_json
from cluster_r1.graphs.run import label_store
from cluster_r1.graphs.summarising import read_result
from cluster_r1.llm.testing.endpoint import endpoint_process
from killing import kill_and_finish

from .conftest import Project

DOCUMENTS = 1500
CONCURRENCY = 16
KILLS = 10


def synth(workspace: Workspace) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "cluster_r1", "-C", str(workspace.root), "synth", "--yes"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


@pytest.mark.slow
def test_ten_kills_lose_no_document_and_pay_again_only_what_was_in_flight(project: Project, tmp_path: Path) -> None:
    with endpoint_process(
        latency_s=0.02, slots=CONCURRENCY, every_429=50, retry_after_ms=20, every_garbage=60
    ) as endpoint:
        workspace = project(endpoint.base_url, DOCUMENTS, model={"concurrency": CONCURRENCY, "retries": 12})
        stats = kill_and_finish(lambda: synth(workspace), endpoint.stats, KILLS, 0.6, 20260)
    task = read_result(workspace, "topic").task
    ids = [row.consensus.document_id for row in label_store(workspace, task.taxonomy).rows()]
    assert sorted(ids) == sorted(f"d{n}" for n in range(DOCUMENTS))
    assert sum(task.outcomes.values()) == DOCUMENTS
    assert task.outcomes == {"kept": DOCUMENTS}
    assert stats.duplicates <= KILLS * CONCURRENCY
    assert read_json(workspace.corpus / "report.json")["kept"] == DOCUMENTS


@pytest.mark.slow
def test_ctrl_c_stops_cleanly_and_says_how_to_resume(project: Project) -> None:
    with endpoint_process(latency_s=0.05, slots=4) as endpoint:
        workspace = project(endpoint.base_url, 500, model={"concurrency": 4})
        process = synth(workspace)
        while endpoint.stats().answered < 20 and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        assert process.returncode == 130, said.decode()
        assert b"the same command goes on" in said
        assert b"Traceback" not in said
        duplicates = endpoint.stats().duplicates
        assert duplicates == 0
