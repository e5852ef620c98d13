"""Whether a taxonomy still covers: new texts against those it was made for, in two figures and a verdict.

What fits nowhere is compared by Wilson intervals, how the others spread over the clusters by the Jensen-Shannon
divergence (Lin 1991) and a chi-squared test of homogeneity.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Literal

from .agreement import Interval
from .carried import wilson_interval
from .clustering import ClusterShare, Drift

Verdict = Literal["covers", "shifted", "no longer covers"]

FEW = 30
"""Fewer new texts than this are said to be few, and clusters' shares are not tested on them."""

NOTICEABLE = 0.01
"""Bits: shares of 50 and 50 % that become 62 and 38 %. A smaller divergence is no shift, however many the texts."""

_UNLIKELY = 0.01
_EXPECTED = 5
"""Texts that the chi-squared test expects in a cell, at least (Cochran 1954); so many must fit nowhere too."""

_AGAIN = "Run `cluster-r1 cluster` on all documents again, or give the clusters by hand with `--taxonomy FILE`."
_SHOWN = 3


def drift(
    before: Mapping[str, int],
    now: Mapping[str, int],
    none_before: int,
    none_now: int,
    share: float,
    confidence: float | None = None,
    confidence_before: float | None = None,
) -> Drift:
    """`before` and `now` count texts by the cluster they fit, `none_before` and `none_now` those that fit nowhere.

    no longer covers  the share of new texts that fit nowhere lies, with its whole 95 % interval, above `share`
                      (`ClusterSettings.drift_share`), or by more than half of `share` above the interval of before;
                      and at least five do
    shifted           the clusters' shares differ by more than chance (p < 0.01) and by more than `NOTICEABLE`
    covers            neither

    The divergence is 0 where no text fits a cluster, before or now. Raises ValueError for a negative count.
    """
    counts = (*before.values(), *now.values(), none_before, none_now)
    if min(counts) < 0:
        raise ValueError(f"a count of texts is not negative, got {min(counts)!r}")
    texts, fit, fit_before = sum(now.values()) + none_now, sum(now.values()), sum(before.values())
    new, old = wilson_interval(none_now, texts), wilson_interval(none_before, fit_before + none_before)
    names = sorted({*before, *now})
    pairs = [(before.get(name, 0), now.get(name, 0)) for name in names]
    shares = [
        ClusterShare(name, first / max(1, fit_before), second / max(1, fit))
        for name, (first, second) in zip(names, pairs, strict=True)
    ]
    found = Drift(
        texts=texts,
        none_fits=new,
        none_fits_before=old,
        divergence=_divergence(shares) if fit and fit_before else 0.0,
        divergence_p=_chance(pairs) if texts >= FEW else None,
        confidence=confidence,
        confidence_before=confidence_before,
        shares=tuple(sorted(shares, key=lambda one: -max(one.before, one.now))),
        verdict="covers",
        says="",
    )
    verdict = _verdict(found, none_now, share)
    return found.model_copy(update={"verdict": verdict, "says": _says(found, verdict, share)})


def _divergence(shares: Sequence[ClusterShare]) -> float:
    """Bits, 0 to 1."""
    parts: list[float] = []
    for _, before, now in shares:
        middle = (before + now) / 2
        parts += [part * math.log2(part / middle) / 2 for part in (before, now) if part]
    return min(1.0, max(0.0, math.fsum(parts)))


def _chance(pairs: Sequence[tuple[int, int]]) -> float | None:
    """p of the chi-squared test, the smallest clusters put together until five texts are expected in every cell.

    They are put together by size alone: by how they changed, chance would look like a change.
    """
    before, now = sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)
    if not before or not now:
        return None
    smaller = min(before, now) / (before + now)
    cells: list[tuple[int, int]] = []
    first = second = 0
    for pair in sorted(pairs, key=lambda pair: pair[0] + pair[1]):
        first += pair[0]
        second += pair[1]
        if (first + second) * smaller >= _EXPECTED:
            cells.append((first, second))
            first = second = 0
    if len(cells) < 2:
        return None
    cells[-1] = (cells[-1][0] + first, cells[-1][1] + second)
    stats: Any = import_module("scipy.stats")
    return float(stats.chi2_contingency(cells, correction=False).pvalue)


def _verdict(found: Drift, none_now: int, share: float) -> Verdict:
    low, high_before = found.none_fits.low, found.none_fits_before.high
    if low is not None and none_now >= _EXPECTED:
        risen = high_before is not None and low > high_before + share / 2
        if low > share or risen:
            return "no longer covers"
    shifted = found.divergence_p is not None and found.divergence_p < _UNLIKELY and found.divergence > NOTICEABLE
    return "shifted" if shifted else "covers"


def _says(found: Drift, verdict: Verdict, share: float) -> str:
    if not found.texts:
        return "There are no new texts, so the taxonomy covers them."
    few = f" These are only {found.texts} texts: look again when there are more." if found.texts < FEW else ""
    nowhere = f"{_range(found.none_fits)} of the new texts fit nowhere, {_range(found.none_fits_before)} before"
    if verdict == "no longer covers":
        low = found.none_fits_before.low
        always = " As many did when it was made." if low is not None and low > share else ""
        return f"The taxonomy no longer covers: {nowhere}.{always} {_AGAIN}{few}"
    chance = "" if found.divergence_p is None else f", p {_p(found.divergence_p)}"
    if verdict == "shifted":
        moved = sorted(found.shares, key=lambda one: (-abs(one.now - one.before), one.cluster))[:_SHOWN]
        most = ", ".join(f"{one.cluster!r} from {one.before:.1%} to {one.now:.1%}" for one in moved)
        return (
            f"The taxonomy covers, but the texts spread differently over the clusters (divergence"
            f" {found.divergence:.3f} bits{chance}), most of all {most}; {nowhere}. Nothing needs to be done, unless a"
            f" cluster became too coarse: then run `cluster-r1 cluster` on all documents again."
        )
    return f"The taxonomy covers: {nowhere} (divergence {found.divergence:.3f} bits{chance}).{few}"


def _range(interval: Interval) -> str:
    if interval.value is None or interval.low is None or interval.high is None:
        return "an unknown share"
    return f"{interval.value:.1%} ({interval.low:.1%} to {interval.high:.1%})"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"
