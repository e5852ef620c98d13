"""What every command gets from the options before its name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..core.workspace import Workspace


@dataclass(frozen=True)
class CommandContext:
    directory: Path

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.directory)
