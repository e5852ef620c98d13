"""Document: one text of a corpus, with its id and whatever else the corpus knew about it."""

from __future__ import annotations

import hashlib
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Document(BaseModel):
    """One text to cluster.

    `meta` keeps the source's other columns (gold labels among them) and is never shown to a model.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1)
    text: str = Field(min_length=1)
    meta: dict[str, Any] = Field(default_factory=dict)

    @property
    def key(self) -> int:
        """Identity of (id, text) as an unsigned 64-bit integer: an edited text is another document."""
        return document_key(self.id, self.text)


def document_key(document_id: str, text: str) -> int:
    digest = hashlib.blake2b(digest_size=8)
    name = document_id.encode()
    digest.update(len(name).to_bytes(8, "big"))
    digest.update(name)
    digest.update(text.encode())
    return int.from_bytes(digest.digest(), "big")
