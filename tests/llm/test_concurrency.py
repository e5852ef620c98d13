"""The limiter against a simulated endpoint: noise costs nothing, overload one cut a round-trip, then recovery."""

import asyncio

import pytest
from cluster_r1.llm.concurrency import AdaptiveLimiter


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def round_trip(limiter: AdaptiveLimiter, refused: int, calls: int | None = None) -> None:
    """As many calls as fit at once go out together, then all come back; the first `refused` of them with a 429."""
    count = limiter.limit if calls is None else calls
    epochs = [await limiter.acquire() for _ in range(count)]
    for place, epoch in enumerate(epochs):
        limiter.release(epoch, refused=place < refused)


async def test_a_burst_of_refusals_is_one_cut() -> None:
    limiter = AdaptiveLimiter(64)
    await round_trip(limiter, refused=64)
    assert limiter.cuts == 1
    assert limiter.limit == 44


@pytest.mark.parametrize("every", [50, 7])
async def test_a_share_of_refusals_below_overload_never_cuts(every: int) -> None:
    limiter = AdaptiveLimiter(64)
    for call in range(1, 2001):
        limiter.release(await limiter.acquire(), refused=call % every == 0)
    assert limiter.cuts == 0
    assert limiter.limit == 64


async def test_a_floor_is_kept_and_the_limit_recovers() -> None:
    limiter = AdaptiveLimiter(64)
    for _ in range(40):
        await round_trip(limiter, refused=limiter.limit)
    assert limiter.limit == limiter.floor == 8
    for _ in range(60):
        await round_trip(limiter, refused=0)
    assert limiter.limit == 64


async def test_a_true_rate_limit_is_found_from_above() -> None:
    limiter, capacity = AdaptiveLimiter(128), 20
    for _ in range(30):
        await round_trip(limiter, refused=max(0, limiter.limit - capacity))
    assert limiter.limit <= 1.4 * capacity


async def test_overload_with_retry_after_pauses_everybody() -> None:
    clock = Clock()
    limiter = AdaptiveLimiter(16, clock=clock)
    epochs = [await limiter.acquire() for _ in range(16)]
    for epoch in epochs:
        limiter.release(epoch, refused=True, retry_after_s=5.0)
    waiting = asyncio.create_task(limiter.acquire())
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()


async def test_never_more_in_flight_than_the_limit_and_everyone_gets_through() -> None:
    limiter = AdaptiveLimiter(5)
    most = 0

    async def call() -> None:
        nonlocal most
        epoch = await limiter.acquire()
        most = max(most, limiter.in_flight)
        await asyncio.sleep(0)
        limiter.release(epoch, refused=False)

    await asyncio.gather(*(call() for _ in range(200)))
    assert most == 5
    assert limiter.in_flight == 0


async def test_a_cancelled_waiter_passes_its_turn_on() -> None:
    limiter = AdaptiveLimiter(1)
    epoch = await limiter.acquire()
    first, second = asyncio.create_task(limiter.acquire()), asyncio.create_task(limiter.acquire())
    await asyncio.sleep(0)
    limiter.release(epoch, refused=False)
    first.cancel()
    assert await asyncio.wait_for(second, 1) == 0
