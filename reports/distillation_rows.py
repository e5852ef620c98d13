"""Traces made ready for their page, one at a time: distributions of all of them, and some to read without prompts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Literal, NamedTuple

from ..core.traces import CRITERIA, Criterion, RejectionReason, Trace, TraceScores, TraceVerdict, is_kept
from .benchmark_summary import Histogram, Spread
from .page import count

Standing = Literal["kept", "rejected", "undecided"]

REASON_WORDS: dict[RejectionReason, str] = {
    "unusable": "no readable trace",
    "answer": "another answer than gold",
    "too_short": "too short",
    "too_long": "too long",
    "leaning": "leans on the given answer",
    "completeness": "steps are missing",
    "length": "length rated too low",
    "coherence": "steps do not hang together",
    "rederived": "reasoning gives another answer",
}
_MOST_SHOWN = 600
_EXCERPT = 700
_V_COLUMNS = 10
_WORD_COLUMNS = 12


class TraceRow(NamedTuple):
    """A trace to read; `excerpt` is the beginning of its prompt's `prompt_length` characters."""

    id: str
    task: str
    instruction: str
    excerpt: str
    prompt_length: int
    reasoning: str
    answer: str
    model: str
    words: int
    scores: TraceScores | None
    rederived: float | None
    standing: Standing
    verdict: TraceVerdict | None
    rounds: int
    last_word: RejectionReason | None
    sent_back: tuple[tuple[int, RejectionReason, str], ...]

    @property
    def reasons(self) -> set[RejectionReason]:
        """Every reason for which a trace of this example was sent back or rejected."""
        return {reason for _, reason, _ in self.sent_back}


class TraceFigures(NamedTuple):
    """Distributions over all traces (words: of those not rejected); `total` counts those that have no row too."""

    ratings: dict[Criterion, Histogram]
    rating_means: dict[Criterion, float]
    rederived: Histogram
    rederived_mean: float | None
    words: Histogram
    rows: tuple[TraceRow, ...]
    total: int


def trace_figures(traces: Iterable[Trace], verdicts: Mapping[str, TraceVerdict]) -> TraceFigures:
    """Of all traces, rejected ones included; of more than 600 every so-and-so-many-th is there to read."""
    ratings: dict[Criterion, Counter[int]] = {criterion: Counter() for criterion in CRITERIA}
    found: list[float] = []
    words: Counter[int] = Counter()
    rows: list[TraceRow] = []
    every, total = 1, 0
    for trace in traces:
        row = trace_row(trace, verdicts.get(trace.id))
        if trace.rejected is None:
            words[row.words] += 1
        if trace.scores is not None:
            for criterion in CRITERIA:
                ratings[criterion][getattr(trace.scores, criterion)] += 1
        if trace.rederived is not None:
            found.append(trace.rederived)
        if total % every == 0:
            rows.append(row)
        total += 1
        if len(rows) > _MOST_SHOWN:
            rows, every = rows[::2], every * 2
    return TraceFigures(
        ratings={criterion: _ratings(counter) for criterion, counter in ratings.items()},
        rating_means={c: fmean(counter.elements()) for c, counter in ratings.items() if counter},
        rederived=_shares(found),
        rederived_mean=fmean(found) if found else None,
        words=_ranges(words),
        rows=tuple(rows),
        total=total,
    )


def trace_row(trace: Trace, verdict: TraceVerdict | None) -> TraceRow:
    prompt = "\n\n".join(f"{turn.role}: {turn.content}" for turn in trace.prompt)
    history = [*trace.attempts, *([trace.rejected] if trace.rejected else [])]
    return TraceRow(
        id=trace.id,
        task=trace.task,
        instruction=trace.instruction,
        excerpt=prompt[:_EXCERPT],
        prompt_length=len(prompt),
        reasoning=trace.reasoning,
        answer=trace.answer,
        model=trace.model,
        words=len(trace.reasoning.split()),
        scores=trace.scores,
        rederived=trace.rederived,
        standing=_standing(trace, verdict),
        verdict=verdict,
        rounds=len(trace.attempts) + 1,
        last_word=trace.rejected.reason if trace.rejected else None,
        sent_back=tuple((attempt.round, attempt.reason, attempt.says) for attempt in history),
    )


def tasks_of(rows: Sequence[TraceRow]) -> list[str]:
    return sorted({row.task for row in rows})


def _standing(trace: Trace, verdict: TraceVerdict | None) -> Standing:
    if trace.kept is None and verdict is None and trace.rejected is None:
        return "undecided"
    return "kept" if is_kept(trace, verdict) else "rejected"


def _ratings(counter: Counter[int]) -> Histogram:
    return Histogram(labels=("1", "2", "3", "4", "5"), counts=tuple(counter[rating] for rating in range(1, 6)))


def _shares(values: Sequence[float]) -> Histogram:
    """Values in [0, 1] by tenths; the last range has 1 in it."""
    columns = Counter(min(_V_COLUMNS - 1, int(value * _V_COLUMNS + 1e-9)) for value in values)
    labels = tuple(f"{n / _V_COLUMNS:.1f}–{(n + 1) / _V_COLUMNS:.1f}" for n in range(_V_COLUMNS))
    return Histogram(labels=labels, counts=tuple(columns[n] for n in range(_V_COLUMNS)))


def _ranges(counter: Counter[int]) -> Histogram:
    """Numbers of words in about 12 ranges of equal, round width."""
    if not counter:
        return Histogram(labels=(), counts=())
    low, high = min(counter), max(counter)
    width = _round_width((high - low + 1) / _WORD_COLUMNS)
    start = low // width
    slots = range(start, high // width + 1)
    columns: Counter[int] = Counter()
    for words, number in counter.items():
        columns[words // width] += number
    mean = sum(words * number for words, number in counter.items()) / counter.total()
    return Histogram(
        labels=tuple(_range_label(slot * width, width) for slot in slots),
        counts=tuple(columns[slot] for slot in slots),
        spread=Spread(mean, low, high),
    )


def _range_label(start: int, width: int) -> str:
    return count(start) if width == 1 else f"{count(start)}–{count(start + width - 1)}"


def _round_width(least: float) -> int:
    power = 10 ** max(0, math.floor(math.log10(max(1.0, least))))
    return next(power * n for n in (1, 2, 5, 10) if power * n >= least)
