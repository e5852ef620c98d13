"""How well a taxonomy still fits texts that were added later: verdicts, none-fits shares, shares of the clusters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from ..core.agreement import Interval
from ..core.clustering import Batch, ClusterShare, Drift
from .charts import lean
from .page import decimal, percent, render_part

_TONES = {"covers": "kept", "shifted": "open", "no longer covers": "conflict"}


class BatchView(NamedTuple):
    """A batch with its texts ready: `shares` are a share, its change in words and as a bar."""

    anchor: str
    batch: Batch
    tone: str
    before: str
    now: str
    test: str
    shares: list[tuple[ClusterShare, str, Markup]]


def drift_section(batches: Sequence[Batch]) -> Markup:
    """Newest batch first."""
    views = [_view(number, batch) for number, batch in enumerate(batches, start=1)]
    return render_part("clustering_drift.html", batches=views[::-1])


def percent_interval(interval: Interval) -> str:
    """3 % [1 %, 6 %]."""
    if interval.low is None or interval.high is None:
        return percent(interval.value)
    return f"{percent(interval.value)} [{percent(interval.low)}, {percent(interval.high)}]"


def _view(number: int, batch: Batch) -> BatchView:
    drift = batch.drift
    return BatchView(
        f"batch-{number}",
        batch,
        _TONES[drift.verdict],
        percent_interval(drift.none_fits_before),
        percent_interval(drift.none_fits),
        _test(drift),
        _shares(drift),
    )


def _test(drift: Drift) -> str:
    told = f"Divergence of the clusters' shares: {decimal(drift.divergence, 3)} bits"
    if drift.divergence_p is None:
        return f"{told}; too few texts to test whether that is chance."
    p = "p < 0.001" if drift.divergence_p < 0.001 else f"p = {decimal(drift.divergence_p, 3)}"
    return f"{told}; chi-squared test that the shares are the same: {p}."


def _shares(drift: Drift) -> list[tuple[ClusterShare, str, Markup]]:
    ordered = sorted(drift.shares, key=lambda share: -abs(share.now - share.before))
    widest = max((abs(share.now - share.before) for share in ordered), default=0.0) or 1.0
    return [
        (share, f"{'+' if change >= 0.0005 else ''}{decimal(100 * change, 1)}", lean(change / widest))
        for share in ordered
        for change in (share.now - share.before,)
    ]
