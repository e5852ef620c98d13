"""Structured answers: ask, read, and when the reading fails show the model what was wrong and ask again."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from ..core.errors import ModelAnswerError
from .protocol import ChatModel, ChatRequest, Reply

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

_THINKING = re.compile(r"^\s*<think>.*?</think>", re.DOTALL)
_SHOWN = 2000


class Unusable(ValueError):
    """A reply that cannot be read; the message is shown to the model."""


class Asked(NamedTuple):
    """The reply that could be read, and how many were asked for it."""

    reply: Reply
    attempts: int


async def ask(
    model: ChatModel, request: ChatRequest, read: Callable[[str], T], attempts: int, subject: str, shown: int = _SHOWN
) -> tuple[T, Asked]:
    """Complete until `read` accepts the reply. `read` raises Unusable with a complaint for the model.

    shown: characters of a bad reply that the model is shown again.

    Raises ModelAnswerError after `attempts` unusable replies; all of them are in the ledger under `subject`.
    """
    complaint = ""
    for attempt in range(1, attempts + 1):
        reply = await model.complete(request, subject)
        try:
            return read(reply.text), Asked(reply, attempt)
        except Unusable as error:
            complaint = str(error)
            if reply.finish_reason == "length":
                complaint = f"the answer was cut at the token limit ({complaint}); answer more briefly"
        request = request.answered(reply.text[:shown], f"That cannot be used: {complaint}. Answer again.")
    raise ModelAnswerError(f"{model.name} gave no usable answer in {attempts} attempts about {subject!r}: {complaint}")


def read_json(text: str) -> Any:
    """The JSON value in a reply, past a thinking block, code fences or words around it. Raises Unusable."""
    text = _THINKING.sub("", text, count=1).strip()
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        start, end = text.find("{"), text.rfind("}")
        if start < 0 or end < start:
            raise Unusable("it contains no JSON object") from None
        try:
            return orjson.loads(text[start : end + 1])
        except orjson.JSONDecodeError as error:
            raise Unusable(f"it is not valid JSON ({error})") from None


def read_as(model: type[M], text: str) -> M:
    """The reply as a pydantic model. Raises Unusable naming every wrong field."""
    try:
        return model.model_validate(read_json(text))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:5])
        raise Unusable(wrong) from None
