"""Adaptive concurrency of one endpoint: cut on overload, not on noise; keep a floor; recover.

A limiter counts in epochs. A cut starts a new one, and answers to calls that were sent before it no longer count,
so there is at most one cut a round-trip however many 429s a burst brings. It cuts only when the share of 429s in the
epoch says overload: a stray 429 costs its own call a wait and nothing else.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

_OVERLOAD_SHARE = 0.2
_SMALLEST_SAMPLE = 10
_CUT = 0.7
_GROWTH = 0.1
_LONGEST_PAUSE_S = 60.0


class AdaptiveLimiter:
    """At most `limit` calls in flight, `floor` <= limit <= `maximum`. Used from one event loop."""

    def __init__(self, maximum: int, floor: int | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.maximum = maximum
        self.floor = max(1, maximum // 8) if floor is None else floor
        self.limit = maximum
        self.in_flight = 0
        self.cuts = 0
        self._epoch = 0
        self._answers = 0
        self._refusals = 0
        self._paused_until = 0.0
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._clock = clock

    async def acquire(self) -> int:
        """Wait for a slot; returns the epoch to hand back to `release`."""
        while self.in_flight >= self.limit or self._paused_until:
            pause = self._paused_until - self._clock()
            if pause > 0:
                await asyncio.sleep(pause)
                continue
            self._paused_until = 0.0
            if self.in_flight >= self.limit:
                await self._wait()
        self.in_flight += 1
        return self._epoch

    def release(self, epoch: int, refused: bool, retry_after_s: float | None = None) -> None:
        """Give the slot back and tell whether the endpoint refused the call for load (429)."""
        self.in_flight -= 1
        if epoch == self._epoch:
            self._answers += 1
            self._refusals += refused
            self._adapt(retry_after_s)
        self._wake()

    def _adapt(self, retry_after_s: float | None) -> None:
        if self._answers < max(_SMALLEST_SAMPLE, min(self.limit, self.maximum // 4)):
            return
        if self._refusals > _OVERLOAD_SHARE * self._answers:
            self.limit = max(self.floor, int(self.limit * _CUT))
            self.cuts += 1
            if retry_after_s:
                self._paused_until = self._clock() + min(retry_after_s, _LONGEST_PAUSE_S)
            self._start_epoch()
        elif self._answers >= self.limit:
            self.limit = min(self.maximum, self.limit + max(1, int(self.limit * _GROWTH)))
            self._start_epoch()

    def _start_epoch(self) -> None:
        self._epoch += 1
        self._answers = self._refusals = 0

    async def _wait(self) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self._wake()
            raise

    def _wake(self) -> None:
        free = self.limit - self.in_flight
        while free > 0 and self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                free -= 1
