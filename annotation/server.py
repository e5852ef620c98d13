"""The embedded Argilla: a real argilla-server as a child process, its data and secrets in the project's state folder.

state/argilla/   argilla.db, credentials.json (user, password, API key), secret (signs sessions), users/ (passwords of
                 annotators), server.json (the address while it runs); for the project's owner alone
"""

from __future__ import annotations

import getpass
import http.client
import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ..core.errors import ArgillaError, ServerError
from ..core.workspace import Workspace
from ..graphs.progress import Progress
from ..llm.server import LocalServer, free_port
from .environment import server_python

ARGILLA_WORKSPACE = "cluster-r1"
"""The workspace on the embedded server; a team's own server has names of its own."""

_PORT = 6900
_READY_S = 180.0
_USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_LAUNCH = "import sys, runpy; sys.path.append(sys.argv.pop(1)); runpy.run_module('embedded', None, '__main__', True)"


class Credentials(NamedTuple):
    """The first user of an embedded Argilla, who may do everything there."""

    user: str
    password: str
    api_key: str


class RunningArgilla(NamedTuple):
    """An embedded Argilla that answers, and the file that holds its owner's password."""

    url: str
    user: str
    api_key: str
    credentials_file: Path


@contextmanager
def embedded_argilla(
    workspace: Workspace, progress: Progress, port: int | None = None, user: str | None = None
) -> Iterator[tuple[RunningArgilla, LocalServer]]:
    """Run the project's Argilla until the block ends, or this process does, kill -9 included.

    `port` is 6900 or another free one unless it is given. Raises ServerError: the port is taken, it runs already, the
    environment cannot be made, the server does not come up (with the end of its log).
    """
    from filelock import FileLock, Timeout

    home = _home(workspace)
    _make_private(home)
    lock = FileLock(home / "lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise ServerError(f"this project's Argilla runs already{_where(home)}") from None
    try:
        (home / "server.json").unlink(missing_ok=True)  # of a start that was killed
        credentials = _credentials(home, user)
        with _server(workspace, home, credentials, server_python(progress), port, progress) as server:
            _make_workspace(server.base_url, credentials.api_key)
            _write_private(home / "server.json", json.dumps({"url": server.base_url}))
            running = RunningArgilla(server.base_url, credentials.user, credentials.api_key, home / "credentials.json")
            yield running, server
    finally:
        (home / "server.json").unlink(missing_ok=True)
        lock.release()


def running_server(workspace: Workspace) -> RunningArgilla | None:
    """The project's embedded Argilla, if it runs: another process may have started it."""
    file = _home(workspace) / "credentials.json"
    try:
        url = json.loads((_home(workspace) / "server.json").read_text())["url"]
        credentials = Credentials(**json.loads(file.read_text()))
    except OSError:
        return None
    running = RunningArgilla(url, credentials.user, credentials.api_key, file)
    return running if _knows(url, credentials.api_key) else None


def add_annotator(workspace: Workspace, name: str) -> Path:
    """An account on the running embedded Argilla that may answer reviews; returns the file with its password.

    Raises ArgillaError when Argilla does not run, the name is not one, or it is taken.
    """
    running = running_server(workspace)
    if running is None:
        raise ArgillaError("this project's Argilla does not run; start it with `cluster-r1 argilla up`")
    path = _home(workspace) / "users" / f"{_check_user(name)}.txt"
    if not path.exists():
        _write_private(path, f"{secrets.token_urlsafe(12)}\n")
    new = {"first_name": name, "username": name, "role": "annotator", "password": path.read_text().strip()}
    status, made = _call(running.url, running.api_key, "POST", "/api/v1/users", new)
    if status == 409:
        raise ArgillaError(f"there already is a user {name!r}; the password of the first time is in {path}")
    _expect(status, made)
    place = f"/api/v1/workspaces/{_workspace_id(running)}/users"
    _expect(*_call(running.url, running.api_key, "POST", place, {"user_id": made["id"]}))
    return path


def _home(workspace: Workspace) -> Path:
    return workspace.state / "argilla"


def _where(home: Path) -> str:
    try:
        return f" at {json.loads((home / 'server.json').read_text())['url']}"
    except OSError:
        return " or is starting"


def _server(
    workspace: Workspace, home: Path, credentials: Credentials, python: Path, port: int | None, progress: Progress
) -> LocalServer:
    def command(chosen: int) -> list[str]:
        launch = [str(python), "-P", "-c", _LAUNCH, str(Path(__file__).parent)]
        return [*launch, "--home", str(home), "--port", str(chosen), "--user", credentials.user]

    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("ARGILLA_", "PYTHON"))}
    owner = {"ARGILLA_OWNER_PASSWORD": credentials.password, "ARGILLA_OWNER_API_KEY": credentials.api_key}
    progress.note("starting Argilla")
    return LocalServer(
        command,
        "Argilla",
        workspace.logs / "argilla.log",
        port=_port(port),
        environment={**inherited, **owner},
        ready_s=_READY_S,
        progress=progress.note,
        ready=lambda port: _knows(f"http://127.0.0.1:{port}", credentials.api_key),
        path="",
    )


def _port(asked: int | None) -> int:
    if asked is not None:
        return free_port(asked)
    try:
        return free_port(_PORT)
    except ServerError:
        return free_port(None)


def _credentials(home: Path, user: str | None) -> Credentials:
    """Those of the first start, when they are made."""
    path = home / "credentials.json"
    if path.exists():
        known = Credentials(**json.loads(path.read_text()))
        if user not in (None, known.user):
            raise ServerError(f"the owner of this Argilla is {known.user!r}; `cluster-r1 argilla user` adds others")
        return known
    made = Credentials(_check_user(user or _login_name()), secrets.token_urlsafe(12), secrets.token_urlsafe(32))
    _write_private(home / "secret", secrets.token_hex(32))
    _write_private(path, json.dumps(made._asdict(), indent=1))
    return made


def _login_name() -> str:
    try:
        name = re.sub(r"[^A-Za-z0-9_-]+", "-", getpass.getuser()).strip("-_")
    except (OSError, KeyError):
        name = ""
    return name or "owner"


def _check_user(name: str) -> str:
    if not _USER.fullmatch(name):
        raise ArgillaError(f"{name!r} is no user name: letters, digits, - and _, beginning with a letter or digit")
    return name


def _make_workspace(url: str, api_key: str) -> None:
    status, answer = _call(url, api_key, "POST", "/api/v1/workspaces", {"name": ARGILLA_WORKSPACE})
    if status != 409:  # it is there from an earlier start
        _expect(status, answer)


def _workspace_id(running: RunningArgilla) -> str:
    status, answer = _call(running.url, running.api_key, "GET", "/api/v1/me/workspaces")
    _expect(status, answer)
    return next(found["id"] for found in answer["items"] if found["name"] == ARGILLA_WORKSPACE)


def _knows(url: str, api_key: str) -> bool:
    """Whether this very Argilla answers there, and not another project's."""
    try:
        return _call(url, api_key, "GET", "/api/v1/me")[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def _call(url: str, api_key: str, method: str, path: str, content: Any = None) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    try:
        headers = {"X-Argilla-Api-Key": api_key, "Content-Type": "application/json"}
        connection.request(method, path, json.dumps(content) if content is not None else None, headers)
        answer = connection.getresponse()
        body = answer.read()
        return answer.status, json.loads(body) if body else None
    except ValueError as error:
        raise http.client.HTTPException(f"{url} does not answer in JSON: {error}") from error
    finally:
        connection.close()


def _expect(status: int, answer: Any) -> None:
    if not 200 <= status < 300:
        raise ArgillaError(f"Argilla answered {status}: {answer}")


def _make_private(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)


def _write_private(path: Path, content: str) -> None:
    """Never readable by others, not even for a moment; whole or not at all."""
    _make_private(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(content)
    temporary.replace(path)
