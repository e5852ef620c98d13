"""ChatService: what the endpoint does with one chat call, from the refusals over the work to the faults."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, NamedTuple

import orjson
from aiohttp import web

from .brain import answer_conversation
from .config import EndpointConfig, Fault
from .conversation import BadBody, read_conversation
from .counts import Call, Journal, Outcome, Tally
from .instances import UnsupportedSchema
from .payloads import NO_JSON, Completion, error_json, wrong_content
from .words import stable_share

_LOOK_FOR_CLIENT_S = 0.05


class Refusal(NamedTuple):
    """An error instead of an answer."""

    outcome: Outcome
    status: int
    message: str
    kind: str = "invalid_request_error"
    code: str | None = None


class _Exchange(NamedTuple):
    request: web.BaseRequest
    tally: Tally
    call: Call
    body: Any
    fault: Fault | None


class ChatService:
    """Answers chat calls; `tally` may be replaced at any time, a call ends in the one it began in."""

    def __init__(self, config: EndpointConfig) -> None:
        self.tally = Tally()
        self.journal: Journal | None = None
        self._config = config
        self._slots = asyncio.Semaphore(config.slots) if config.slots else None
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Let go of the calls that hang."""
        self._stopping.set()

    async def complete(self, request: web.BaseRequest) -> web.StreamResponse:
        raw = await request.content.read()
        tally = self.tally
        call = tally.receive(raw)
        try:
            body = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            body, refusal = None, Refusal("rejected", 400, f"the body is not JSON: {error}")
        else:
            refusal = self.unauthorized(request) or self._rejected(body) or self._overloaded(tally)
        exchange = _Exchange(request, tally, call, body, self._config.fault_of(call.number))
        if refusal is None and exchange.fault is not None and exchange.fault.kind == "429":
            refusal = _rate_limited("429")
        if refusal is not None:
            return self._refuse(exchange, refusal)
        tally.begin()
        try:
            return await self._answer(exchange)
        finally:
            tally.end()

    def unauthorized(self, request: web.BaseRequest) -> Refusal | None:
        """A wrong key is shown in the error in full, as careless servers do: a caller must not log it."""
        if self._config.api_key is None:
            return None
        given = request.headers.get("Authorization", "")
        if given == f"Bearer {self._config.api_key}":
            return None
        return Refusal("unauthorized", 401, f"Incorrect API key provided: {given!r}", code="invalid_api_key")

    def _rejected(self, body: Any) -> Refusal | None:
        if not isinstance(body, dict):
            return Refusal("rejected", 400, "the body must be a JSON object")
        if body.get("stream"):
            return Refusal("rejected", 400, "streaming is not supported here")
        if body.get("response_format") is not None and not self._config.supports_json_schema:
            return Refusal("rejected", 400, "response_format is not supported by this model")
        model = body.get("model")
        if self._config.models and model not in self._config.models:
            return Refusal("rejected", 404, f"The model {model!r} does not exist", code="model_not_found")
        return None

    def _overloaded(self, tally: Tally) -> Refusal | None:
        most = self._config.refuse_above
        return _rate_limited("overload") if most is not None and tally.in_flight >= most else None

    async def _answer(self, exchange: _Exchange) -> web.StreamResponse:
        fault = exchange.fault.kind if exchange.fault else None
        if fault == "timeout":
            return await self._hang(exchange)
        if not await self._work(exchange):
            return self._hang_up(exchange, "abandoned")
        if fault == "500":
            return self._refuse(exchange, Refusal("500", 500, "The server had an error", "server_error"))
        try:
            conversation = read_conversation(exchange.body)
            text = answer_conversation(conversation, exchange.body, self._config.noise)
        except (BadBody, UnsupportedSchema) as error:
            return self._refuse(exchange, Refusal("rejected", 400, str(error)))
        completion = Completion(text, sum(map(len, conversation.said)) // 4)
        if exchange.fault is not None:
            return await self._spoil(exchange, exchange.fault, completion)
        exchange.tally.count_answer(completion, conversation.document if self._config.count_documents else None)
        return self._send(exchange, "answer", 200, self._written(exchange, completion))

    async def _work(self, exchange: _Exchange) -> bool:
        """Take the time that an answer takes; False when the client left while the call waited for a slot."""
        seconds = self._config.latency_s
        if self._config.jitter_s:
            seconds += self._config.jitter_s * stable_share("jitter", str(exchange.call.number))
        if self._slots is None:
            await asyncio.sleep(seconds)
            return True
        async with self._slots:
            if exchange.request.transport is None:
                return False
            await asyncio.sleep(seconds)
            return True

    async def _hang(self, exchange: _Exchange) -> web.StreamResponse:
        """Wait until the client has gone or the endpoint stops."""
        while exchange.request.transport is not None and not self._stopping.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), _LOOK_FOR_CLIENT_S)
        return self._hang_up(exchange, "timeout")

    async def _spoil(self, exchange: _Exchange, fault: Fault, completion: Completion) -> web.StreamResponse:
        if fault.kind == "truncated":
            return await self._break_off(exchange, self._written(exchange, completion), fault.turn)
        if fault.kind == "garbage" and fault.turn % 3 == 0:
            return self._send(exchange, fault.kind, 200, NO_JSON)
        if fault.kind == "garbage":
            spoiled = completion._replace(text=wrong_content(fault.turn % 3 - 1))
        elif fault.kind == "empty":
            spoiled = completion._replace(text="")
        else:
            spoiled = completion.cut()
        exchange.tally.count_tokens(spoiled)
        return self._send(exchange, fault.kind, 200, self._written(exchange, spoiled))

    async def _break_off(self, exchange: _Exchange, content: bytes, turn: int) -> web.StreamResponse:
        half = content[: len(content) // 2]
        if turn % 3 == 0:
            return self._send(exchange, "truncated", 200, half)
        if turn % 3 == 2:
            return self._hang_up(exchange, "truncated")
        response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(content))})
        await response.prepare(exchange.request)
        await response.write(half)
        self._close(exchange, "truncated", 200)
        if exchange.request.transport is not None:
            exchange.request.transport.close()
        return response

    def _written(self, exchange: _Exchange, completion: Completion) -> bytes:
        return completion.to_json(exchange.call.number, exchange.body.get("model"), self._config.reasoning)

    def _refuse(self, exchange: _Exchange, refusal: Refusal) -> web.Response:
        response = error_response(refusal)
        if refusal.status == 429:
            if self._config.retry_after_s is not None:
                response.headers["Retry-After"] = f"{self._config.retry_after_s:g}"
            if self._config.retry_after_ms is not None:
                response.headers["retry-after-ms"] = f"{self._config.retry_after_ms:g}"
        self._close(exchange, refusal.outcome, refusal.status)
        return response

    def _send(self, exchange: _Exchange, outcome: Outcome, status: int, content: bytes) -> web.Response:
        self._close(exchange, outcome, status)
        return web.Response(body=content, status=status, content_type="application/json")

    def _hang_up(self, exchange: _Exchange, outcome: Outcome) -> web.StreamResponse:
        """Close the connection without a word; the response is for aiohttp, it reaches nobody."""
        exchange.tally.close(exchange.call, outcome, None)
        if exchange.request.transport is not None:
            exchange.request.transport.close()
        return web.Response()

    def _close(self, exchange: _Exchange, outcome: Outcome, status: int) -> None:
        exchange.tally.close(exchange.call, outcome, status)
        if self.journal is not None:
            self.journal.write(exchange.call.digest, status)


def error_response(refusal: Refusal) -> web.Response:
    content = error_json(refusal.message, refusal.kind, refusal.code)
    return web.Response(body=content, status=refusal.status, content_type="application/json")


def _rate_limited(outcome: Outcome) -> Refusal:
    return Refusal(outcome, 429, "Rate limit reached, retry later", "rate_limit_error", "rate_limit_exceeded")
