"""The review of reasoning traces (paper App. C): traces as records, people's answers as verdicts."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from ..core.forms import PROBLEM, Form, FormField, Question, Record, Response, Suggestion
from ..core.settings import ReviewSettings
from ..core.traces import CRITERIA, Criterion, Trace, TraceVerdict
from .answers import comment_of, joined_comments, option_of, rating_of, read_answers, time_of
from .arbitration import Undecided, arbitrate
from .channels import Returned
from .pushed import Shown
from .shown import shown_line, shown_text
from .trace_figures import UnsettledTrace

KEEP, DROP = "keep", "drop"
REVIEWER = "reviewer"
_NAME = "traces"
_LONGEST_PROMPT = 50_000
_LONGEST_REASONING = 100_000
_GUIDELINES = """\
Each record is a reasoning trace that a model may learn from: the instruction, the prompt with its texts, what was
thought and what was answered. **Keep** it when a model should learn to think like this.

- **completeness**: does it say how many clusters there are and why, what each is about, and where every text goes?
- **length**: is it as long as the thoughts need, without leaps and without going round in circles?
- **coherence**: does each step follow from those before it, and the answer from all of them?

1 is poor, 5 is good. Ratings may be left out. Where a proposal is marked, it is the review agent's, which may be wrong.
"""
_RATINGS: dict[Criterion, str] = {
    "completeness": "Completeness of the logical flow",
    "length": "Appropriate length",
    "coherence": "Coherence of the steps",
}
_KEEP = Question("keep", "Keep it?", "label", (KEEP, DROP))
_CRITERIA = tuple(
    Question(criterion, _RATINGS[criterion], "rating", tuple("12345"), required=False) for criterion in CRITERIA
)


class TraceAnswer(NamedTuple):
    """One person's decision on a trace, with the ratings they gave."""

    keep: bool
    ratings: dict[Criterion, int]
    comment: str
    at: str


def trace_form(annotators: int) -> Form:
    return Form(
        kind="traces",
        name=_NAME,
        title="Review of reasoning traces",
        guidelines=_GUIDELINES,
        fields=(
            FormField("instruction", "Instruction"),
            FormField("prompt", "Prompt"),
            FormField("reasoning", "Reasoning"),
            FormField("answer", "Answer"),
            FormField(PROBLEM, "Please mend", required=False),
        ),
        questions=(_KEEP, *_CRITERIA, Question("comment", "Comment", "text", required=False)),
        metadata=("task", "model"),
        answers_needed=annotators,
    )


def trace_records(traces: Iterable[Trace]) -> Iterator[Shown]:
    """A record for each trace, with what the review agent said as suggestions."""
    for trace in traces:
        fields = {
            "instruction": shown_line(trace.instruction),
            "prompt": shown_text(_prompt_text(trace), _LONGEST_PROMPT),
            "reasoning": shown_text(trace.reasoning, _LONGEST_REASONING),
            "answer": shown_text(trace.answer, _LONGEST_REASONING),
            PROBLEM: "",
        }
        record = Record(
            id=f"{_NAME}/{trace.id}",
            fields=fields,
            suggestions=tuple(_suggestions(trace)),
            metadata={"task": trace.task, "model": shown_line(trace.model)[:200]},
        )
        yield Shown(record, {"trace": trace.id, "task": trace.task})


def read_trace_answers(
    form: Form, responses: Iterable[Response]
) -> tuple[dict[str, dict[str, TraceAnswer]], list[Returned]]:
    """Submitted answers by trace id and author, and those that cannot be used, with the reason."""
    return read_answers(form, responses, _answer)


def settle_traces(
    answers: Mapping[str, Mapping[str, TraceAnswer]], asked: Iterable[str], review: ReviewSettings
) -> tuple[list[TraceVerdict], list[UnsettledTrace]]:
    """People's decision on each trace that was asked about, or why there is none; answers to others are left out."""
    settled: list[TraceVerdict] = []
    unsettled: list[UnsettledTrace] = []
    for trace in asked:
        given = answers.get(trace, {})
        verdict = arbitrate({author: answer.keep for author, answer in given.items()}, review)
        if isinstance(verdict, Undecided):
            unsettled.append(UnsettledTrace(trace, verdict.reason, tuple(sorted(given))))
            continue
        settled.append(
            TraceVerdict(
                trace=trace,
                keep=verdict.answer,
                **{criterion: _median(criterion, given.values()) for criterion in CRITERIA},
                comment=joined_comments((author, answer.comment) for author, answer in given.items()),
                authors=verdict.authors,
                dissenters=verdict.dissenters,
                rule=verdict.rule,
                at=max(answer.at for answer in given.values()),
            )
        )
    return settled, unsettled


def _answer(_: str, response: Response) -> TraceAnswer:
    keep = option_of(_KEEP, response) == KEEP
    ratings: dict[Criterion, int] = {}
    for criterion, question in zip(CRITERIA, _CRITERIA, strict=True):
        rating = rating_of(question, response)
        if rating is not None:
            ratings[criterion] = rating
    return TraceAnswer(keep, ratings, comment_of(response), time_of(response))


def _median(criterion: Criterion, answers: Iterable[TraceAnswer]) -> float | None:
    ratings = [answer.ratings[criterion] for answer in answers if criterion in answer.ratings]
    return float(statistics.median(ratings)) if ratings else None


def _prompt_text(trace: Trace) -> str:
    if len(trace.prompt) == 1:
        return trace.prompt[0].content
    return "\n\n".join(f"[{turn.role}]\n{turn.content}" for turn in trace.prompt)


def _suggestions(trace: Trace) -> Iterator[Suggestion]:
    """The better its ratings, the surer the agent is that a trace is worth keeping."""
    scores = trace.scores
    if trace.kept is not None:
        worth = None if scores is None else (scores.mean - 1) / 4
        sure = None if worth is None else worth if trace.kept else 1 - worth
        yield Suggestion("keep", KEEP if trace.kept else DROP, REVIEWER, sure)
    if scores is not None:
        yield from (Suggestion(criterion, getattr(scores, criterion), REVIEWER) for criterion in CRITERIA)
