"""The review agent: rates a trace by completeness, length and coherence, and sees whether it leans on gold (App. C)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, Field

from ..core.answer import answer_lines
from ..core.distill_settings import DistillSettings
from ..core.prompt import example_prompt
from ..core.tasks import Example
from ..core.traces import CRITERIA, Criterion, RejectionReason, TraceScores
from ..llm.protocol import ChatModel, ChatRequest
from ..llm.structured import ask, read_as
from .prompting import fenced, load_prompt
from .schemas import object_schema, string_schema

_LONGEST_WHY = 240
_LONGEST_QUOTE = 120
_MOST_QUOTES = 3
_WORTH_TELLING = 3
_ELLIPSIS = re.compile(r"\s*(?:\.\.\.|…)\s*")
_QUOTES = "\"'“”‘’«» "


class TraceReview(NamedTuple):
    """What the reviewer found.

    leans: quotes of the trace that lean on a given answer. reason: None for a trace to keep. says: what the trace
    generation agent is told, empty for a trace to keep. call: key in the ledger.
    """

    scores: TraceScores
    leans: tuple[str, ...]
    reason: RejectionReason | None
    says: str
    call: str


class _Review(BaseModel):
    completeness_why: str = ""
    completeness: Annotated[int, Field(ge=1, le=5)]
    length_why: str = ""
    length: Annotated[int, Field(ge=1, le=5)]
    coherence_why: str = ""
    coherence: Annotated[int, Field(ge=1, le=5)]
    leaning_quote: str = ""
    leans_on_answer: bool

    def rating(self, criterion: Criterion) -> int:
        return getattr(self, criterion)

    def why(self, criterion: Criterion) -> str:
        return " ".join(getattr(self, f"{criterion}_why").split())


class ReviewAgent:
    """Reviews traces. `prompt` is the fingerprint of its prompt file."""

    def __init__(self, model: ChatModel, settings: DistillSettings) -> None:
        self._model = model
        self._settings = settings
        self._prompt = load_prompt("reviewing")
        self.prompt = self._prompt.fingerprint

    async def review(self, example: Example, reasoning: str) -> TraceReview:
        """Rate a trace, blind to gold unless `settings.blind` is off.

        A reviewer's word that the trace leans counts when the words it quotes stand in the trace. `leaning_signs` is
        for the caller to ask first, since it costs nothing. Raises ModelAnswerError when the reviewer gives no usable
        review in `settings.attempts`; CallFailed and BudgetReached pass through.
        """
        messages = self._prompt.messages(
            question=fenced(example_prompt(example.instruction, example.texts).user),
            n=len(example.texts),
            words=len(reasoning.split()),
            reasoning=fenced(reasoning),
            gold="" if self._settings.blind else answer_lines(example.gold),
        )
        subject = f"{example.task}/{example.id}/review"
        review, asked = await ask(
            self._model,
            ChatRequest(messages, _schema()),
            lambda text: read_as(_Review, text),
            self._settings.attempts,
            subject,
            anew=True,
        )
        leans = _leans(review, reasoning)
        reason = self._reason(review, leans)
        return TraceReview(_scores(review), leans, reason, _says(review, reason, leans), asked.reply.key)

    def _reason(self, review: _Review, leans: tuple[str, ...]) -> RejectionReason | None:
        lowest = min(CRITERIA, key=review.rating)
        if leans:
            return "leaning"
        passes = _scores(review).mean >= self._settings.pass_score
        return None if passes and review.rating(lowest) >= self._settings.least_score else lowest


def leaning_complaint(leans: Sequence[str]) -> str:
    """What the trace generation agent is told about signs that its trace leans on the answer."""
    quotes = "; ".join(f"“{quote}”" for quote in leans[:_MOST_QUOTES])
    return f"it shows that its writer was told the clusters instead of finding them in the texts: {quotes}"


def _schema() -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for criterion in CRITERIA:
        properties[f"{criterion}_why"] = string_schema(1, _LONGEST_WHY)
        properties[criterion] = {"type": "integer", "minimum": 1, "maximum": 5}
    properties["leaning_quote"] = string_schema(0, _LONGEST_QUOTE)
    properties["leans_on_answer"] = {"type": "boolean"}
    return object_schema(properties)


def _scores(review: _Review) -> TraceScores:
    comment = "; ".join(f"{criterion}: {review.why(criterion)}" for criterion in CRITERIA if review.why(criterion))
    return TraceScores(
        completeness=review.completeness, length=review.length, coherence=review.coherence, comment=comment
    )


def _leans(review: _Review, reasoning: str) -> tuple[str, ...]:
    """The reviewer's quote, when it says that the trace leans and every part of the quote stands in the trace."""
    quote = " ".join(review.leaning_quote.split()).strip(_QUOTES)
    parts = [part for part in _ELLIPSIS.split(quote.casefold()) if part]
    read = " ".join(reasoning.split()).casefold()
    found = review.leans_on_answer and bool(parts) and all(part in read for part in parts)
    return (quote[:_LONGEST_QUOTE],) if found else ()


def _says(review: _Review, reason: RejectionReason | None, leans: tuple[str, ...]) -> str:
    """The complaint: what it was not kept for first, then what else was rated low."""
    if reason is None:
        return ""
    said = [leaning_complaint(leans)] if reason == "leaning" else []
    for criterion in sorted(CRITERIA, key=lambda each: (each != reason, review.rating(each))):
        if criterion == reason or review.rating(criterion) <= _WORTH_TELLING:
            said.append(
                f"{criterion} was rated {review.rating(criterion)} of 5: {review.why(criterion)[:_LONGEST_WHY]}"
            )
    return "; ".join(said)
