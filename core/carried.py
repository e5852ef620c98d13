"""Labels that an edit of a taxonomy leaves standing: what was taken over from which version, and what that costs."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from .agreement import Interval
from .consensus import Outcome
from .taxonomy import TaxonomyDiff


class Rechecked(NamedTuple):
    """An untouched document that is voted on anew, with its old outcome and cluster in the new version's names."""

    key: int
    outcome: Outcome
    cluster: str | None


class CarryPlan(BaseModel):
    """How a taxonomy version comes by its first labels, written down before the first of them.

    `source` and `version` tell the version they are taken over from; it is `complete` when all of them are stored.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    version: int
    diff: TaxonomyDiff
    recheck: tuple[Rechecked, ...]
    complete: bool = False


class Carried(BaseModel):
    """Documents whose votes were taken over from another taxonomy version, and the check on documents like them."""

    model_config = ConfigDict(frozen=True)

    source: str = Field(description="fingerprint of the version they were taken over from")
    version: int
    documents: int
    rechecked: int = Field(description="untouched documents, drawn at random, that were voted on anew")
    same: int = Field(description="those of them that kept outcome and cluster")
    stability: Interval = Field(description="same / rechecked, with its 95 % Wilson interval")


def wilson_interval(hits: int, trials: int, confidence: float = 0.95) -> Interval:
    """A share with its score interval (Wilson 1927), which stays within 0 and 1 and works for few trials."""
    if not trials:
        return Interval(None, None, None)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = hits / trials
    middle = share + z**2 / (2 * trials)
    spread = z * math.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    whole = 1 + z**2 / trials
    low, high = (middle - spread) / whole, (middle + spread) / whole
    return Interval(share, min(share, max(0.0, low)), max(share, min(1.0, high)))
