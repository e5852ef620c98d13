"""The trace generation agent: it knows the gold clustering and writes how one gets there from the texts (App. C)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from ..core.answer import Answer, AnswerError, answer_lines, parse_answer
from ..core.distill_settings import DistillSettings
from ..core.errors import ModelAnswerError
from ..core.prompt import example_prompt
from ..core.tasks import Example
from ..core.traces import TraceAttempt
from ..llm.protocol import ChatModel, ChatRequest, Message, Reply
from ..llm.structured import Unusable, ask
from .prompting import fenced, load_prompt

_TAG = re.compile(r"</?(?:think|answer|trace)>")
_MOST_SHOWN = 4
_LONGEST_SHOWN = 50_000
"""Characters of a bad trace that the model is shown again: whole, else it cannot tell what it answered."""


class TraceDraft(NamedTuple):
    """A trace that ends in the gold clustering.

    reasoning: what stands between the think tags, none of the four tags in it. answer: the gold partition with its
    clusters numbered as the reasoning numbers them. call: key in the ledger.
    """

    reasoning: str
    call: str
    answer: Answer


class NoTrace(ModelAnswerError):
    """No usable trace in all attempts; the attributes are those of a TraceAttempt, about the last of them.

    reason: `unusable` (not in the form) or `answer` (readable, but another partition than gold).
    """

    def __init__(self, message: str, reason: Literal["unusable", "answer"], says: str, call: str) -> None:
        super().__init__(message)
        self.reason: Literal["unusable", "answer"] = reason
        self.says = says
        self.call = call


class TracingAgent:
    """Writes traces. `prompt` is the fingerprint of its prompt file."""

    def __init__(self, model: ChatModel, settings: DistillSettings) -> None:
        self._model = model
        self._settings = settings
        self._prompt = load_prompt("tracing")
        self.prompt = self._prompt.fingerprint

    async def trace(self, example: Example, sent_back: Sequence[TraceAttempt] = (), variant: int = 0) -> TraceDraft:
        """A new trace for the example; `sent_back` are those that were not kept, and are answered to.

        The instruction and the texts come first and are the same in every round, for an endpoint's prefix cache; of an
        earlier trace the reason alone is shown, which is a few tokens where the trace would be a thousand.
        Words are not counted and leaning is not looked for here. Raises NoTrace after `settings.attempts`.
        CallFailed and BudgetReached pass through.
        """
        heard = _Heard(self._model, example.gold)
        subject = f"{example.task}/{example.id}/trace"
        request = ChatRequest(self._messages(example, sent_back), variant=variant)
        try:
            (reasoning, answer), asked = await ask(
                heard, request, heard.read, self._settings.attempts, subject, shown=_LONGEST_SHOWN
            )
        except ModelAnswerError as error:
            raise NoTrace(str(error), heard.reason, heard.says, heard.call) from None
        return TraceDraft(reasoning, asked.reply.key, answer)

    def _messages(self, example: Example, sent_back: Sequence[TraceAttempt]) -> tuple[Message, Message]:
        return self._prompt.messages(
            question=fenced(example_prompt(example.instruction, example.texts).user),
            n=len(example.texts),
            gold=answer_lines(example.gold),
            names=[" ".join(example.clusters[items[0] - 1].split()) for items in example.gold.clusters],
            least_words=self._settings.least_words,
            most_words=self._settings.most_words,
            sent_back=[" ".join(attempt.says.split()) for attempt in sent_back],
        )


class _Heard:
    """The model, remembering what was wrong with its last reply."""

    def __init__(self, model: ChatModel, gold: Answer) -> None:
        self._model = model
        self._gold = gold
        self._cut = False
        self.reason: Literal["unusable", "answer"] = "unusable"
        self.says = ""
        self.call = ""

    @property
    def name(self) -> str:
        return self._model.name

    async def complete(self, request: ChatRequest, subject: str = "") -> Reply:
        reply = await self._model.complete(request, subject)
        self.call, self._cut = reply.key, reply.finish_reason == "length"
        return reply

    def read(self, text: str) -> tuple[str, Answer]:
        try:
            return _read_trace(text, self._gold)
        except Unusable as error:
            self.reason = "answer" if isinstance(error, _OtherAnswer) else "unusable"
            self.says = f"{'it was cut at the token limit, write less: ' if self._cut else ''}{error}"
            raise


class _OtherAnswer(Unusable):
    """A readable answer that is not gold."""


def _read_trace(text: str, gold: Answer) -> tuple[str, Answer]:
    """Reasoning and answer. A thinking block before them is passed over, a missing `</answer>` at the end forgiven."""
    after = text.rpartition("</think>")[2]
    text = after if "<trace>" in after else text
    _, opened, rest = text.partition("<trace>")
    reasoning, closed, rest = rest.partition("</trace>")
    _, answered, block = rest.rpartition("<answer>")
    if not (opened and closed and answered):
        raise Unusable("it must be <trace>, the reasoning, </trace>, then <answer>, the clusters, </answer>")
    reasoning = reasoning.strip()
    inside = _TAG.search(reasoning)
    if inside is not None:
        raise Unusable(f"the reasoning contains the tag {inside[0]}; write it without tags")
    if not reasoning:
        raise Unusable("there is no reasoning between <trace> and </trace>")
    return reasoning, _read_answer(block.removesuffix("\n").partition("</answer>")[0], gold)


def _read_answer(block: str, gold: Answer) -> Answer:
    try:
        answer = parse_answer(f"<think></think><answer>{block}</answer>", gold.size)
    except AnswerError as error:
        raise Unusable(f"the answer after the trace cannot be read, {error}") from None
    found = {frozenset(items) for items in answer.clusters}
    lost = [items for items in gold.clusters if frozenset(items) not in found]
    if lost:
        shown = "; ".join(str(list(items)) for items in lost[:_MOST_SHOWN])
        more = f" and {len(lost) - _MOST_SHOWN} more" if len(lost) > _MOST_SHOWN else ""
        raise _OtherAnswer(
            f"its answer is another clustering than the one to arrive at: each of these must be a cluster of its own, "
            f"with no other text in it: {shown}{more}; mend the reasoning as well"
        )
    return answer
