"""Structured answers: ask, read, and when the reading fails show the model what was wrong and ask again."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
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
    model: ChatModel,
    request: ChatRequest,
    read: Callable[[str], T],
    attempts: int,
    subject: str,
    *,
    shown: int = _SHOWN,
    anew: bool = False,
) -> tuple[T, Asked]:
    """Complete until `read` accepts the reply. `read` raises Unusable with a complaint for the model.

    shown: characters of a bad reply that the model is shown again. anew: what was read back from the ledger is no
    attempt, so that a run asks further where an earlier one was left with unusable replies; without it the run ends as
    that one did. A conversation is cut back to its last bad reply after `attempts` of them.

    Raises ModelAnswerError after `attempts` unusable replies; all of them are in the ledger under `subject`.
    """
    first, complaint, replies, counted = request, "", 0, 0
    while counted < attempts:
        reply = await model.complete(request, subject)
        replies += 1
        counted += not (anew and reply.cached)
        try:
            return read(reply.text), Asked(reply, replies)
        except Unusable as error:
            complaint = str(error)
            if reply.finish_reason == "length":
                complaint = f"the answer was cut at the token limit ({complaint}); answer more briefly"
        so_far = request if replies % attempts else replace(first, variant=request.variant)
        request = so_far.answered(reply.text[:shown], f"That cannot be used: {complaint}. Answer again.")
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
