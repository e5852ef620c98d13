"""LedgeredModel: never pays twice, repeats what is worth repeating, stops when an endpoint is gone."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from cluster_r1.core.errors import BudgetReached
from cluster_r1.core.settings import BudgetSettings, ModelSettings
from cluster_r1.llm.concurrency import AdaptiveLimiter
from cluster_r1.llm.failures import CallFailed
from cluster_r1.llm.ledger import Ledger
from cluster_r1.llm.model import EndpointHealth, LedgeredModel
from cluster_r1.llm.protocol import ChatRequest, Message, Reply, Usage


class Transport:
    """Answers with what it is given in turn, the last one for ever; counts what was sent."""

    def __init__(self, *answers: str | CallFailed) -> None:
        self.answers = list(answers)
        self.sent = 0

    async def send(self, body: dict[str, Any]) -> Reply:
        self.sent += 1
        await asyncio.sleep(0)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, CallFailed):
            raise answer
        return Reply(answer, usage=Usage(1000, 500))


def model(transport: Transport, ledger: Ledger, **changes: Any) -> LedgeredModel:
    settings = ModelSettings(**{"model": "m", "base_url": "http://127.0.0.1:1/v1", **changes})
    return LedgeredModel("labeler_a", settings, transport, ledger, AdaptiveLimiter(8), EndpointHealth())


def asking(text: str) -> ChatRequest:
    return ChatRequest((Message("user", text),))


def quick(kind: Any, detail: str = "busy") -> CallFailed:
    return CallFailed(kind, detail, retry_after_s=0.001)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite")


async def test_an_answered_call_is_not_paid_again_by_anyone(ledger: Ledger) -> None:
    first, second = Transport("yes"), Transport("never asked")
    said = await model(first, ledger).complete(asking("?"))
    again = await model(second, ledger).complete(asking("?"))
    assert (said.text, said.cached, again.text, again.cached) == ("yes", False, "yes", True)
    assert said.key == again.key
    assert second.sent == 0


async def test_twins_in_flight_are_paid_once(ledger: Ledger) -> None:
    transport = Transport("yes")
    one = model(transport, ledger)
    replies = await asyncio.gather(*(one.complete(asking("?")) for _ in range(10)))
    assert transport.sent == 1
    assert {reply.text for reply in replies} == {"yes"}


async def test_a_twin_of_a_failed_call_fails_with_it_and_can_be_tried_again(ledger: Ledger) -> None:
    transport = Transport(CallFailed("rejected", "too long"), "yes")
    one = model(transport, ledger)
    results = await asyncio.gather(one.complete(asking("?")), one.complete(asking("?")), return_exceptions=True)
    assert all(isinstance(result, CallFailed) for result in results)
    assert (await one.complete(asking("?"))).text == "yes"


@pytest.mark.parametrize("kind", ["refused", "server", "timeout", "connection", "broken"])
async def test_passing_failures_are_repeated_and_counted(ledger: Ledger, kind: Any) -> None:
    transport = Transport(quick(kind), quick(kind), "yes")
    assert (await model(transport, ledger).complete(asking("?"))).text == "yes"
    assert transport.sent == 3
    assert ledger.failure_kinds() == {kind: 2}


@pytest.mark.parametrize("kind", ["rejected", "fatal"])
async def test_final_failures_are_not_repeated(ledger: Ledger, kind: Any) -> None:
    transport = Transport(CallFailed(kind, "no"))
    with pytest.raises(CallFailed):
        await model(transport, ledger).complete(asking("?"))
    assert transport.sent == 1


async def test_repeats_end(ledger: Ledger) -> None:
    transport = Transport(quick("server"))
    with pytest.raises(CallFailed) as raised:
        await model(transport, ledger, retries=2).complete(asking("?"))
    assert transport.sent == 3
    assert raised.value.kind == "server"


async def test_an_endpoint_that_is_gone_becomes_fatal(ledger: Ledger) -> None:
    one = model(Transport(quick("connection", "nobody listens")), ledger, retries=0)
    kinds = []
    for n in range(25):
        with pytest.raises(CallFailed) as raised:
            await one.complete(asking(str(n)))
        kinds.append(raised.value.kind)
    assert kinds[0] == "connection"
    assert kinds[-1] == "fatal"
    assert "nobody listens" in str(raised.value)


async def test_the_price_is_booked_and_the_budget_holds(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l.sqlite", BudgetSettings(usd=0.0015))
    one = model(Transport("yes"), ledger, price={"input": 0.15, "output": 1.7})
    await one.complete(asking("1"))
    assert ledger.usd == pytest.approx(0.001)
    await one.complete(asking("2"))
    with pytest.raises(BudgetReached):
        await one.complete(asking("3"))
    assert (await one.complete(asking("1"))).cached


async def test_the_slot_is_free_again_after_every_kind_of_end(ledger: Ledger) -> None:
    one = model(Transport(CallFailed("rejected", "no"), "yes"), ledger)
    with pytest.raises(CallFailed):
        await one.complete(asking("1"))
    await one.complete(asking("2"))
    task = asyncio.create_task(one.complete(asking("3")))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert one._limiter.in_flight == 0
