"""EndpointConfig: how the fault-injecting endpoint behaves, and which call meets which fault."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple, get_args

from pydantic import BaseModel, ConfigDict, Field

FaultKind = Literal["429", "500", "timeout", "garbage", "truncated", "empty", "length"]


_FIELDS: tuple[tuple[FaultKind, str], ...] = tuple((kind, f"every_{kind}") for kind in get_args(FaultKind))


class Fault(NamedTuple):
    """`turn` counts the faults of this kind, 0 for the first, so that a kind can take turns between its forms."""

    kind: FaultKind
    turn: int


def _every(what: str) -> int:
    return Field(default=0, ge=0, description=f"every n-th call {what}; 0: none")


class EndpointConfig(BaseModel):
    """All defaults together are an endpoint that answers every call at once.

    Faults go by the number of the call since the start or the last reset, so the same calls in the same order meet the
    same faults. Where several fall on one call, the first in the order below is taken.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    port: int = Field(default=0, ge=0, le=65_535, description="port on 127.0.0.1; 0 takes a free one")
    latency_s: float = Field(default=0.0, ge=0, description="seconds of work a call")
    jitter_s: float = Field(default=0.0, ge=0, description="up to so many seconds more, by the call's number")
    slots: int | None = Field(default=None, ge=1, description="calls worked on at a time; others wait in a queue")
    refuse_above: int | None = Field(
        default=None, ge=1, description="overload: with so many calls in flight, any further one is refused with 429"
    )
    every_429: int = _every("is refused with 429 before any work")
    every_500: int = _every("ends in a 500 after its work")
    every_timeout: int = _every("hangs until the client gives up")
    every_garbage: int = _every("gets, by turns, a page that is no JSON, words instead of JSON, JSON of another shape")
    every_truncated: int = _every(
        "gets, by turns, half a body, half a body and a closed connection, a closed connection"
    )
    every_empty: int = _every("gets empty content")
    every_length: int = _every("gets half its answer with finish_reason 'length'")
    retry_after_s: float | None = Field(default=None, ge=0, description="seconds, sent with a 429 as Retry-After")
    retry_after_ms: float | None = Field(default=None, ge=0, description="sent with a 429 as retry-after-ms")
    api_key: str | None = Field(
        default=None,
        repr=False,
        description="bearer key to ask for; any other is refused with 401, its text shown in the error",
    )
    supports_json_schema: bool = Field(default=True, description="if not, response_format is refused with 400")
    models: tuple[str, ...] = Field(
        default=(), description="names that are served, others get 404; none: any name is answered"
    )
    noise: float = Field(default=0.0, ge=0, le=1, description="share of a labeler's labels that go astray")
    reasoning: bool = Field(default=False, description="send reasoning_content with every answer")
    count_documents: bool = Field(default=False, description="count the answers for each document in the statistics")
    journal: Path | None = Field(
        default=None, description="file to append a line to for every answered call: unix time, sha1 of body, status"
    )

    def fault_of(self, call: int) -> Fault | None:
        """The fault that call number `call` (1, 2, ...) meets."""
        for kind, field in _FIELDS:
            every: int = getattr(self, field)
            if every and call % every == 0:
                return Fault(kind, call // every - 1)
        return None
