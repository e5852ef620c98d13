"""Checkpoints in a real Postgres, given by URL."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster_r1.core.errors import SettingsError
from cluster_r1.llm.testing.endpoint import FaultEndpoint

from .conftest import Project, run

TASKS = [{"id": "topic", "instruction": "Cluster by topic."}]
SMALL = {"min_clusters": 2, "max_clusters": 5, "probe": 10, "rounds": 0}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """A cluster of its own in a temporary folder, on loopback."""
    pytest.importorskip("psycopg", reason="the extra [postgres] is not installed")
    folders = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").exists()]
    if not folders:
        pytest.skip("no PostgreSQL server is installed")
    programs, folder, port = max(folders), Path(tempfile.mkdtemp(prefix="pg-")), _free_port()
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if as_user:
        shutil.chown(folder, "postgres")
    data = str(folder / "data")

    def call(*command: str) -> None:
        subprocess.run(
            [*as_user, str(programs / command[0]), *command[1:]], check=True, stdout=subprocess.DEVNULL, cwd="/"
        )

    call("initdb", "-D", data, "-A", "trust", "-U", "postgres")
    options = f"-p {port} -h 127.0.0.1 -k {folder}"
    call("pg_ctl", "-D", data, "-o", options, "-l", str(folder / "log"), "-w", "start")
    yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    call("pg_ctl", "-D", data, "-m", "immediate", "stop")
    shutil.rmtree(folder)


@pytest.mark.slow
async def test_a_gate_waits_and_resumes_from_postgres(project: Project, postgres: str) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = project(endpoint.base_url, tasks=TASKS, taxonomy=SMALL, checkpoints=postgres)
        waiting = await run(workspace)
        assert [gate.gate for gate in waiting.waiting] == ["taxonomy-topic"]
        result = await run(workspace, yes=True)
        assert (await run(workspace)).paid == 0
    assert sum(result.tasks[0].outcomes.values()) == 60
    assert not workspace.checkpoints.exists()


async def test_an_unknown_place_for_checkpoints_is_refused_without_showing_a_password(project: Project) -> None:
    workspace = project("http://127.0.0.1:9/v1", checkpoints="mysql://me:secret@host/db")
    with pytest.raises(SettingsError, match="sqlite") as raised:
        await run(workspace)
    assert "secret" not in str(raised.value)
