"""What a distillation job came to (paper §5.1, App. C): kept and rejected traces, reasons, rounds, ratings, costs.

The figures lie beside the traces, in traces/_report.json; they are computed from the traces' files and the ledger.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .costs import RoleCost
from .errors import WorkspaceError
from .traces import CRITERIA, REASONS, RejectionReason, Trace, TraceScores, TraceVerdict, is_kept
from .workspace import write_text

REPORT = "_report.json"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MeanScores(_Frozen):
    """Means of the review agent's ratings, 1 to 5."""

    completeness: float
    length: float
    coherence: float


class WordCounts(_Frozen):
    """Words of the reasonings of kept traces: least, quartiles, most."""

    least: int
    lower: float
    median: float
    upper: float
    most: int


class _Outcomes(_Frozen):
    """examples = kept + rejected + pending."""

    examples: int
    kept: int = Field(description="by the agents, before people's word")
    rejected: dict[RejectionReason, int] = Field(description="after the last round, by the last reason")
    pending: int = Field(description="examples without a trace: not asked yet, or without an answer")
    scores: MeanScores | None = Field(default=None, description="of kept traces that were rated")
    rederived: float | None = Field(default=None, description="mean V-measure of kept traces that were rederived")

    @property
    def kept_rate(self) -> float | None:
        """Of the examples that have a trace, kept or rejected; None without any."""
        done = self.examples - self.pending
        return self.kept / done if done else None


class TaskTraces(_Outcomes):
    """One task."""

    task: str
    instruction: str


class DistillReport(_Outcomes):
    """The whole job, in all and task by task."""

    benchmark: str = Field(description="its name")
    tracer: str = Field(description="the model that wrote the traces")
    reviewer: str = Field(description="the model that judged them")
    rounds: int = Field(description="traces written for an example at most")
    sent_back: dict[RejectionReason, int] = Field(description="traces that went back to the generator, by reason")
    rounds_needed: dict[int, int] = Field(description="kept traces by the round that made them, from 1")
    tasks: tuple[TaskTraces, ...]
    words: WordCounts | None = Field(default=None, description="None where no trace is kept")
    people_kept: int = Field(default=0, description="traces that people decided to keep")
    people_dropped: int = Field(default=0, description="traces that people decided to drop")
    usable: int = Field(description="traces kept after people's word: those that a model learns from")
    costs: tuple[RoleCost, ...] = Field(default=(), description="tracer and reviewer, over all runs")


def read_report(folder: Path) -> DistillReport:
    """The figures of a traces folder. Raises WorkspaceError where there are none, or they cannot be read."""
    path = folder / REPORT
    try:
        return DistillReport.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise WorkspaceError(f"there is no {path}; `cluster-r1 distill` writes it") from None
    except ValidationError as error:
        wrong = error.errors()[0]
        raise WorkspaceError(f"{path} is damaged ({wrong['msg']}); `cluster-r1 distill` writes it anew") from None


def write_report(folder: Path, report: DistillReport) -> Path:
    path = folder / REPORT
    write_text(path, report.model_dump_json(indent=1) + "\n")
    return path


class Asked(NamedTuple):
    """An example that is to have a trace, and the hash that a trace of it has to bear."""

    id: str
    task: str
    instruction: str
    made_from: str


def distill_report(
    asked: Sequence[Asked],
    traces: Iterable[Trace],
    verdicts: Mapping[str, TraceVerdict],
    *,
    benchmark: str,
    tracer: str,
    reviewer: str,
    rounds: int,
    costs: Sequence[RoleCost] = (),
) -> DistillReport:
    """The figures of these examples' traces; traces of others, or made from something else, are not counted."""
    wanted = {one.id: one.made_from for one in asked}
    whole = _Tally("", "")
    tallies = {one.task: _Tally(one.task, one.instruction) for one in asked}
    for one in asked:
        for tally in (whole, tallies[one.task]):
            tally.examples += 1
    for trace in traces:
        if wanted.get(trace.example) == trace.made_from:
            for tally in (whole, tallies[trace.task]):
                tally.add(trace, verdicts.get(trace.id))
    return DistillReport(
        benchmark=benchmark,
        tracer=tracer,
        reviewer=reviewer,
        rounds=rounds,
        examples=whole.examples,
        kept=whole.kept,
        rejected=_ordered(whole.rejected),
        pending=whole.pending,
        sent_back=_ordered(whole.sent_back),
        rounds_needed=dict(sorted(whole.rounds.items())),
        tasks=tuple(tally.figures() for tally in tallies.values()),
        scores=whole.mean_scores(),
        rederived=_mean(whole.rederived),
        words=_word_counts(whole.words),
        people_kept=whole.people[True],
        people_dropped=whole.people[False],
        usable=whole.usable,
        costs=tuple(costs),
    )


class _Tally:
    """Counts of some traces, and numbers of the kept ones."""

    def __init__(self, task: str, instruction: str) -> None:
        self.task, self.instruction = task, instruction
        self.examples = self.kept = self.usable = 0
        self.rejected: Counter[RejectionReason] = Counter()
        self.sent_back: Counter[RejectionReason] = Counter()
        self.rounds: Counter[int] = Counter()
        self.people: Counter[bool] = Counter()
        self.scores: list[TraceScores] = []
        self.rederived: list[float] = []
        self.words: list[int] = []

    @property
    def pending(self) -> int:
        return self.examples - self.kept - self.rejected.total()

    def add(self, trace: Trace, verdict: TraceVerdict | None) -> None:
        self.sent_back.update(attempt.reason for attempt in trace.attempts)
        self.usable += is_kept(trace, verdict)
        if verdict is not None:
            self.people[verdict.keep] += 1
        if trace.rejected is not None:
            self.rejected[trace.rejected.reason] += 1
            return
        self.kept += 1
        self.rounds[1 + len(trace.attempts)] += 1
        self.words.append(len(trace.reasoning.split()))
        if trace.scores is not None:
            self.scores.append(trace.scores)
        if trace.rederived is not None:
            self.rederived.append(trace.rederived)

    def mean_scores(self) -> MeanScores | None:
        if not self.scores:
            return None
        means = {name: statistics.fmean(getattr(scores, name) for scores in self.scores) for name in CRITERIA}
        return MeanScores(**means)

    def figures(self) -> TaskTraces:
        return TaskTraces(
            task=self.task,
            instruction=self.instruction,
            examples=self.examples,
            kept=self.kept,
            rejected=_ordered(self.rejected),
            pending=self.pending,
            scores=self.mean_scores(),
            rederived=_mean(self.rederived),
        )


def _ordered(reasons: Counter[RejectionReason]) -> dict[RejectionReason, int]:
    return {reason: reasons[reason] for reason in REASONS if reasons[reason]}


def _mean(values: Sequence[float]) -> float | None:
    return statistics.fmean(values) if values else None


def _word_counts(words: Sequence[int]) -> WordCounts | None:
    if not words:
        return None
    lower, median, upper = statistics.quantiles(words if len(words) > 1 else [*words] * 2, n=4, method="inclusive")
    return WordCounts(least=min(words), lower=lower, median=median, upper=upper, most=max(words))
