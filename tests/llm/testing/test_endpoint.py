"""The fault-injecting endpoint: what each fault looks like to a client, what is counted, and the process of its own."""

from __future__ import annotations

import asyncio
import hashlib
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import orjson
import pytest
from cluster_r1.core.errors import ServerError
from cluster_r1.llm.testing.config import EndpointConfig
from cluster_r1.llm.testing.counts import EndpointStats, read_journal
from cluster_r1.llm.testing.endpoint import FaultEndpoint
from cluster_r1.llm.testing.process import endpoint_process, flags_of, parse_flags
from pydantic import ValidationError

LABELS = ["Waste and recycling", "Library services"]
SCHEMA = {"type": "object", "properties": {"cluster": {"enum": LABELS}}, "required": ["cluster"]}


class Answered(NamedTuple):
    status: int
    body: bytes
    headers: Any

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def content(self) -> str:
        return self.json["choices"][0]["message"]["content"]


class Client:
    """A bare client: no retries, a timeout that only a hanging endpoint reaches."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def chat(self, endpoint: FaultEndpoint, text: str = "the library", **fields: Any) -> Answered:
        return await self.post(f"{endpoint.base_url}/chat/completions", orjson.dumps(chat_body(text, **fields)))

    async def post(self, url: str, data: bytes, key: str | None = None, timeout_s: float = 30) -> Answered:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        timeout = aiohttp.ClientTimeout(total=timeout_s)
        async with self._session.post(url, data=data, headers=headers, timeout=timeout) as response:
            return Answered(response.status, await response.read(), response.headers)

    async def get(self, url: str) -> Answered:
        async with self._session.get(url) as response:
            return Answered(response.status, await response.read(), response.headers)


def chat_body(text: str, **fields: Any) -> dict[str, Any]:
    return {
        "model": "m",
        "messages": [
            {"role": "system", "content": "You sort."},
            {"role": "user", "content": f"<document>{text}</document>"},
        ],
        "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}},
        **fields,
    }


async def until(reached: Callable[[], bool]) -> None:
    """Wait for a state that must come; the limit only keeps a broken test from hanging."""
    async with asyncio.timeout(30):
        while not reached():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session:
        yield Client(session)


# --- answers ---------------------------------------------------------------------------------------------------------


async def test_an_answer_is_a_chat_completion_that_satisfies_the_schema(client: Client) -> None:
    async with FaultEndpoint() as endpoint:
        answered = await client.chat(endpoint, "my library card", model="some-model")
    completion = answered.json
    assert answered.status == 200
    assert orjson.loads(answered.content) == {"cluster": "Library services"}
    assert completion["object"] == "chat.completion"
    assert completion["model"] == "some-model"
    assert completion["choices"][0]["finish_reason"] == "stop"
    assert "reasoning_content" not in completion["choices"][0]["message"]
    said = len("You sort.") + len("<document>my library card</document>")
    assert completion["usage"]["prompt_tokens"] == said // 4
    assert completion["usage"]["completion_tokens"] == len(answered.content) // 4


async def test_reasoning_is_sent_on_request(client: Client) -> None:
    async with FaultEndpoint(EndpointConfig(reasoning=True)) as endpoint:
        assert (await client.chat(endpoint)).json["choices"][0]["message"]["reasoning_content"]


async def test_two_endpoints_answer_the_same_and_noise_changes_it(client: Client) -> None:
    texts = [f"library visit {n}" for n in range(40)]
    found = []
    for noise in (0.3, 0.3, 0.0):
        async with FaultEndpoint(EndpointConfig(noise=noise)) as endpoint:
            found.append([(await client.chat(endpoint, text)).content for text in texts])
    assert found[0] == found[1] != found[2]
    assert len(set(found[2])) == 1


async def test_models_health_and_unknown_paths(client: Client) -> None:
    async with FaultEndpoint(EndpointConfig(models=("a", "b"))) as endpoint:
        listed = await client.get(f"{endpoint.base_url}/models")
        health = await client.get(endpoint.base_url.removesuffix("v1") + "health")
        unknown = await client.get(f"{endpoint.base_url}/completions")
        served = await client.chat(endpoint, model="b")
        missing = await client.chat(endpoint, model="c")
    assert [model["id"] for model in listed.json["data"]] == ["a", "b"]
    assert (health.status, unknown.status, served.status) == (200, 404, 200)
    assert (missing.status, missing.json["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{", "not JSON"),
        (b"[]", "JSON object"),
        (b"{}", "messages"),
        (orjson.dumps(chat_body("x", stream=True)), "streaming"),
        (orjson.dumps(chat_body("x", response_format={"type": "json_schema", "json_schema": 3})), "json_schema"),
        (orjson.dumps(chat_body("x", structured_outputs={"json": {"pattern": "a"}}, response_format=None)), "pattern"),
    ],
)
async def test_a_bad_request_gets_400_and_says_why(client: Client, data: bytes, message: str) -> None:
    async with FaultEndpoint() as endpoint:
        answered = await client.post(f"{endpoint.base_url}/chat/completions", data)
        assert (answered.status, endpoint.stats().by_outcome) == (400, {"rejected": 1})
    assert message in answered.json["error"]["message"]


async def test_an_endpoint_without_json_schema_takes_other_ways_to_ask(client: Client) -> None:
    async with FaultEndpoint(EndpointConfig(supports_json_schema=False)) as endpoint:
        refused = await client.chat(endpoint)
        other = await client.chat(endpoint, response_format=None, structured_outputs={"json": SCHEMA})
    assert refused.status == 400
    assert "response_format" in refused.json["error"]["message"]
    assert orjson.loads(other.content) == {"cluster": "Library services"}


async def test_a_key_is_asked_for_and_a_wrong_one_is_shown_in_the_error(client: Client) -> None:
    async with FaultEndpoint(EndpointConfig(api_key="right")) as endpoint:
        url = f"{endpoint.base_url}/chat/completions"
        data = orjson.dumps(chat_body("x"))
        wrong = await client.post(url, data, key="sk-wrong")
        none = await client.post(url, data)
        right = await client.post(url, data, key="right")
        listed = await client.get(f"{endpoint.base_url}/models")
        stats = endpoint.stats()
    assert (wrong.status, none.status, right.status, listed.status) == (401, 401, 200, 401)
    assert "sk-wrong" in wrong.json["error"]["message"]
    assert stats.by_outcome == {"unauthorized": 2, "answer": 1}
    assert "right" not in repr(endpoint.config)


# --- faults ----------------------------------------------------------------------------------------------------------


async def test_every_nth_call_is_refused_and_a_reset_counts_again(client: Client) -> None:
    async with FaultEndpoint(EndpointConfig(every_429=3)) as endpoint:
        first = [(await client.chat(endpoint)).status for _ in range(7)]
        endpoint.reset()
        second = [(await client.chat(endpoint)).status for _ in range(3)]
        assert endpoint.stats().by_status == {200: 2, 429: 1}
    assert first == [200, 200, 429, 200, 200, 429, 200]
    assert second == [200, 200, 429]


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({}, (None, None)),
        ({"retry_after_s": 2}, ("2", None)),
        ({"retry_after_s": 0.5}, ("0.5", None)),
        ({"retry_after_ms": 100}, (None, "100")),
        ({"retry_after_s": 1, "retry_after_ms": 250}, ("1", "250")),
    ],
)
async def test_a_429_says_when_to_come_back(client: Client, options: dict[str, float], sent: tuple[str, str]) -> None:
    async with FaultEndpoint(EndpointConfig(every_429=1, **options)) as endpoint:
        refused = await client.chat(endpoint)
    assert refused.status == 429
    assert "Rate limit" in refused.json["error"]["message"]
    assert (refused.headers.get("Retry-After"), refused.headers.get("retry-after-ms")) == sent


async def test_a_server_error(client: Client) -> None:
    async with FaultEndpoint(EndpointConfig(every_500=1)) as endpoint:
        answered = await client.chat(endpoint)
    assert (answered.status, answered.json["error"]["type"]) == (500, "server_error")


async def test_a_call_hangs_until_the_client_gives_up(client: Client) -> None:
    async with FaultEndpoint(EndpointConfig(every_timeout=1)) as endpoint:
        with pytest.raises(TimeoutError):
            await client.post(f"{endpoint.base_url}/chat/completions", orjson.dumps(chat_body("x")), timeout_s=0.1)
        await until(lambda: endpoint.stats().in_flight == 0)
        assert endpoint.stats().by_outcome == {"timeout": 1}
        assert endpoint.stats().by_status == {}


async def test_closing_the_endpoint_lets_hanging_calls_go(client: Client) -> None:
    async with FaultEndpoint(EndpointConfig(every_timeout=1)) as endpoint:
        hanging = asyncio.create_task(client.chat(endpoint))
        await until(lambda: endpoint.stats().in_flight == 1)
    with pytest.raises(aiohttp.ClientError):
        await hanging


async def test_garbage_comes_in_three_forms(client: Client) -> None:
    async with FaultEndpoint(EndpointConfig(every_garbage=1)) as endpoint:
        page, words, other, page_again = [await client.chat(endpoint) for _ in range(4)]
        assert endpoint.stats().by_outcome == {"garbage": 4}
        assert endpoint.stats().answered == 0
    assert {page.status, words.status, other.status} == {200}
    assert page.body == page_again.body
    assert page.body.startswith(b"<html")
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(words.content)
    assert orjson.loads(other.content).keys() == {"verdict"}


async def test_a_truncated_answer_comes_in_three_forms(client: Client) -> None:
    async with FaultEndpoint(EndpointConfig(every_truncated=1)) as endpoint:
        half = await client.chat(endpoint)
        with pytest.raises(aiohttp.ClientPayloadError):
            await client.chat(endpoint)
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await client.chat(endpoint)
        assert endpoint.stats().by_outcome == {"truncated": 3}
        assert endpoint.stats().by_status == {200: 2}
    assert half.status == 200
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(half.body)


async def test_empty_and_cut_answers(client: Client) -> None:
    async with FaultEndpoint(EndpointConfig(every_empty=2, every_length=3)) as endpoint:
        whole, empty, cut = [await client.chat(endpoint) for _ in range(3)]
    assert empty.content == ""
    assert empty.json["choices"][0]["finish_reason"] == "stop"
    assert whole.content.startswith(cut.content)
    assert 0 < len(cut.content) < len(whole.content)
    assert cut.json["choices"][0]["finish_reason"] == "length"


def test_where_several_faults_meet_the_first_kind_is_taken() -> None:
    config = EndpointConfig(every_429=4, every_500=2, every_length=3)
    kinds = [fault.kind if (fault := config.fault_of(call)) else None for call in range(1, 13)]
    assert kinds == [None, "500", "length", "429", None, "500", None, "429", "length", "500", None, "429"]
    assert [config.fault_of(call) for call in (2, 6)] == [("500", 0), ("500", 2)]


# --- slots, overload, counts -----------------------------------------------------------------------------------------


async def test_overload_refuses_what_is_more_than_the_limit_in_flight(client: Client) -> None:
    async with FaultEndpoint(EndpointConfig(refuse_above=2, every_timeout=1, retry_after_ms=5)) as endpoint:
        hanging = [asyncio.create_task(client.chat(endpoint)) for _ in range(2)]
        await until(lambda: endpoint.stats().in_flight == 2)
        refused = await client.chat(endpoint)
        assert (refused.status, refused.headers["retry-after-ms"]) == (429, "5")
        assert endpoint.stats().by_outcome == {"overload": 1}
        for each in hanging:
            each.cancel()
        await until(lambda: endpoint.stats().in_flight == 0)
        assert endpoint.stats().max_in_flight == 2


async def test_more_calls_than_slots_wait_and_are_all_answered(client: Client) -> None:
    async with FaultEndpoint(EndpointConfig(slots=2, latency_s=0.01, jitter_s=0.01)) as endpoint:
        answered = await asyncio.gather(*(client.chat(endpoint, f"library {n}") for n in range(20)))
        assert endpoint.stats().answered == 20
        assert 2 < endpoint.stats().max_in_flight <= 20
        assert endpoint.stats().window_s > 0
    assert {each.status for each in answered} == {200}


async def test_a_queued_call_whose_client_left_is_dropped_and_a_running_one_is_paid(client: Client) -> None:
    async with FaultEndpoint(EndpointConfig(slots=1, latency_s=0.5)) as endpoint:
        running, queued = (asyncio.create_task(client.chat(endpoint, text)) for text in "ab")
        await until(lambda: endpoint.stats().in_flight == 2)
        running.cancel()
        queued.cancel()
        await until(lambda: endpoint.stats().in_flight == 0)
        assert endpoint.stats().by_outcome == {"answer": 1, "abandoned": 1}


async def test_counts_of_calls_repeats_duplicates_tokens_and_documents(client: Client) -> None:
    async with FaultEndpoint(EndpointConfig(every_500=2, count_documents=True)) as endpoint:
        for text in ("a", "b", "b", "a", "a"):
            await client.chat(endpoint, f"library {text}")
        stats = endpoint.stats()
        shown = await client.get(endpoint.base_url.removesuffix("v1") + "stats")
        await client.post(endpoint.base_url.removesuffix("v1") + "reset", b"")
        assert endpoint.stats().calls == 0
    assert (stats.calls, stats.answered, stats.repeated, stats.duplicates) == (5, 3, 3, 1)
    assert stats.by_outcome == {"answer": 3, "500": 2}
    assert stats.by_status == {200: 3, 500: 2}
    assert stats.documents == {"library a": 2, "library b": 1}
    assert stats.completion_tokens == 3 * (len('{"cluster":"Library services"}') // 4)
    assert EndpointStats.from_json(shown.body).by_status == stats.by_status


async def test_the_journal_has_a_line_for_every_answered_call(client: Client, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    config = EndpointConfig(every_429=3, journal=journal)
    for _ in range(2):
        async with FaultEndpoint(config) as endpoint:
            for text in ("a", "b", "a"):
                await client.chat(endpoint, text)
    lines = read_journal(journal)
    digest = {text: hashlib.sha1(orjson.dumps(chat_body(text))).hexdigest() for text in "ab"}
    assert Counter((line.digest, line.status) for line in lines) == {
        (digest["a"], 200): 2,
        (digest["b"], 200): 2,
        (digest["a"], 429): 2,
    }
    assert all(abs(line.at - time.time()) < 3600 for line in lines)


# --- a process of its own --------------------------------------------------------------------------------------------


def ask(url: str, text: str) -> int:
    request = urllib.request.Request(f"{url}/chat/completions", orjson.dumps(chat_body(text)), method="POST")
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code


def test_a_process_serves_counts_and_stops(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    with endpoint_process(every_429=2, models=("m", "n"), journal=journal, supports_json_schema=True) as endpoint:
        assert [ask(endpoint.base_url, text) for text in "abc"] == [200, 429, 200]
        assert endpoint.stats().by_status == {200: 2, 429: 1}
        assert endpoint.stats().cpu_s > 0
        endpoint.reset()
        assert endpoint.stats().calls == 0
    assert [line.status for line in read_journal(journal)] == [200, 429, 200]
    with pytest.raises(OSError, match="refused"):
        endpoint.stats()


def test_a_process_stops_while_calls_hang() -> None:
    with endpoint_process(every_timeout=1) as endpoint:
        with pytest.raises(TimeoutError):
            urllib.request.urlopen(f"{endpoint.base_url}/chat/completions", orjson.dumps(chat_body("a")), timeout=0.2)
        assert endpoint.stats().calls == 1
    with pytest.raises(OSError, match="refused"):
        endpoint.stats()


def test_wrong_options_start_nothing_and_a_taken_port_is_told() -> None:
    with pytest.raises(ValidationError, match="every_418"), endpoint_process(every_418=1):
        pass
    with endpoint_process() as endpoint:
        port = int(endpoint.base_url.split(":")[2].removesuffix("/v1"))
        with pytest.raises(ServerError, match="address already in use"), endpoint_process(port=port):
            pass


@pytest.mark.parametrize("end", ["stdin", "SIGTERM", "SIGINT"])
def test_the_process_ends_with_its_parent_or_by_a_signal(end: str) -> None:
    command = [sys.executable, "-m", "cluster_r1.llm.testing.endpoint", "--until-stdin-closes"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert orjson.loads(process.stdout.readline())["base_url"].startswith("http://127.0.0.1:")
        if end == "stdin":
            process.stdin.close()
        else:
            process.send_signal(signal.Signals[end])
        assert process.wait(30) == 0


def test_every_option_has_a_flag_and_survives_the_command_line() -> None:
    config = EndpointConfig(
        port=8000,
        latency_s=0.05,
        slots=64,
        every_429=50,
        retry_after_s=1.5,
        retry_after_ms=100,
        supports_json_schema=False,
        reasoning=True,
        models=("a", "b"),
        journal=Path("j"),
        api_key="k",
    )
    assert parse_flags(flags_of(config)).config == config
    named = ["--latency", "0.05", "--every-429", "50", "--retry-after", "1", "--no-supports-json-schema"]
    expected = EndpointConfig(latency_s=0.05, every_429=50, retry_after_s=1, supports_json_schema=False)
    assert parse_flags(named).config == expected
    assert parse_flags([]) == (EndpointConfig(), False)


def test_a_wrong_flag_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        parse_flags(["--noise", "2"])
    assert stopped.value.code == 2
    assert "--noise: Input should be less than or equal to 1" in capsys.readouterr().err
