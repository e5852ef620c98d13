"""What the endpoint counts: calls by outcome, the most in flight, answers given twice, and a journal on disk."""

from __future__ import annotations

import hashlib
import os
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import orjson

from .config import FaultKind
from .payloads import Completion

Outcome = Literal["answer", "overload", "unauthorized", "rejected", "abandoned"] | FaultKind


class Call(NamedTuple):
    """A call as it came in: its number since the last reset, and the sha1 of its body."""

    number: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class EndpointStats:
    """Counts since the start or the last reset.

    answered: whole, unspoiled answers. duplicates: answers among them to a body that had one before (paid twice).
    repeated: calls with a body that came before, a rightful retry included. by_outcome: calls by what they met
    (`answer`, a fault's kind, `overload`, `unauthorized`, `rejected`, `abandoned` in the queue). window_s: seconds from
    the first call's arrival to the last answer. cpu_s: CPU seconds of the endpoint's process, never reset.
    """

    calls: int
    answered: int
    by_outcome: dict[str, int]
    by_status: dict[int, int]
    in_flight: int
    max_in_flight: int
    duplicates: int
    repeated: int
    prompt_tokens: int
    completion_tokens: int
    window_s: float
    cpu_s: float
    documents: dict[str, int]

    def to_json(self) -> bytes:
        return orjson.dumps(asdict(self), option=orjson.OPT_NON_STR_KEYS)

    @classmethod
    def from_json(cls, content: bytes) -> EndpointStats:
        fields = orjson.loads(content)
        fields["by_status"] = {int(status): count for status, count in fields["by_status"].items()}
        return cls(**fields)


class Tally:
    """Counts of one stretch between resets; a call that began before a reset ends in the tally it began in."""

    def __init__(self) -> None:
        self.in_flight = 0
        self._prompt_tokens = 0
        self._completion_tokens = 0
        self._documents: Counter[str] = Counter()
        self._calls = 0
        self._max_in_flight = 0
        self._repeated = 0
        self._duplicates = 0
        self._seen: set[bytes] = set()
        self._answered: set[bytes] = set()
        self._outcomes: Counter[str] = Counter()
        self._statuses: Counter[int] = Counter()
        self._first_at = 0.0
        self._last_at = 0.0

    def receive(self, body: bytes) -> Call:
        self._calls += 1
        if self._calls == 1:
            self._first_at = time.monotonic()
        digest = hashlib.sha1(body, usedforsecurity=False).digest()
        if digest in self._seen:
            self._repeated += 1
        else:
            self._seen.add(digest)
        return Call(self._calls, digest)

    def begin(self) -> None:
        self.in_flight += 1
        self._max_in_flight = max(self._max_in_flight, self.in_flight)

    def end(self) -> None:
        self.in_flight -= 1

    def close(self, call: Call, outcome: Outcome, status: int | None) -> None:
        """The call is over; `status` is None where the client was sent no status line."""
        self._outcomes[outcome] += 1
        if status is not None:
            self._statuses[status] += 1
            self._last_at = time.monotonic()
        if outcome == "answer":
            if call.digest in self._answered:
                self._duplicates += 1
            else:
                self._answered.add(call.digest)

    def count_tokens(self, completion: Completion) -> None:
        self._prompt_tokens += completion.prompt_tokens
        self._completion_tokens += completion.completion_tokens

    def count_answer(self, completion: Completion, document: str | None) -> None:
        self.count_tokens(completion)
        if document is not None:
            self._documents[document] += 1

    def stats(self) -> EndpointStats:
        return EndpointStats(
            calls=self._calls,
            answered=self._outcomes["answer"],
            by_outcome=dict(self._outcomes),
            by_status=dict(self._statuses),
            in_flight=self.in_flight,
            max_in_flight=self._max_in_flight,
            duplicates=self._duplicates,
            repeated=self._repeated,
            prompt_tokens=self._prompt_tokens,
            completion_tokens=self._completion_tokens,
            window_s=max(0.0, self._last_at - self._first_at),
            cpu_s=time.process_time(),
            documents=dict(self._documents),
        )


class JournalLine(NamedTuple):
    """One answered call: unix time, sha1 of its body in hex, and the HTTP status; a paid call has status 200."""

    at: float
    digest: str
    status: int


class Journal:
    """Appends a line for each call before its answer is sent, so that no answer that a client saw is missing."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def write(self, digest: bytes, status: int) -> None:
        os.write(self._file, f"{time.time():.6f} {digest.hex()} {status}\n".encode())

    def close(self) -> None:
        os.close(self._file)


def read_journal(path: Path) -> list[JournalLine]:
    lines = (line.split() for line in path.read_text(encoding="ascii").splitlines())
    return [JournalLine(float(at), digest, int(status)) for at, digest, status in lines]
