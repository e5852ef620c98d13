"""What an export is asked for, and what it says it has written."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class ExportOrder(NamedTuple):
    """Choices beyond the format; `splits` is empty for those that the format is made for.

    traces: for trl-sft, a file of lines {"example": id, "think": text} or a folder of traces. languages: ISO 639 codes,
    for a data card.
    """

    splits: tuple[str, ...] = ()
    traces: Path | None = None
    languages: tuple[str, ...] = ("en",)


class Written(NamedTuple):
    """Rows by file or split, and sentences that a person may want to read."""

    rows: dict[str, int]
    notes: tuple[str, ...] = ()
