"""What every command gets from the options before its name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..core.training_runs import RunFolder
from ..core.workspace import Workspace


@dataclass(frozen=True)
class CommandContext:
    directory: Path

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.directory)

    def run(self, name: str) -> RunFolder:
        """A training run: a name lies below the project's runs/; anything with a slash is a folder of its own."""
        return RunFolder(Path(name).absolute() if "/" in name else self.workspace.runs / name)
