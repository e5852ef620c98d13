"""The answer-free check: a model that sees the reasoning alone repeats its assignment (beyond App. C)."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from ..core.distill_settings import DistillSettings
from ..core.errors import ModelAnswerError
from ..core.scoring import v_measure
from ..core.tasks import Example
from ..llm.protocol import ChatModel, ChatRequest
from ..llm.structured import Unusable, ask, read_json
from .prompting import fenced, load_prompt
from .schemas import array_schema, object_schema, string_schema

_MOST_GROUPS = 40
_LONGEST_GROUP = 60
_INLINE = re.compile(
    r"total[ \t]+clusters[ \t]*:[ \t]*\[[ \t]*\d+[ \t]*\]|cluster[ \t]*\d+[ \t]*:[ \t]*\[[\d,; \t]*\]", re.IGNORECASE
)
_LINE = re.compile(
    r"""^[ \t>*_\#•+-]*+(?:\d+[.)][ \t]+[*_]*+)?                         # a mark of a list, emphasis
    (?:total[ \t]+clusters|(?:clusters?|groups?)[ \t]*\#?(?:\d+|[A-Z]\b))
    [^\n:\[\]]{0,80}:[*_]*+                                               # its name and a colon
    [ \t]*+\[?[ \t]*+(?:(?:texts?|items?)[ \t]+)?
    \d+(?:[ \t]*+(?:,[ \t]*+and\b|,|;|&|and\b)[ \t]*+(?:(?:texts?|items?)[ \t]+)?\d+)*+
    [ \t]*+\]?[ \t.;,*_]*+$""",
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)


class Rederivation(NamedTuple):
    """The assignment that a trace's reasoning alone gives.

    labels: group number of each text, 0 where the reasoning does not tell; None when no usable answer came.
    quality: V-measure against gold in [0, 1]; 0 without labels. call: key in the ledger, empty without labels.
    """

    labels: tuple[int, ...] | None
    quality: float
    call: str


class RederivingAgent:
    """Repeats assignments. `prompt` is the fingerprint of its prompt file."""

    def __init__(self, model: ChatModel, settings: DistillSettings) -> None:
        self._model = model
        self._settings = settings
        self._prompt = load_prompt("rederiving")
        self.prompt = self._prompt.fingerprint

    async def rederive(self, example: Example, reasoning: str) -> Rederivation:
        """What the reasoning assigns, read without the texts and without a ready answer block.

        CallFailed and BudgetReached pass through.
        """
        n = len(example.texts)
        messages = self._prompt.messages(
            instruction=example.instruction, n=n, reasoning=fenced(without_answer(reasoning))
        )
        request = ChatRequest(messages, _schema(n))
        subject = f"{example.task}/{example.id}/rederivation"
        try:
            labels, asked = await ask(
                self._model, request, lambda text: _read(text, n), self._settings.attempts, subject
            )
        except ModelAnswerError:
            return Rederivation(None, 0.0, "")
        quality = v_measure(example.clusters, labels).value if any(labels) else 0.0
        return Rederivation(labels, quality, asked.reply.key)


def without_answer(reasoning: str) -> str:
    """The reasoning without ready answers: lines that only list a cluster's texts, and canonical lists anywhere.

    With them the check would measure copying. A sentence that says why a text belongs somewhere stays.
    """
    return _INLINE.sub("", _LINE.sub("", reasoning))


def _schema(n: int) -> dict[str, Any]:
    """A number for each text under the text's own number: in a bare list, small models lose count."""
    number = {"type": "integer", "minimum": 0, "maximum": n}
    groups = array_schema(string_schema(1, _LONGEST_GROUP), 1, min(n, _MOST_GROUPS))
    texts = object_schema({str(text): number for text in range(1, n + 1)})
    return object_schema({"groups": groups, "texts": texts})


def _read(text: str, n: int) -> tuple[int, ...]:
    answer = read_json(text)
    given = answer.get("texts") if isinstance(answer, dict) else None
    if not isinstance(given, dict):
        raise Unusable('it must be a JSON object such as {"groups": ["..."], "texts": {"1": 1, "2": 1}}')
    missing = [number for number in range(1, n + 1) if str(number) not in given]
    if missing:
        raise Unusable(f"texts {missing[:10]} have no group; give all of 1 to {n}")
    labels = [given[str(number)] for number in range(1, n + 1)]
    for number, label in enumerate(labels, start=1):
        if not isinstance(label, int) or isinstance(label, bool) or label < 0:
            raise Unusable(f"the group of text {number} must be a number from 0, not {str(label)[:40]!r}")
    return tuple(labels)
