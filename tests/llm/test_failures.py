"""What endpoints say when they refuse, and how long they are left alone."""

import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from cluster_r1.llm.failures import CallFailed, backoff_seconds, failure_of_status, retry_after_seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "3"}, 3.0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"retry-after-ms": "120"}, 0.12),
        ({"retry-after-ms": "120", "Retry-After": "9"}, 0.12),
        ({"Retry-After": "soon"}, None),
        ({"retry-after-ms": "soon"}, None),
    ],
)
def test_retry_after_headers(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_seconds(headers) == seconds


def test_retry_after_as_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    seconds = retry_after_seconds({"Retry-After": later})
    assert seconds is not None
    assert 25 < seconds <= 30


@pytest.mark.parametrize(
    ("status", "kind", "repeat"),
    [
        (429, "refused", True),
        (500, "server", True),
        (503, "server", True),
        (408, "server", True),
        (401, "fatal", False),
        (403, "fatal", False),
        (404, "fatal", False),
        (400, "rejected", False),
        (422, "rejected", False),
    ],
)
def test_kinds_of_status(status: int, kind: str, repeat: bool) -> None:
    failure = failure_of_status(status, "said so", {}, "http://x/v1", "SOME_KEY")
    assert failure.kind == kind
    assert failure.worth_repeating is repeat
    assert "said so" in str(failure)


def test_a_refused_key_names_its_variable() -> None:
    assert "$SOME_KEY" in str(failure_of_status(401, "", {}, "http://x/v1", "SOME_KEY"))
    assert "api_key_env" in str(failure_of_status(401, "", {}, "http://x/v1", None))


def test_an_endpoint_without_schemas_is_told_what_to_set() -> None:
    assert "structured: prompt" in str(failure_of_status(400, "response_format is unknown", {}, "http://x/v1", None))


def test_what_the_endpoint_asks_to_wait_is_never_undercut() -> None:
    rng = random.Random(0)
    failure = CallFailed("refused", "busy", retry_after_s=2.0)
    waits = [backoff_seconds(1, failure, rng) for _ in range(200)]
    assert min(waits) >= 2.0
    assert max(waits) <= 2.2


def test_backoff_grows_is_jittered_and_bounded() -> None:
    rng = random.Random(0)
    failure = CallFailed("server", "broken")
    means = [sum(backoff_seconds(attempt, failure, rng) for _ in range(300)) / 300 for attempt in range(1, 12)]
    assert means[0] < means[1] < means[2] < means[3]
    assert max(means) <= 30
    assert len({backoff_seconds(3, failure, rng) for _ in range(50)}) == 50


def test_a_wait_of_hours_is_not_sat_out() -> None:
    assert not CallFailed("refused", "tomorrow", retry_after_s=7200).worth_repeating
