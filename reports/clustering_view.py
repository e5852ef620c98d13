"""What the page of a clustered corpus shows beyond its figures: some of the texts, with a place on the map."""

from __future__ import annotations

from typing import Literal, NamedTuple

from ..core.clustering import ClusteringResult, Decided
from .benchmark_summary import Histogram

Role = Literal["typical", "borderline", "drawn"]
"""Why a text is shown: nearest to its cluster's centre, nearly in another cluster, or by chance."""


class ShownText(NamedTuple):
    """A text of the page: `text` is its beginning; `x` and `y` lie in [0, 1], y upwards.

    One that is not `listed` is only a point on the map. `second` is the cluster that it nearly went to, where known.
    """

    document_id: str
    text: str
    cluster: str | None
    decided: Decided
    confidence: float | None
    second: str | None
    x: float
    y: float
    role: Role = "drawn"
    listed: bool = True

    @property
    def borderline(self) -> bool:
        return self.role == "borderline"


class Neighbours(NamedTuple):
    """Two clusters between which texts were unsure."""

    first: str
    second: str
    texts: int


class ClusteringView(NamedTuple):
    """All that is drawn. `texts` are bounded whatever the corpus; the other figures are of all of it."""

    result: ClusteringResult
    texts: tuple[ShownText, ...]
    map_says: str
    """What the map was made of, as the end of a sentence."""
    borderline_says: str = ""
    """What makes a text borderline, as a sentence."""
    confidence: Histogram | None = None
    """Texts by confidence in tenths, where anything measured it; every text."""
    neighbours: tuple[Neighbours, ...] = ()
    """Pairs with the most unsure texts, most first."""
