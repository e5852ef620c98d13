"""LedgeredModel: one role's model. The ledger first, else a slot, the budget, the transport with its retries."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import orjson

from ..core.settings import ModelSettings, Price
from .concurrency import AdaptiveLimiter
from .failures import CallFailed, backoff_seconds
from .ledger import Call, Ledger
from .protocol import ChatRequest, Reply, Usage
from .requests import request_body, request_key

_FAILURES_IN_A_ROW = 20


class Transport(Protocol):
    """Sends one body and returns the reply without key. Raises CallFailed and nothing else."""

    async def send(self, body: dict[str, Any]) -> Reply: ...


class EndpointHealth:
    """Failed calls since the last answer, over all roles of an endpoint: when it is gone, the run stops early."""

    def __init__(self) -> None:
        self.failed_in_a_row = 0

    def answered(self) -> None:
        self.failed_in_a_row = 0

    def failed(self, failure: CallFailed) -> CallFailed:
        """The failure to raise for a call that was given up: fatal once nothing but failures has come for long."""
        self.failed_in_a_row += 1
        if self.failed_in_a_row < _FAILURES_IN_A_ROW or failure.kind == "fatal":
            return failure
        return CallFailed("fatal", f"{self.failed_in_a_row} calls in a row failed, the last because {failure}")


class LedgeredModel:
    """A ChatModel whose answered calls are never paid twice, not even when two of them are in flight at once."""

    def __init__(
        self,
        role: str,
        settings: ModelSettings,
        transport: Transport,
        ledger: Ledger,
        limiter: AdaptiveLimiter,
        health: EndpointHealth,
        keep_request: bool = False,
    ) -> None:
        self.role = role
        self.settings = settings
        self._transport = transport
        self._ledger = ledger
        self._limiter = limiter
        self._health = health
        self._keep_request = keep_request
        self._in_flight: dict[bytes, asyncio.Future[Reply]] = {}
        self._rng = random.Random(role)
        self.paid = 0

    @property
    def name(self) -> str:
        return self.settings.model

    async def complete(self, request: ChatRequest, subject: str = "") -> Reply:
        body = request_body(self.settings, request)
        key = request_key(body, request.variant)
        known = self._ledger.find(key)
        if known is not None:
            return known
        twin = self._in_flight.get(key)
        if twin is not None:
            return await asyncio.shield(twin)
        return await self._share(key, lambda: self._pay(key, body, subject))

    async def _share(self, key: bytes, pay: Callable[[], Awaitable[Reply]]) -> Reply:
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._in_flight[key] = answer
        try:
            reply = await pay()
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError):
                answer.cancel()
            else:
                answer.set_exception(error)
                answer.exception()
            raise
        else:
            answer.set_result(reply)
            return reply
        finally:
            del self._in_flight[key]

    async def _pay(self, key: bytes, body: dict[str, Any], subject: str) -> Reply:
        for attempt in range(1, self.settings.retries + 2):
            try:
                return await self._attempt(key, body, subject)
            except CallFailed as failure:
                self._ledger.record_failure(self.role, self.name, subject, failure.kind, str(failure))
                if attempt > self.settings.retries or not failure.worth_repeating:
                    raise self._health.failed(failure) from None
                await asyncio.sleep(backoff_seconds(attempt, failure, self._rng))
        raise AssertionError("the loop returns or raises")

    async def _attempt(self, key: bytes, body: dict[str, Any], subject: str) -> Reply:
        epoch = await self._limiter.acquire()
        refusal: CallFailed | None = None
        try:
            self._ledger.check_budget()
            started = time.perf_counter()
            said = await self._transport.send(body)
            latency_s = time.perf_counter() - started
            reply = Reply(said.text, key.hex(), said.reasoning, said.finish_reason, said.usage, latency_s)
            request = orjson.dumps(body).decode() if self._keep_request else None
            usd = cost_usd(self.settings.price, reply.usage)
            await self._ledger.record(Call(key, self.role, self.name, subject, reply, usd, request))
        except CallFailed as failure:
            refusal = failure if failure.kind == "refused" else None
            raise
        finally:
            self._limiter.release(epoch, refusal is not None, refusal.retry_after_s if refusal else None)
        self.paid += 1
        self._health.answered()
        return reply


def cost_usd(price: Price, usage: Usage) -> float:
    return (usage.prompt_tokens * price.input + usage.completion_tokens * price.output) / 1e6
