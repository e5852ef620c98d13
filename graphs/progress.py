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


class Silent:
    """A Progress that nobody watches."""

    def stage(self, name: str, total: int | None) -> None: ...

    def advance(self, steps: int = 1) -> None: ...

    def spent(self, tokens: int, usd: float) -> None: ...

    def note(self, text: str) -> None: ...
