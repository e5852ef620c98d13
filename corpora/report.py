"""CorpusReport: what reading a corpus came to. Every row read was kept or skipped for a counted reason."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

SkipReason = Literal[
    "malformed",
    "not_utf8",
    "nul",
    "no_text",
    "not_text",
    "empty",
    "too_long",
    "no_id",
    "duplicate_id",
]
"""Why a row is no document.

malformed: not a JSON object, not a CSV record of the header's width, or a value that cannot be read.
not_utf8: bytes that are not UTF-8. nul: a NUL byte in the row or a NUL character in its text or id.
no_text: no such column in this row, or null. not_text: a number, a list… where the text should be.
empty: nothing but white space. too_long: more than `max_characters`, or a row too large to be looked at.
no_id: no such column in this row, null, empty, or neither string nor integer. duplicate_id: an earlier kept row has it.
"""

EXAMPLES_A_REASON = 20
_DETAIL_CHARACTERS = 200


class Skip(BaseModel):
    """A row that was left out: where it is (file and line or row) and what is wrong with it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    place: str
    reason: SkipReason
    detail: str

    def __str__(self) -> str:
        return f"{self.place}: {self.reason} ({self.detail})"


class CorpusReport(BaseModel):
    """Counts of one reading, filled while it goes on; `read == kept + sum(skipped.values())` at every moment.

    `passed_over` counts files of a folder that are of no known format, or text beside data files. `examples` holds
    the first skips of each reason. `fingerprint` tells one state of settings and source files from another.
    """

    model_config = ConfigDict(extra="forbid")

    source: str = ""
    fingerprint: str = ""
    files: int = 0
    passed_over: int = 0
    read: int = 0
    kept: int = 0
    skipped: dict[SkipReason, int] = Field(default_factory=dict)
    examples: list[Skip] = Field(default_factory=list)

    def keep(self) -> None:
        self.read += 1
        self.kept += 1

    def skip(self, skip: Skip) -> None:
        self.read += 1
        count = self.skipped[skip.reason] = self.skipped.get(skip.reason, 0) + 1
        if count <= EXAMPLES_A_REASON:
            self.examples.append(skip.model_copy(update={"detail": skip.detail[:_DETAIL_CHARACTERS]}))

    def to_json(self) -> str:
        return self.model_dump_json(indent=1) + "\n"
