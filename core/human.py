"""What people say about single documents: one settled label a document, with who said so, kept as a file of lines."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from .errors import WorkspaceError
from .moments import in_utc
from .workspace import write_bytes

Slice = Literal["random", "conflict", "weak"]
"""Why a document was shown to people: drawn at random, the labelers' conflict, a cluster of low agreement."""


class HumanLabel(BaseModel):
    """People's word on a document under one taxonomy version: a cluster's name, or `none fits`.

    `authors` gave this answer, `dissenters` another one; `rule` says what settled it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    document_id: str
    key: int = Field(ge=0, lt=2**64)
    cluster: str = Field(min_length=1)
    authors: tuple[str, ...]
    dissenters: tuple[str, ...] = ()
    rule: Literal["single", "agreed", "majority", "lead"]
    comment: str = ""
    slice: Slice
    at: str = Field(description="ISO 8601: when it was settled; kept in UTC, so that later ones sort behind")
    carried_from: str | None = Field(
        default=None, description="fingerprint of the taxonomy version it was given under, when that is another one"
    )

    @field_validator("at")
    @classmethod
    def _utc(cls, at: str) -> str:
        return in_utc(at)


def read_human(path: Path) -> dict[int, HumanLabel]:
    """Labels by document key; none where there is no file. Raises WorkspaceError naming a line that is not a label."""
    lines = path.read_bytes().splitlines() if path.exists() else []
    found: dict[int, HumanLabel] = {}
    for number, line in enumerate(lines, start=1):
        try:
            label = HumanLabel.model_validate_json(line)
        except ValidationError as error:
            wrong = error.errors()[0]
            place = ".".join(map(str, wrong["loc"])) or "the line"
            raise WorkspaceError(
                f"{path} line {number} is not a human label ({place}: {wrong['msg']}); mend or delete the line"
            ) from None
        found[label.key] = label
    return found


def merge_human(path: Path, labels: Iterable[HumanLabel], withdrawn: Collection[int] = ()) -> None:
    """Put labels in the file, each in place of its document's earlier one, and leave out those of `withdrawn` keys.

    The file is replaced whole.
    """
    known = read_human(path)
    merged = {key: label for key, label in known.items() if key not in withdrawn}
    merged |= {label.key: label for label in labels}
    if merged != known:
        write_bytes(path, b"".join(f"{merged[key].model_dump_json()}\n".encode() for key in sorted(merged)))
