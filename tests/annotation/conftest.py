"""One real Argilla for the whole test session, and people who answer in it over HTTP as its own page does."""

from __future__ import annotations

import importlib.util
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, NamedTuple

import httpx
import pytest
from cluster_r1.annotation.server import embedded_argilla
from cluster_r1.core.workspace import Workspace
from cluster_r1.graphs.progress import Silent
from cluster_r1.llm.server import free_port
from cluster_r1.llm.testing.endpoint import FaultEndpoint


class ArgillaServer(NamedTuple):
    """The running server and its owner's key."""

    url: str
    api_key: str

    def call(self, method: str, path: str, **options: Any) -> Any:
        answer = httpx.request(
            method, f"{self.url}{path}", headers={"X-Argilla-Api-Key": self.api_key}, timeout=60, **options
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None


class Annotator:
    """A person with an account, signed in as in the web page."""

    def __init__(self, url: str, name: str, password: str) -> None:
        self.name = name
        self.password = password
        signed_in = httpx.post(f"{url}/api/v1/token", data={"username": name, "password": password}, timeout=60)
        token = signed_in.raise_for_status().json()["access_token"]
        self.client = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60)

    def answer(self, record_server_id: str, values: dict[str, Any], status: str = "submitted") -> dict[str, Any]:
        """A first answer to a record."""
        return self._send("POST", f"/api/v1/records/{record_server_id}/responses", values, status)

    def change(self, response_id: str, values: dict[str, Any], status: str = "submitted") -> dict[str, Any]:
        """Another answer in place of an earlier one."""
        return self._send("PUT", f"/api/v1/responses/{response_id}", values, status)

    def _send(self, method: str, path: str, values: dict[str, Any], status: str) -> dict[str, Any]:
        content = {"status": status, "values": {question: {"value": value} for question, value in values.items()}}
        return self.client.request(method, path, json=content).raise_for_status().json()


@pytest.fixture
async def endpoint() -> AsyncIterator[FaultEndpoint]:
    """Models that answer at once."""
    async with FaultEndpoint() as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def argilla_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArgillaServer]:
    if importlib.util.find_spec("argilla") is None:
        pytest.skip("the Argilla SDK is not installed: pip install 'cluster-r1[annotation]'")
    workspace = Workspace(tmp_path_factory.mktemp("argilla"))
    with embedded_argilla(workspace, Silent(), free_port(None), user="owner") as (running, _):
        yield ArgillaServer(running.url, running.api_key)


@pytest.fixture
def argilla_workspace(argilla_server: ArgillaServer) -> str:
    """The name of an Argilla workspace that only this test uses."""
    name = f"test-{secrets.token_hex(4)}"
    argilla_server.call("POST", "/api/v1/workspaces", json={"name": name})
    return name


@pytest.fixture
def annotator(argilla_server: ArgillaServer, argilla_workspace: str) -> Callable[[str], Annotator]:
    """Makes people with an account who may answer in this test's Argilla workspace."""

    def make(name: str) -> Annotator:
        password = secrets.token_urlsafe(8)
        workspaces = argilla_server.call("GET", "/api/v1/me/workspaces")["items"]
        workspace = next(found["id"] for found in workspaces if found["name"] == argilla_workspace)
        for user in argilla_server.call("GET", "/api/v1/users")["items"]:
            if user["username"] == name:
                argilla_server.call("DELETE", f"/api/v1/users/{user['id']}")
        new = {"first_name": name, "username": name, "role": "annotator", "password": password}
        made = argilla_server.call("POST", "/api/v1/users", json=new)
        argilla_server.call("POST", f"/api/v1/workspaces/{workspace}/users", json={"user_id": made["id"]})
        return Annotator(argilla_server.url, name, password)

    return make
