"""How a call can fail, whether it is worth repeating, and how long to wait before that."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Literal

from ..core.errors import EndpointError

FailureKind = Literal["refused", "server", "timeout", "connection", "broken", "rejected", "fatal"]

_REPEATED: frozenset[FailureKind] = frozenset({"refused", "server", "timeout", "connection", "broken"})
_LONGEST_BACKOFF_S = 30.0
LONGEST_RETRY_AFTER_S = 600.0


class CallFailed(EndpointError):
    """One call got no usable answer.

    kind: refused (429), server (5xx), timeout, connection, broken (unreadable body), rejected (this request alone,
    e.g. 400 for its length), fatal (no call can succeed: wrong key, unknown model).
    """

    def __init__(self, kind: FailureKind, detail: str, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.kind: FailureKind = kind
        self.retry_after_s = retry_after_s

    @property
    def worth_repeating(self) -> bool:
        return self.kind in _REPEATED and (self.retry_after_s or 0) <= LONGEST_RETRY_AFTER_S


def failure_of_status(status: int, text: str, headers: Mapping[str, str], url: str, key_env: str | None) -> CallFailed:
    """The failure behind an HTTP status that is not 200; `text` is the body, already cleared of the key."""
    said = " ".join(text.split())[:300]
    wait = retry_after_seconds(headers)
    if status == 429:
        return CallFailed("refused", f"{url} answered 429: {said}", wait)
    if status in (408, 409, 425) or status >= 500:
        return CallFailed("server", f"{url} answered {status}: {said}", wait)
    if status in (401, 403):
        source = f"the key in ${key_env}" if key_env else "a call without a key; name its variable in api_key_env"
        return CallFailed("fatal", f"{url} refused {source} ({status}): {said}")
    if status == 404:
        return CallFailed("fatal", f"{url} answered 404, check base_url (it usually ends in /v1) and model: {said}")
    hint = ""
    if any(word in said for word in ("response_format", "json_schema", "structured_outputs")):
        hint = " (if it cannot constrain its output, set the role's structured: prompt)"
    return CallFailed("rejected", f"{url} answered {status}: {said}{hint}")


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """What the endpoint asked to wait: `retry-after-ms`, or `Retry-After` in seconds or as an HTTP date."""
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        value = headers.get("Retry-After") or headers.get("retry-after")
        if value is None:
            return None
        if value.strip().replace(".", "", 1).isdigit():
            return float(value)
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


def backoff_seconds(attempt: int, failure: CallFailed, rng: random.Random) -> float:
    """Wait before repeat `attempt` (1, 2, ...): what the endpoint asked, else exponential, both jittered upwards."""
    if failure.retry_after_s is not None:
        return failure.retry_after_s * (1 + 0.1 * rng.random())
    longest = min(_LONGEST_BACKOFF_S, 0.25 * 2**attempt)
    return longest * (0.5 + 0.5 * rng.random())
