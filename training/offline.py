"""Scoring completions offline: the reward of each row, why it is what it is, and what all of them say together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, get_args

import orjson
from pydantic import BaseModel, ConfigDict, Field

from ..core.answer import AnswerError, AnswerErrorKind, parse_answer, reasoning_of
from ..core.process import read_process
from ..core.scoring import DEFAULT_REWARD, RewardSettings, Score, score_completion
from ..core.workspace import atomic_path
from .completion_rows import BadRow, CompletionRow

ZERO = 0.005
"""A reward below this counts as a zero: it is one to two decimals, and what epsilon leaves of a factor that is 0."""
_BINS = 10


class ScoredRow(NamedTuple):
    """A row with its score; `process` is there whatever its weight. why: the reason for a zero, else empty."""

    row: CompletionRow
    score: Score
    why: str


class RewardSummary(BaseModel):
    """All scored rows together. Means are over all of them, those of process and k_difference over valid answers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    bad_rows: int = Field(description="rows that could not be scored; nothing else counts them")
    zeros: int
    reward: float
    format: float
    count: float
    quality: float
    process: float = Field(description="agreement of reasoning and answer, whatever its weight")
    k_difference: float = Field(description="K predicted - K gold")
    errors: dict[AnswerErrorKind, int]
    histogram: tuple[int, ...] = Field(description="rows by reward: ten equal bins of [0, 1], 1 in the last")
    settings: dict[str, Any]


def score_rows(
    rows: Iterable[CompletionRow | BadRow], settings: RewardSettings = DEFAULT_REWARD
) -> Iterator[ScoredRow | BadRow]:
    """Raises ValueError for settings out of bounds."""
    settings.check()
    return (row if isinstance(row, BadRow) else _scored(row, settings) for row in rows)


def write_scored(scored: Iterable[ScoredRow | BadRow], path: Path) -> Iterator[ScoredRow | BadRow]:
    """Pass the rows on and write those with a score to a JSONL file, which is there when the last has passed.

    A line has the row's own columns, and the score under `scored`.
    """
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        for row in scored:
            if isinstance(row, ScoredRow):
                told = {**row.score._asdict(), "error": row.score.error or "", "why": row.why}
                line = {**row.row.values, "scored": told}
                file.write(orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS) + b"\n")
            yield row


class RewardTally:
    """Adds rows up in constant memory."""

    def __init__(self, settings: RewardSettings) -> None:
        self._settings = settings
        self._sums = dict.fromkeys(("reward", "format", "count", "quality", "process", "k_difference"), 0.0)
        self._errors = dict.fromkeys(get_args(AnswerErrorKind), 0)
        self._histogram = [0] * _BINS
        self._zeros = 0
        self.bad_rows = 0

    def add(self, row: ScoredRow | BadRow) -> None:
        if isinstance(row, BadRow):
            self.bad_rows += 1
            return
        score = row.score
        for name in ("reward", "format", "count", "quality", "process"):
            self._sums[name] += getattr(score, name)
        self._histogram[min(_BINS - 1, int(score.reward * _BINS))] += 1
        self._zeros += bool(row.why)
        if score.error is None:
            self._sums["k_difference"] += score.k_pred - score.k_gold
        else:
            self._errors[score.error] += 1

    def summary(self) -> RewardSummary:
        rows, invalid = sum(self._histogram), sum(self._errors.values())
        over = {"process": rows - invalid, "k_difference": rows - invalid}
        means = {name: total / max(1, over.get(name, rows)) for name, total in self._sums.items()}
        return RewardSummary(
            rows=rows,
            bad_rows=self.bad_rows,
            zeros=self._zeros,
            errors={kind: count for kind, count in self._errors.items() if count},
            histogram=tuple(self._histogram),
            settings=self._settings._asdict(),
            **means,
        )


def _scored(row: CompletionRow, settings: RewardSettings) -> ScoredRow:
    score = score_completion(row.text, row.gold, settings)
    if score.error is None and not settings.process:
        answer = parse_answer(row.text, score.n)
        score = score._replace(process=read_process(reasoning_of(row.text), answer).value)
    return ScoredRow(row, score, _why(row.text, score, settings) if score.reward < ZERO else "")


def _why(text: str, score: Score, settings: RewardSettings) -> str:
    if score.error is not None:
        try:
            parse_answer(text, score.n)
        except AnswerError as error:
            return str(error)
    reasons = []
    if score.quality < ZERO:
        reasons.append(f"quality: {_no_quality(score)}")
    if score.count < ZERO:
        reasons.append(f"count: {score.k_pred} clusters, gold has {score.k_gold}; the factor is {score.count:.2g}")
    if settings.process and score.process < ZERO:
        reasons.append("process: the reasoning states neither the count nor the groups of the answer")
    process = f", process {score.process:.2g}" if settings.process else ""
    return "; ".join(reasons) or (
        f"low factors together: count {score.count:.2g} ({score.k_pred} clusters, gold has {score.k_gold}),"
        f" V-measure {score.quality:.2g}{process}"
    )


def _no_quality(score: Score) -> str:
    if score.k_pred == 1:
        return f"V-measure 0, all {score.n} items are in one cluster, gold has {score.k_gold}"
    if score.k_gold == 1:
        return f"V-measure 0, gold is one cluster, the answer has {score.k_pred}"
    return f"V-measure {score.quality:.2g}, the {score.k_pred} clusters say nothing about gold's {score.k_gold}"
