"""Votes of two labelers on a document, and what the pair of them decides (paper §4.1, stage 3).

The paper keeps agreements and discards the rest; here every vote is kept and only the outcome differs.
"""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from .taxonomy import NONE_FITS

Outcome = Literal["kept", "conflict", "none_fits", "unanswered"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

GOLD = "gold"
"""The labeler's name where labels came with the corpus: nobody voted, so there is no agreement to measure."""


class Assignment(BaseModel):
    """One labeler's vote: a cluster's name, `none fits`, or no usable answer (`cluster` is None, `error` says why)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    labeler: str
    cluster: str | None
    position: int | None = Field(default=None, ge=0, description="0-based place of the cluster in the list as shown")
    order: int = Field(default=0, ge=0, description="which of the labeler's cluster orders the document was shown")
    reason: str | None = None
    call: str | None = Field(default=None, description="the ledger's key of the call, hexadecimal")
    error: str | None = None


class Consensus(BaseModel):
    """A document's two votes under one taxonomy version and the outcome; `cluster` is set only when kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    document_id: str
    outcome: Outcome
    cluster: str | None
    votes: tuple[Assignment, Assignment]


def decide(document_id: str, first: Assignment, second: Assignment) -> Consensus:
    """Both name one cluster: kept. Both say none fits: none_fits. A vote missing: unanswered. Else conflict."""
    outcome: Outcome
    if first.cluster is None or second.cluster is None:
        outcome = "unanswered"
    elif first.cluster != second.cluster:
        outcome = "conflict"
    else:
        outcome = "none_fits" if first.cluster == NONE_FITS else "kept"
    cluster = first.cluster if outcome == "kept" else None
    return Consensus(document_id=document_id, outcome=outcome, cluster=cluster, votes=(first, second))
