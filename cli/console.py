"""Words and progress on the terminal: rich bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer
from rich.console import Console

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from ..graphs.progress import Progress

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

_REFRESH_S = 0.1
_LINE_EVERY_S = 5.0
_STOPPED = 130


def say_error(text: str) -> None:
    err.print("error:", style="bold red", end=" ")
    err.print(text, markup=False)


@contextmanager
def watched() -> Iterator[Progress]:
    """A Progress on standard error, so that a command's results can be piped. Ctrl-C ends with a word on resuming."""
    try:
        if err.is_terminal:
            with _bars() as bars:
                progress = BarProgress(bars)
                yield progress
                progress.flush()
        else:
            yield PlainProgress()
    except KeyboardInterrupt:
        say_error("stopped; everything answered so far is kept, the same command goes on from here")
        raise typer.Exit(_STOPPED) from None


def _bars() -> Bars:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("eta"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[spent]}"),
        console=err,
    )


class _Counted:
    """Steps of the open stage, its start, and what has been spent."""

    def __init__(self) -> None:
        self.name = ""
        self.total: int | None = None
        self.done = 0
        self.started = time.monotonic()
        self._tokens = 0
        self._usd = 0.0

    def begin(self, name: str, total: int | None) -> None:
        self.name, self.total, self.done = name, total, 0
        self.started = time.monotonic()

    def spent(self, tokens: int, usd: float) -> None:
        self._tokens, self._usd = tokens, usd

    @property
    def rate(self) -> str:
        seconds = time.monotonic() - self.started
        return f"{self.done / seconds:.1f}/s" if seconds > 0 and self.done else ""

    @property
    def cost(self) -> str:
        money = f", ${self._usd:.4f}" if self._usd else ""
        return f"{self._tokens:,} tokens{money}" if self._tokens else ""


class BarProgress(_Counted):
    """One bar a stage; drawn at most ten times a second however fast steps come."""

    def __init__(self, bars: Bars) -> None:
        super().__init__()
        self._bars = bars
        self._bar: TaskID | None = None
        self._drawn = 0.0

    def stage(self, name: str, total: int | None) -> None:
        self.flush()
        self.begin(name, total)
        self._bar = self._bars.add_task(name, total=total, rate="", spent="")

    def advance(self, steps: int = 1) -> None:
        self.done += steps
        now = time.monotonic()
        if now - self._drawn > _REFRESH_S:
            self._drawn = now
            self.flush()

    def note(self, text: str) -> None:
        self._bars.console.print(f"  {text}", markup=False, style="dim")

    def flush(self) -> None:
        if self._bar is not None:
            self._bars.update(self._bar, completed=self.done, rate=self.rate, spent=self.cost)


class PlainProgress(_Counted):
    """A line when a stage begins, every few seconds while it runs, and when its last step is done."""

    def __init__(self) -> None:
        super().__init__()
        self._said = 0.0

    def stage(self, name: str, total: int | None) -> None:
        self.begin(name, total)
        self._said = time.monotonic()
        err.print(f"{name}: {total} steps" if total else name, markup=False)

    def advance(self, steps: int = 1) -> None:
        self.done += steps
        now = time.monotonic()
        if self.done == self.total or now - self._said > _LINE_EVERY_S:
            self._said = now
            of = f"/{self.total}" if self.total else ""
            left = f", eta {self._eta()}" if self.total and self.done < self.total else ""
            parts = [f"{self.done}{of}", self.rate, self.cost]
            err.print(f"{self.name}: {', '.join(p for p in parts if p)}{left}", markup=False)

    def note(self, text: str) -> None:
        err.print(f"  {text}", markup=False)

    def _eta(self) -> str:
        seconds = time.monotonic() - self.started
        left = ((self.total or 0) - self.done) * seconds / max(1, self.done)
        return in_words(left)


def in_words(seconds: float) -> str:
    """A duration as a person says it: 45 s, 12 min, 3.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
