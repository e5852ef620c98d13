"""The embedded Argilla: private, found by other processes, keeps its data, never outlives its parent."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest
from cluster_r1.annotation.server import RunningArgilla, add_annotator, embedded_argilla, running_server
from cluster_r1.core.errors import ArgillaError, ServerError
from cluster_r1.core.workspace import Workspace
from cluster_r1.graphs.progress import Silent

from .desk import processes_of

pytestmark = pytest.mark.slow

PARENT = """
import sys, time
from pathlib import Path
from cluster_r1.annotation.server import embedded_argilla
from cluster_r1.core.workspace import Workspace
from cluster_r1.graphs.progress import Silent
with embedded_argilla(Workspace(Path(sys.argv[1])), Silent()) as (running, _):
    print(running.url, flush=True)
    time.sleep(300)
"""


class SecondStart(Silent):
    """Starts once more while the first start goes on; the address of an earlier one, which was killed, is not told."""

    def __init__(self, root: Path, old_url: str) -> None:
        self._root = root
        self._old_url = old_url

    def note(self, text: str) -> None:
        with (
            pytest.raises(ServerError, match="or is starting") as refused,
            embedded_argilla(Workspace(self._root), Silent()),
        ):
            pass
        assert self._old_url not in str(refused.value)


def mode(path: Path) -> str:
    return oct(path.stat().st_mode & 0o777)


def me(running: RunningArgilla, key: str | None = None) -> httpx.Response:
    return httpx.get(f"{running.url}/api/v1/me", headers={"X-Argilla-Api-Key": key or running.api_key})


def sign_in(url: str, user: str, password: str) -> httpx.Response:
    return httpx.post(f"{url}/api/v1/token", data={"username": user, "password": password}, timeout=30)


def test_its_life(tmp_path: Path) -> None:
    workspace, home = Workspace(tmp_path), tmp_path / "state" / "argilla"
    assert running_server(workspace) is None
    with pytest.raises(ArgillaError, match="argilla up"):
        add_annotator(workspace, "ann")
    with embedded_argilla(workspace, Silent(), user="boss") as (running, server):
        _is_private(workspace, running)
        assert running_server(workspace) == running
        assert me(running).json()["username"] == "boss"
        assert me(running, "wrong").status_code == 401
        with (
            pytest.raises(ServerError, match=f"runs already at {running.url}"),
            embedded_argilla(workspace, Silent()),
        ):
            pass
        password = add_annotator(workspace, "ann").read_text().strip()
        token = sign_in(running.url, "ann", password).json()["access_token"]
        with pytest.raises(ArgillaError, match="already is a user 'ann'"):
            add_annotator(workspace, "ann")
        with pytest.raises(ArgillaError, match="no user name"):
            add_annotator(workspace, "../ann")
        assert server.running
    assert running_server(workspace) is None
    assert processes_of(home) == []
    _keeps_its_data(workspace, running, password, token)


def _is_private(workspace: Workspace, running: RunningArgilla) -> None:
    home = workspace.state / "argilla"
    secret = json.loads(running.credentials_file.read_text())
    assert {mode(path) for path in (running.credentials_file, home / "secret", home / "server.json")} == {"0o600"}
    assert mode(home) == "0o700"
    assert len(secret["password"]) >= 16
    for process in processes_of(home):
        assert not {secret["password"], secret["api_key"]} & set(process.cmdline())
        assert {c.laddr.ip for c in process.net_connections() if c.status == psutil.CONN_LISTEN} <= {"127.0.0.1"}
    log = (workspace.logs / "argilla.log").read_text()
    assert secret["password"] not in log
    assert secret["api_key"] not in log


def _keeps_its_data(workspace: Workspace, before: RunningArgilla, password: str, token: str) -> None:
    """After a restart: the same owner and annotators; who was signed in still is."""
    with (
        pytest.raises(ServerError, match="owner of this Argilla is 'boss'"),
        embedded_argilla(workspace, Silent(), user="other"),
    ):
        pass
    with embedded_argilla(workspace, Silent()) as (running, _):
        assert (running.user, running.api_key) == (before.user, before.api_key)
        assert sign_in(running.url, "ann", password).status_code == 201
        signed_in = {"Authorization": f"Bearer {token}"}
        assert httpx.get(f"{running.url}/api/v1/me", headers=signed_in).json()["username"] == "ann"


def test_a_port_that_is_taken_is_an_error_only_when_it_was_asked_for(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(ServerError, match=f"port {port} is taken"),
            embedded_argilla(Workspace(tmp_path), Silent(), port),
        ):
            pass
    assert running_server(Workspace(tmp_path)) is None


def test_it_ends_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    url = parent.stdout.readline().strip()
    assert httpx.get(f"{url}/api/v1/version").status_code == 200
    home = tmp_path / "state" / "argilla"
    assert processes_of(home)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    for _ in range(300):
        if not processes_of(home):
            break
        time.sleep(0.1)
    assert processes_of(home) == []
    assert running_server(Workspace(tmp_path)) is None
    with embedded_argilla(Workspace(tmp_path), SecondStart(tmp_path, url)) as (running, _):
        assert me(running).status_code == 200


def test_it_asks_nobody_outside(tmp_path: Path) -> None:
    """Telemetry is off: no connection but those on this machine, at the start and while requests are answered."""
    with embedded_argilla(Workspace(tmp_path), Silent()) as (running, _):
        for _ in range(5):
            me(running)
        seen = [
            connection.raddr.ip
            for process in processes_of(tmp_path / "state" / "argilla")
            for connection in process.net_connections()
            if connection.raddr
        ]
    assert set(seen) <= {"127.0.0.1"}
