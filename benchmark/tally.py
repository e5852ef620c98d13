"""A check at work: what was looked at is counted, and the first leaks are kept in words."""

from __future__ import annotations

from collections.abc import Callable

from .evidence import TextSource
from .files import Check

_TOLD = 5
_START = 60


class Tally:
    """Counts for one Check."""

    def __init__(self, name: str, says: str, looked_at: int = 0) -> None:
        self.name = name
        self.says = says
        self.looked_at = looked_at
        self._leaks = 0
        self._words: list[str] = []

    def leak(self, words: Callable[[], str], count: int = 1) -> None:
        """One more leak (or `count` of one kind); its words are asked for only while they will be told."""
        self._leaks += count
        if len(self._words) < _TOLD:
            self._words.append(words())

    def check(self) -> Check:
        return Check(
            name=self.name, says=self.says, looked_at=self.looked_at, leaks=self._leaks, examples=tuple(self._words)
        )


def quoted(texts: TextSource, number: int) -> str:
    """A text's number and how it begins."""
    start = " ".join(texts[number][: 4 * _START].split())
    return f'text {number} "{start[:_START]}{"…" if len(start) > _START else ""}"'
