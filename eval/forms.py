"""How an answer is asked for, and the canonical response that is made of what came back (paper App. D, E.2).

free      in words, by the format specification of the prompt: the paper's task
grammar   the same, with the layout of the answer enforced while it is written
labels    as JSON, a cluster's number for each text: what comes back is a partition, whatever the model thinks

The last two change the task, so they are entries of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

from ..core.answer import TAGS, Answer, after_thought, answer_block, answer_gbnf
from ..core.evaluation import Completion, EntryInfo
from ..core.known_names import known_names
from ..core.prompt import LABELS_PROMPT, example_prompt, with_hint
from ..llm.protocol import ChatRequest, Message
from ..llm.structured import Unusable, read_json

Form = Literal["free", "grammar", "labels"]
FORMS: tuple[Form, ...] = get_args(Form)

MOST_THOUGHT = 600
"""Characters of reasoning under a constraint: without a bound small models reason until their tokens are used up."""


def checked_forms(names: Sequence[str]) -> tuple[Form, ...]:
    """Raises SettingsError naming the first that is no form."""
    return known_names(names, FORMS, "form", "form")


def request(
    instruction: str,
    texts: Sequence[str],
    form: Form,
    hint: bool = False,
    sample: int = 0,
    most_thought: int | None = MOST_THOUGHT,
) -> ChatRequest:
    """The call that asks for a clustering.

    most_thought: characters of reasoning, where the form bounds them; None leaves a grammar's unbounded.
    """
    prompt = example_prompt(instruction, texts)
    if hint:
        prompt = with_hint(prompt)
    system = LABELS_PROMPT if form == "labels" else prompt.system
    messages = (Message("system", system), Message("user", prompt.user))
    n = len(texts)
    if form == "labels":
        return ChatRequest(messages, labels_schema(n, most_thought or MOST_THOUGHT), sample)
    return ChatRequest(messages, None, sample, answer_gbnf(n, most_thought) if form == "grammar" else None)


def response(completion: Completion, form: Form, n: int) -> str:
    """The canonical text of an answer about n texts, to be parsed and scored; what cannot be read stays as it was.

    Reasoning that came apart from the text goes between the think tags, its own tags made harmless; a text that has
    think tags already keeps them. A thought that is closed but never opened was opened by the chat template, at the
    end of the prompt (DeepSeek-R1, QwQ), so it gets its opening tag.
    """
    text = completion.text
    if form == "labels":
        return _of_labels(text, n)
    if "<think>" in text:
        return text
    if completion.reasoning:
        return after_thought(_harmless(completion.reasoning), text)
    return f"<think>{text}" if "</think>" in text else text


def response_of(info: EntryInfo) -> Callable[[Completion, int], str]:
    """`response` for an entry's completions; baselines and oracles answer in the free form."""
    form = info.settings.get("form", "free")
    return lambda completion, n: response(completion, form, n)


def labels_schema(n: int, most_thought: int = MOST_THOUGHT) -> dict[str, Any]:
    """JSON schema: some reasoning, then for each text the number of its cluster."""
    number = {"type": "integer", "minimum": 1, "maximum": n}
    properties = {"reasoning": {"type": "string", "maxLength": most_thought}} | dict.fromkeys(_names(n), number)
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _of_labels(text: str, n: int) -> str:
    try:
        found = read_json(text)
        labels = [int(found[name]) for name in _names(n)]
    except (Unusable, KeyError, TypeError, ValueError):
        return text
    return after_thought(_harmless(str(found.get("reasoning", ""))), answer_block(Answer.from_labels(labels)))


def _names(n: int) -> Sequence[str]:
    return [f"text{number}" for number in range(1, n + 1)]


def _harmless(reasoning: str) -> str:
    """Reasoning that a model did not write into the answer's own frame may well quote that frame."""
    return re.sub("|".join(map(re.escape, TAGS)), lambda tag: tag.group().replace("<", "‹"), reasoning)
