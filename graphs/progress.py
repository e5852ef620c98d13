"""What a long run tells whoever watches it: stages, steps and sentences. The command line draws it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives a run's progress. One stage is open at a time."""

    def stage(self, name: str, total: int | None) -> None:
        """A stage begins; `total` counts its steps where that is known."""
        ...

    def advance(self, steps: int = 1) -> None: ...

    def spent(self, tokens: int, usd: float) -> None:
        """What the project has cost so far, ledger totals."""
        ...

    def note(self, text: str) -> None:
        """Something a person may want to read: an agent starts, a server comes up, a download runs."""
        ...


class Joint:
    """Stages that run side by side, shown as one: the steps of all, and a sentence where each begins."""

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress = progress
        progress.stage(name, None)

    def stage(self, name: str, total: int | None) -> None:
        if total != 0:
            self.note(f"{name}, {total} steps" if total else name)

    def advance(self, steps: int = 1) -> None:
        self._progress.advance(steps)

    def spent(self, tokens: int, usd: float) -> None:
        self._progress.spent(tokens, usd)

    def note(self, text: str) -> None:
        self._progress.note(text)


class Silent:
    """A Progress that nobody watches."""

    def stage(self, name: str, total: int | None) -> None: ...

    def advance(self, steps: int = 1) -> None: ...

    def spent(self, tokens: int, usd: float) -> None: ...

    def note(self, text: str) -> None: ...
