"""How many clusters are asked for: told to a model in words, and held against what it made."""

from __future__ import annotations

from typing import NamedTuple


class ClusterRange(NamedTuple):
    """From `least` to `most` clusters; None leaves that side to the instruction."""

    least: int | None = None
    most: int | None = None

    @property
    def words(self) -> str:
        """Empty where nothing is asked for."""
        wanted = self._wanted()
        return f"Make {wanted} clusters." if wanted else ""

    def told(self, instruction: str) -> str:
        """The instruction with the range behind it."""
        return f"{instruction} {self.words}".strip()

    def missed_by(self, clusters: int) -> int:
        """By how many clusters; 0 within the range."""
        too_many = clusters - self.most if self.most is not None else 0
        return max((self.least or 0) - clusters, too_many, 0)

    def trouble(self, clusters: int, texts: int) -> tuple[str, ...]:
        """What to tell a person about so many clusters of so many texts that differ."""
        if not self.missed_by(clusters):
            return ()
        few = f", for only {texts} texts differ" if self.least is not None and texts < self.least else ""
        return (f"{self._wanted()} clusters were asked for, there are {clusters}{few}",)

    def _wanted(self) -> str:
        if self.least is None:
            return "" if self.most is None else f"at most {self.most}"
        if self.most is None:
            return f"at least {self.least}"
        return f"{self.least} to {self.most}" if self.least < self.most else f"exactly {self.least}"
