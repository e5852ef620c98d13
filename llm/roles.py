"""Roles: every role's model over the endpoints of a project. One session, limiter and health a endpoint.

Endpoints open and local servers start with the first call that has to be paid, so a run that finds everything in the
ledger starts nothing.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from ..core.errors import SettingsError
from ..core.settings import ModelSettings
from .concurrency import AdaptiveLimiter
from .ledger import Ledger
from .model import EndpointHealth, LedgeredModel, Transport
from .protocol import Reply

if TYPE_CHECKING:
    import aiohttp

    from .server import LocalServer

_IDLE_S = 4.0
"""Less than the 5 s after which llama.cpp and uvicorn close an idle connection: later it might be lost in the act."""

Notify = Callable[[str], None]
"""Called with a plain sentence when something slow starts (a download, a server)."""


class _Endpoint(NamedTuple):
    limiter: AdaptiveLimiter
    health: EndpointHealth


class Roles:
    """An asynchronous context that hands out models by role, and closes sessions and servers at its end."""

    def __init__(
        self, settings: Mapping[str, ModelSettings], ledger: Ledger, logs: Path, notify: Notify = lambda _: None
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._logs = logs
        self._notify = notify
        self._endpoints: dict[str, _Endpoint] = {}
        self._servers: dict[str, LocalServer] = {}
        self._session: aiohttp.ClientSession | None = None
        self.models: dict[str, LedgeredModel] = {}

    async def __aenter__(self) -> Roles:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
        for server in self._servers.values():
            server.stop()

    @property
    def paid(self) -> int:
        """Calls that were paid in this run."""
        return sum(model.paid for model in self.models.values())

    def thinking(self, role: str) -> LedgeredModel:
        """A model for few, long calls (generation, refinement, tracing, reviewing), through ChatOpenAI."""
        settings = self._settings[role]
        return self._model(role, lambda: self._open_thinking(settings), keep_request=True)

    def bulk(self, role: str) -> LedgeredModel:
        """A model for many calls (labels, evaluation), through aiohttp."""
        settings = self._settings[role]
        return self._model(role, lambda: self._open_data_plane(settings), keep_request=False)

    def _model(
        self, role: str, open_transport: Callable[[], Awaitable[Transport]], keep_request: bool
    ) -> LedgeredModel:
        if role not in self.models:
            settings = self._settings[role]
            endpoint = self._endpoint(settings)
            self.models[role] = LedgeredModel(
                role, settings, _OnDemand(open_transport), self._ledger, endpoint.limiter, endpoint.health, keep_request
            )
        return self.models[role]

    def _endpoint(self, settings: ModelSettings) -> _Endpoint:
        address = _address(settings)
        if address not in self._endpoints:
            self._endpoints[address] = _Endpoint(AdaptiveLimiter(settings.concurrency), EndpointHealth())
        return self._endpoints[address]

    async def _open_thinking(self, settings: ModelSettings) -> Transport:
        from .thinking import LangChainTransport

        return LangChainTransport(settings, self._base_url(settings), api_key(settings))

    async def _open_data_plane(self, settings: ModelSettings) -> Transport:
        import aiohttp

        from .dataplane import AiohttpTransport

        if self._session is None:
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_S))
        return AiohttpTransport(
            self._session, self._base_url(settings), api_key(settings), settings.api_key_env, settings.timeout_s
        )

    def _base_url(self, settings: ModelSettings) -> str:
        if settings.base_url is not None:
            return settings.base_url
        address = _address(settings)
        if address not in self._servers:
            from .server import serve

            self._servers[address] = serve(settings, self._logs, self._notify)
        return self._servers[address].base_url


class _OnDemand:
    """A transport that is opened by its first call."""

    def __init__(self, open_transport: Callable[[], Awaitable[Transport]]) -> None:
        self._open = open_transport
        self._opened: Transport | None = None
        self._lock = asyncio.Lock()

    async def send(self, body: dict[str, Any]) -> Reply:
        if self._opened is None:
            async with self._lock:
                if self._opened is None:
                    self._opened = await self._open()
        return await self._opened.send(body)


def api_key(settings: ModelSettings) -> str | None:
    """The key from the environment. Raises SettingsError when the named variable is empty."""
    if settings.api_key_env is None:
        return None
    key = os.environ.get(settings.api_key_env)
    if not key:
        raise SettingsError(
            f"the environment variable {settings.api_key_env!r} (api_key_env of {settings.model!r}) is empty"
        )
    return key


def _address(settings: ModelSettings) -> str:
    return settings.base_url or f"{settings.serve}:{settings.model}"
