"""The ledger keeps every answer once, survives kill -9 after a commit, and holds the budget."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from cluster_r1.core.errors import BudgetReached, WorkspaceError
from cluster_r1.core.settings import BudgetSettings
from cluster_r1.llm.ledger import Call, Ledger
from cluster_r1.llm.protocol import Reply, Usage


def call(number: int, text: str = "said", usd: float = 0.5) -> Call:
    reply = Reply(text, usage=Usage(10, 2), reasoning="because", finish_reason="stop", latency_s=0.25)
    return Call(bytes([number]) * 32, "labeler_a", "m", f"doc-{number}", reply, usd, None)


async def test_what_was_recorded_is_found_as_it_was_said(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l.sqlite")
    await ledger.record(call(1, "žluťoučký\u0000kůň"))
    found = Ledger(tmp_path / "l.sqlite").find(bytes([1]) * 32)
    assert found is not None
    assert found.text == "žluťoučký\u0000kůň"
    assert (found.reasoning, found.finish_reason, found.usage, found.cached) == ("because", "stop", Usage(10, 2), True)
    assert ledger.find(b"x" * 32) is None


async def test_answers_that_arrive_together_are_all_kept_once(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l.sqlite")
    await asyncio.gather(*(ledger.record(call(n % 50)) for n in range(100)))
    (totals,) = ledger.totals()
    assert (totals.calls, totals.prompt_tokens, totals.completion_tokens) == (50, 500, 100)
    assert totals.usd == pytest.approx(25.0)


async def test_failures_are_counted_by_kind(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l.sqlite")
    await ledger.record(call(1))
    for kind in ("refused", "refused", "timeout"):
        ledger.record_failure("labeler_a", "m", "doc-1", kind, "detail")
    assert ledger.failure_kinds() == {"refused": 2, "timeout": 1}
    assert ledger.totals()[0].failures == 3


@pytest.mark.parametrize("budget", [{"calls": 2}, {"tokens": 24}, {"usd": 1.0}])
async def test_a_spent_budget_stops_the_next_call_also_after_a_restart(
    tmp_path: Path, budget: dict[str, float]
) -> None:
    limits = BudgetSettings.model_validate(budget)
    ledger = Ledger(tmp_path / "l.sqlite", limits)
    await ledger.record(call(1))
    ledger.check_budget()
    await ledger.record(call(2))
    with pytest.raises(BudgetReached, match=f"budget.{next(iter(budget))}"):
        ledger.check_budget()
    ledger.close()
    with pytest.raises(BudgetReached):
        Ledger(tmp_path / "l.sqlite", limits).check_budget()


def test_a_file_that_is_no_ledger_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    path.write_bytes(b"this is not a database, it is a letter" * 100)
    with pytest.raises(WorkspaceError, match=r"l\.sqlite"):
        Ledger(path)
    assert path.read_bytes().startswith(b"this is not")


def test_a_recorded_answer_outlives_kill_9(tmp_path: Path) -> None:
    program = textwrap.dedent(
        """
        import asyncio, os, signal, sys
        from pathlib import Path
        from cluster_r1.llm.ledger import Call, Ledger
        from cluster_r1.llm.protocol import Reply
        async def main():
            ledger = Ledger(Path(sys.argv[1]))
            for n in range(20):
                await ledger.record(Call(bytes([n]) * 32, "r", "m", "s", Reply("t"), 0.0, None))
            os.kill(os.getpid(), signal.SIGKILL)
        asyncio.run(main())
        """
    )
    path = tmp_path / "l.sqlite"
    done = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert Ledger(path).calls == 20


async def test_a_ledger_that_cannot_be_written_says_so_to_the_caller(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    ledger = Ledger(path)
    with sqlite3.connect(path) as other:
        other.execute("DROP TABLE calls")
    with pytest.raises(WorkspaceError, match="cannot be written"):
        await ledger.record(call(1))
