"""The call ledger: everything a model said, kept once, keyed by what it was asked (SQLite, WAL).

A caller of `record` gets control back only after the commit, and holds its slot until then: after kill -9 the calls
that must be paid again are among those that were in flight. Answers that arrive together share one commit.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from pathlib import Path
from typing import NamedTuple

from ..core.costs import RoleCost
from ..core.errors import BudgetReached, WorkspaceError
from ..core.settings import BudgetSettings
from .protocol import Reply, Usage

_SCHEMA = """
CREATE TABLE IF NOT EXISTS calls (
  key BLOB PRIMARY KEY, role TEXT NOT NULL, model TEXT NOT NULL, subject TEXT NOT NULL,
  text TEXT NOT NULL, reasoning TEXT, finish_reason TEXT,
  prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL,
  latency_s REAL NOT NULL, usd REAL NOT NULL, at REAL NOT NULL, request TEXT
);
CREATE TABLE IF NOT EXISTS failures (
  at REAL NOT NULL, role TEXT NOT NULL, model TEXT NOT NULL, subject TEXT NOT NULL,
  kind TEXT NOT NULL, detail TEXT NOT NULL
);
"""
_TOTALS = """
SELECT role, model, sum(calls), sum(prompt), sum(completion), sum(seconds), sum(usd), sum(failed) FROM (
  SELECT role, model, count(*) AS calls, sum(prompt_tokens) AS prompt, sum(completion_tokens) AS completion,
    sum(latency_s) AS seconds, sum(usd) AS usd, 0 AS failed FROM calls GROUP BY role, model
  UNION ALL SELECT role, model, 0, 0, 0, 0, 0, count(*) FROM failures GROUP BY role, model
) GROUP BY role, model ORDER BY role, model
"""
_COMMIT_WITHIN_S = 0.002
_INSERT = "INSERT OR IGNORE INTO calls VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)"


class Call(NamedTuple):
    """One answered call as it is stored; `request` is the JSON body, kept for the agents that make few calls."""

    key: bytes
    role: str
    model: str
    subject: str
    reply: Reply
    usd: float
    request: str | None


class Ledger:
    """Answered calls of a workspace. Used from one event loop; other processes may read at the same time."""

    def __init__(self, path: Path | str, budget: BudgetSettings | None = None) -> None:
        if isinstance(path, Path):
            path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(_SCHEMA)
        except sqlite3.DatabaseError as error:
            raise WorkspaceError(
                f"{path} is not a readable ledger ({error}); move it away to start a new one"
            ) from error
        self._budget = budget or BudgetSettings()
        self._waiting: list[tuple[Call, asyncio.Future[None]]] = []
        self.calls, self.tokens, self.usd = self._db.execute(
            "SELECT count(*), coalesce(sum(prompt_tokens + completion_tokens), 0), coalesce(sum(usd), 0) FROM calls"
        ).fetchone()

    def find(self, key: bytes) -> Reply | None:
        row = self._db.execute(
            "SELECT text, reasoning, finish_reason, prompt_tokens, completion_tokens, latency_s"
            " FROM calls WHERE key = ?",
            (key,),
        ).fetchone()
        if row is None:
            return None
        text, reasoning, finish_reason, prompt_tokens, completion_tokens, latency_s = row
        usage = Usage(prompt_tokens, completion_tokens)
        return Reply(text, key.hex(), reasoning, finish_reason, usage, latency_s, cached=True)

    async def record(self, call: Call) -> None:
        """Store an answered call; returns once it is committed."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_later(_COMMIT_WITHIN_S, self._commit)
        committed: asyncio.Future[None] = loop.create_future()
        self._waiting.append((call, committed))
        await asyncio.shield(committed)

    def record_failure(self, role: str, model: str, subject: str, kind: str, detail: str) -> None:
        self._db.execute("INSERT INTO failures VALUES (?,?,?,?,?,?)", (time.time(), role, model, subject, kind, detail))

    def check_budget(self) -> None:
        """Raises BudgetReached before a call that the budget no longer covers."""
        budget = self._budget
        for spent, limit, unit in (
            (self.calls, budget.calls, "calls"),
            (self.tokens, budget.tokens, "tokens"),
            (self.usd, budget.usd, "usd"),
        ):
            if limit is not None and spent >= limit:
                raise BudgetReached(
                    f"the budget of {limit} {unit} is spent; raise budget.{unit} and run the same command to go on"
                )

    def totals(self) -> list[RoleCost]:
        """What every role has cost, roles whose calls have all failed included."""
        rows = self._db.execute(_TOTALS)
        return [RoleCost(**dict(zip(RoleCost.model_fields, row, strict=True))) for row in rows]

    def failure_kinds(self) -> dict[str, int]:
        return dict(self._db.execute("SELECT kind, count(*) FROM failures GROUP BY kind ORDER BY kind"))

    def close(self) -> None:
        self._commit()
        self._db.close()

    def _commit(self) -> None:
        batch, self._waiting = self._waiting, []
        if not batch:
            return
        try:
            self._db.execute("BEGIN")
            self._db.executemany(_INSERT, [_row(call) for call, _ in batch])
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            self._settle(batch, WorkspaceError(f"the ledger cannot be written: {error}"))
            return
        for call, _ in batch:
            self.calls += 1
            self.tokens += sum(call.reply.usage)
            self.usd += call.usd
        self._settle(batch, None)

    @staticmethod
    def _settle(batch: list[tuple[Call, asyncio.Future[None]]], error: WorkspaceError | None) -> None:
        for _, committed in batch:
            if committed.done() or committed.get_loop().is_closed():
                continue
            if error is None:
                committed.set_result(None)
            else:
                committed.set_exception(error)


def _row(call: Call) -> tuple[object, ...]:
    reply = call.reply
    return (
        call.key, call.role, call.model, call.subject, reply.text, reply.reasoning, reply.finish_reason,
        reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.latency_s, call.usd, time.time(), call.request,
    )  # fmt: skip
