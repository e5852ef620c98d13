"""What a review of traces came to: how far people agree with each other, and with the review agent."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict, Field

from ..core.agreement import Agreement, confusion_matrix, measure_agreement
from ..core.raters import RaterAgreement, measure_raters
from ..core.traces import CRITERIA, Criterion, Trace, TraceVerdict
from .label_figures import as_coefficient, as_share
from .shown import shown_line

_LABELS = ("keep", "drop")
_MOST_REASONS = 5


class UnsettledTrace(NamedTuple):
    """A trace without a decision by people yet: why, and who answered."""

    trace: str
    reason: str
    authors: tuple[str, ...]


class RatingAgreement(NamedTuple):
    """Two people's ratings of a trace by one criterion, over all such pairs: 0 apart on average is full agreement.

    `distance` is the mean difference in points of the five, None without a pair.
    """

    criterion: Criterion
    pairs: int
    distance: float | None
    same: float | None


class TraceReview(BaseModel):
    """Statistics of the review of traces. In `agent` the rows are people's decisions, the columns the agent's."""

    model_config = ConfigDict(frozen=True)

    answered: int
    kept: int
    dropped: int
    unsettled: tuple[UnsettledTrace, ...]
    people: RaterAgreement = Field(description="people among themselves, on keep or drop")
    ratings: tuple[RatingAgreement, ...]
    agent: Agreement = Field(description="people and the review agent, on keep or drop")


class _Answer(Protocol):
    """What is needed of one person's answer."""

    @property
    def keep(self) -> bool: ...
    @property
    def ratings(self) -> Mapping[Criterion, int]: ...


def measure_trace_review(
    traces: Iterable[Trace],
    answers: Mapping[str, Mapping[str, _Answer]],
    verdicts: Sequence[TraceVerdict],
    unsettled: Sequence[UnsettledTrace],
) -> TraceReview:
    """`traces` may be all there are; `answers` go by trace id, then by author."""
    decided = {verdict.trace: verdict.keep for verdict in verdicts}
    pairs = [(_label(decided[t.id]), _label(t.kept)) for t in traces if t.id in decided and t.kept is not None]
    units = [{author: _label(answer.keep) for author, answer in given.items()} for given in answers.values()]
    return TraceReview(
        answered=len(answers),
        kept=sum(decided.values()),
        dropped=len(decided) - sum(decided.values()),
        unsettled=tuple(unsettled),
        people=measure_raters(units),
        ratings=tuple(_rating_agreement(criterion, answers.values()) for criterion in CRITERIA),
        agent=measure_agreement(confusion_matrix(pairs, _LABELS), _LABELS),
    )


def trace_review_lines(review: TraceReview) -> list[str]:
    """The review in lines for the terminal."""
    lines = [f"{review.answered} traces answered: {review.kept} kept, {review.dropped} dropped"]
    reasons = Counter(shown_line(trace.reason) for trace in review.unsettled)
    lines += [f"not settled: {count} × {reason}" for reason, count in reasons.most_common(_MOST_REASONS)]
    people, agent = review.people, review.agent
    if people.units:
        figures = f"raw {as_share(people.raw)}, alpha {as_coefficient(people.alpha)}"
        lines.append(f"people among themselves: {figures} on {people.units} traces")
    for criterion, pairs, distance, same in review.ratings:
        if distance is not None and same is not None:
            lines.append(
                f"  {criterion}: {distance:.1f} points apart, the same in {same:.0%} of {pairs} pairs of ratings"
            )
    if agent.documents:
        figures = f"raw {as_share(agent.raw)}, kappa {as_coefficient(agent.kappa)}"
        lines.append(f"people and the review agent: {figures} on {agent.documents} traces")
    return lines


def _label(keep: bool | None) -> str:
    return _LABELS[0] if keep else _LABELS[1]


def _rating_agreement(criterion: Criterion, answers: Iterable[Mapping[str, _Answer]]) -> RatingAgreement:
    distances: list[int] = []
    for given in answers:
        ratings = [answer.ratings[criterion] for answer in given.values() if criterion in answer.ratings]
        distances += [abs(first - second) for first, second in itertools.combinations(ratings, 2)]
    if not distances:
        return RatingAgreement(criterion, 0, None, None)
    return RatingAgreement(
        criterion, len(distances), sum(distances) / len(distances), distances.count(0) / len(distances)
    )
