"""ScriptedModel: a ChatModel without a model, for tests: its replies are given in advance or computed by a function."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace

from ..protocol import ChatRequest, Reply

Line = str | Reply | Exception


class ScriptExhausted(AssertionError):
    """The script has no reply left. Not an EndpointError: code under test must not take it for a failed call."""


class ScriptedModel:
    """Answers from a list, in the order of the calls (an exception in it is raised), or by a function.

    `requests[i]` is what the i-th call asked and `subjects[i]` what it was about.
    """

    def __init__(self, replies: Iterable[Line] | Callable[[ChatRequest], str | Reply], name: str = "scripted") -> None:
        if isinstance(replies, str):
            raise TypeError(f"replies must be a list of replies or a function, got the single string {replies!r}")
        self.requests: list[ChatRequest] = []
        self.subjects: list[str] = []
        self._name = name
        self._function = replies if callable(replies) else None
        self._lines = [] if callable(replies) else list(replies)

    @property
    def name(self) -> str:
        return self._name

    @property
    def left(self) -> int:
        """Replies of the list that no call has taken yet."""
        return max(0, len(self._lines) - len(self.requests))

    async def complete(self, request: ChatRequest, subject: str = "") -> Reply:
        """Raises what the script holds, or ScriptExhausted."""
        self.requests.append(request)
        self.subjects.append(subject)
        key = f"call-{len(self.requests)}"
        line = self._next(request)
        await asyncio.sleep(0)
        if isinstance(line, Exception):
            raise line
        if isinstance(line, str):
            return Reply(line, key=key, finish_reason="stop")
        return replace(line, key=line.key or key)

    def _next(self, request: ChatRequest) -> Line:
        if self._function is not None:
            return self._function(request)
        place = len(self.requests)
        if place > len(self._lines):
            raise ScriptExhausted(
                f"{self._name!r} has {len(self._lines)} replies and is called for the {place}. time, "
                f"about {self.subjects[-1]!r}; give it another reply or look why it is asked again"
            )
        return self._lines[place - 1]
