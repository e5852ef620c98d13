"""What a review of labels came to: how far people agree with each other, with each labeler and with the consensus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol, get_args

from ..core.agreement import Agreement, Interval, confusion_matrix, measure_agreement
from ..core.carried import wilson_interval
from ..core.human import HumanLabel, Slice
from ..core.label_review import MODELS, Comparison, LabelReview, Model, SliceCounts, Unsettled
from ..core.labels import LabelRow
from ..core.raters import measure_raters
from ..core.taxonomy import NONE_FITS, Taxonomy
from .shown import shown_line

_MOST_REASONS = 5
_WEAKEST = 3


class _Answer(Protocol):
    """What is needed of one person's answer."""

    @property
    def cluster(self) -> str: ...


def measure_label_review(
    rows: Iterable[LabelRow],
    answers: Mapping[int, Mapping[str, _Answer]],
    settled: Sequence[HumanLabel],
    unsettled: Sequence[Unsettled],
    slices: Mapping[int, str],
    taxonomy: Taxonomy,
) -> LabelReview:
    """`rows` may be all of a task's labels; `answers` and `slices` go by document key, answers then by author."""
    asked = {row.key: row._replace(human=None) for row in rows if row.key in slices}
    pairs = [(label, asked[label.key]) for label in settled if label.key in asked]
    drawn = [(label, row) for label, row in pairs if slices[label.key] == "random"]
    kept = [label.cluster == row.consensus.cluster for label, row in drawn if row.consensus.outcome == "kept"]
    return LabelReview(
        task=taxonomy.task,
        taxonomy=taxonomy.fingerprint,
        slices=tuple(_counts(slice_, slices, answers, pairs) for slice_ in get_args(Slice)),
        unsettled=tuple(unsettled),
        people=measure_raters(_units(answers, slices)),
        people_random=measure_raters(_units(answers, [key for key in slices if slices[key] == "random"])),
        models=tuple(
            Comparison(model, _compare(model, drawn, taxonomy), _compare(model, pairs, taxonomy)) for model in MODELS
        ),
        confirmed=wilson_interval(sum(kept), len(kept)),
        confirmed_of=len(kept),
    )


def label_review_lines(review: LabelReview) -> list[str]:
    """The review in lines for the terminal."""
    return [*_count_lines(review), *_people_lines(review), *_model_lines(review)]


_Pair = tuple[HumanLabel, LabelRow]


def _counts(
    slice_: Slice, slices: Mapping[int, str], answers: Mapping[int, object], pairs: Sequence[_Pair]
) -> SliceCounts:
    keys = {key for key, name in slices.items() if name == slice_}
    inside = [(label, row) for label, row in pairs if label.key in keys]
    corrected = sum(row._replace(human=label).corrected for label, row in inside)
    return SliceCounts(slice_, len(keys), len(keys & answers.keys()), len(inside), corrected)


def _units(answers: Mapping[int, Mapping[str, _Answer]], keys: Iterable[int]) -> list[dict[str, str]]:
    return [{author: answer.cluster for author, answer in answers[key].items()} for key in keys if key in answers]


def _compare(model: Model, pairs: Iterable[_Pair], taxonomy: Taxonomy) -> Agreement:
    labels = (*taxonomy.names, NONE_FITS)
    votes = [(label.cluster, vote) for label, row in pairs if (vote := _vote(model, row)) is not None]
    return measure_agreement(confusion_matrix(votes, labels), labels)


def _vote(model: Model, row: LabelRow) -> str | None:
    if model == "consensus":
        return row.consensus.cluster
    return row.consensus.votes[0 if model == "labeler A" else 1].cluster


def _count_lines(review: LabelReview) -> Iterator[str]:
    by_slice = ", ".join(f"{counts.corrected} {counts.slice}" for counts in review.slices if counts.settled)
    corrected = f", {review.corrected} of them corrected ({by_slice})" if review.settled else ""
    yield f"{review.answered} of {review.asked} documents answered, {review.settled} settled{corrected}"
    reasons = Counter(shown_line(document.reason) for document in review.unsettled)
    yield from (f"not settled: {count} × {reason}" for reason, count in reasons.most_common(_MOST_REASONS))


def _people_lines(review: LabelReview) -> Iterator[str]:
    people = review.people
    if people.units:
        raw, alpha = as_share(people.raw), as_coefficient(people.alpha)
        yield f"people among themselves: raw {raw}, alpha {alpha} on {people.units} documents"
    if len(people.pairs) > 1:
        for pair in people.pairs:
            who = f"{shown_line(pair.first)} and {shown_line(pair.second)}"
            yield f"  {who}: kappa {as_coefficient(pair.agreement.kappa)} on {pair.agreement.documents}"


def _model_lines(review: LabelReview) -> Iterator[str]:
    for model, drawn, every in review.models:
        if every.documents:
            figures = (
                f"raw {as_share(drawn.raw)}, kappa {as_coefficient(drawn.kappa)}, alpha {as_coefficient(drawn.alpha)}"
            )
            estimate = f"{figures} on {drawn.documents} random documents; " if drawn.documents else ""
            yield f"people and {model}: {estimate}raw {as_share(every.raw)} on all {every.documents}"
    if review.confirmed_of:
        share, drawn = as_share(review.confirmed), f"{review.confirmed_of} random documents"
        yield f"people confirm {share} of the labels that both labelers agree on ({drawn})"
    every = review.models[-1].all
    low = sorted((c.agreement, c.cluster, c.either) for c in every.clusters if c.agreement is not None)
    weakest = [f"{shown_line(name)} {share:.0%} of {either}" for share, name, either in low if share < 1][:_WEAKEST]
    if weakest:
        yield f"where people and the consensus agree least: {', '.join(weakest)}"


def as_share(interval: Interval) -> str:
    return _with_range(interval, "{:.0%}")


def as_coefficient(interval: Interval) -> str:
    return _with_range(interval, "{:.2f}")


def _with_range(interval: Interval, form: str) -> str:
    if interval.value is None:
        return "undefined"
    if interval.low is None or interval.high is None:
        return form.format(interval.value)
    return f"{form.format(interval.value)} [{form.format(interval.low)}, {form.format(interval.high)}]"
