"""The audit log: who did what in a review and when, before and after. Lines are added to it and never changed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from ..core.errors import WorkspaceError
from ..core.forms import ReviewKind
from ..core.moments import now

Event = Literal["pushed", "answered", "returned", "decided"]


class Entry(BaseModel):
    """One line. `key` is what makes the event the same event when a command that was killed is run again."""

    model_config = ConfigDict(frozen=True)

    event: Event
    kind: ReviewKind
    record: str
    who: str
    at: str = Field(description="ISO 8601, UTC: when the person answered, or the program acted")
    before: dict[str, Any] = Field(default_factory=dict)
    after: dict[str, Any] = Field(default_factory=dict)
    detail: str = ""
    logged: str = Field(default_factory=now)

    @property
    def key(self) -> str:
        when = self.at if self.event == "answered" else ""  # the others tell when this program noticed
        told = [self.event, self.record, self.who, when, self.after, self.detail]
        return hashlib.sha256(json.dumps(told, sort_keys=True, ensure_ascii=True).encode()).hexdigest()[:24]


class AuditLog:
    """The log of one workspace; the caller holds the workspace's lock when it adds."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, entries: Iterable[Entry]) -> list[Entry]:
        """Append what is not there yet, flushed to the disk; returns what was new."""
        known = {entry.key for entry in self.entries()} if self.path.exists() else set[str]()
        new: dict[str, Entry] = {e.key: e for e in entries if e.key not in known}
        if not new:
            return []
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lines = "".join(f"{entry.model_dump_json()}\n" for entry in new.values())
        with self.path.open("ab") as file:
            torn = file.tell() > 0 and not _ends_a_line(self.path)
            file.write(("\n" if torn else "").encode() + lines.encode())
            file.flush()
            os.fsync(file.fileno())
        return list(new.values())

    def entries(self) -> Iterator[Entry]:
        """Every event, oldest first; a last line cut short by kill -9 is passed over.

        Raises WorkspaceError naming any other line that cannot be read.
        """
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    yield Entry.model_validate_json(line)
                except ValidationError as error:
                    if _is_torn(line):
                        continue
                    raise WorkspaceError(f"{self.path}:{number} is not a line of the audit log: {error}") from None


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _is_torn(line: bytes) -> bool:
    """Whether it breaks off in the middle, which is what a killed writer leaves."""
    text = line.rstrip(b"\n").decode(errors="ignore")
    return not text or (not _is_json(text, "off") and _is_json(text, "trailing-strings"))


def _is_json(text: str, allow_partial: Literal["off", "trailing-strings"]) -> bool:
    try:
        from_json(text, allow_partial=allow_partial)
    except ValueError:
        return False
    return True
