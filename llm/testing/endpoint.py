"""A fault-injecting OpenAI-compatible endpoint on 127.0.0.1, in this process or in one of its own.

    async with FaultEndpoint(EndpointConfig(latency_s=0.05, every_429=50)) as endpoint: ...
    with endpoint_process(latency_s=0.05, every_429=50) as endpoint: ...
    python -m cluster_r1.llm.testing.endpoint --port 8000 --latency 0.05 --every-429 50

It serves /v1/chat/completions, /v1/models, /health, /stats and POST /reset. A call whose client has gone is worked on
to its end, and counted, as most paid endpoints do; only one that still waits in the queue is dropped.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from types import TracebackType

import orjson
from aiohttp import web

from .chat import ChatService, Refusal, error_response
from .config import EndpointConfig
from .counts import EndpointStats, Journal, Tally
from .payloads import models_json
from .process import endpoint_process, parse_flags, stop_event

__all__ = ["EndpointConfig", "EndpointStats", "FaultEndpoint", "endpoint_process"]

_ANY_MODEL = ("stand-in",)
_SHUTDOWN_S = 0.2


class FaultEndpoint:
    """The endpoint on the running event loop; it serves inside `async with`, once."""

    def __init__(self, config: EndpointConfig | None = None) -> None:
        self.config = config or EndpointConfig()
        self.base_url = ""
        self._chat = ChatService(self.config)
        self._running = AsyncExitStack()
        self._routes = {
            ("POST", "/v1/chat/completions"): self._chat.complete,
            ("GET", "/v1/models"): self._models,
            ("GET", "/health"): self._health,
            ("GET", "/stats"): self._stats,
            ("POST", "/reset"): self._reset,
        }

    async def __aenter__(self) -> FaultEndpoint:
        """Raises OSError when the port is taken or the journal cannot be written."""
        async with AsyncExitStack() as starting:
            if self.config.journal is not None:
                self._chat.journal = Journal(self.config.journal)
                starting.callback(self._chat.journal.close)
            runner = web.ServerRunner(web.Server(self._handle, access_log=None), shutdown_timeout=_SHUTDOWN_S)
            await runner.setup()
            starting.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", self.config.port).start()
            self.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
            self._running = starting.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._chat.stop()
        await self._running.aclose()

    def stats(self) -> EndpointStats:
        return self._chat.tally.stats()

    def reset(self) -> None:
        """Start all counts again, the one that faults go by included; the journal goes on."""
        self._chat.tally = Tally()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        route = self._routes.get((request.method, request.path))
        if route is None:
            return error_response(Refusal("rejected", 404, f"there is no {request.method} {request.path}"))
        return await route(request)

    async def _models(self, request: web.BaseRequest) -> web.StreamResponse:
        refusal = self._chat.unauthorized(request)
        return error_response(refusal) if refusal else _json(models_json(self.config.models or _ANY_MODEL))

    async def _health(self, _: web.BaseRequest) -> web.StreamResponse:
        return _json(b'{"status":"ok"}')

    async def _stats(self, _: web.BaseRequest) -> web.StreamResponse:
        return _json(self.stats().to_json())

    async def _reset(self, _: web.BaseRequest) -> web.StreamResponse:
        self.reset()
        return _json(b"{}")


def _json(content: bytes) -> web.Response:
    return web.Response(body=content, content_type="application/json")


async def _serve(config: EndpointConfig, until_stdin_closes: bool) -> None:
    stop = stop_event(until_stdin_closes)
    async with FaultEndpoint(config) as endpoint:
        sys.stdout.write(orjson.dumps({"base_url": endpoint.base_url}).decode() + "\n")
        sys.stdout.flush()
        await stop.wait()


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT; the first line on stdout is {"base_url": ...}."""
    flags = parse_flags(arguments)
    asyncio.run(_serve(flags.config, flags.until_stdin_closes))


if __name__ == "__main__":
    main()
