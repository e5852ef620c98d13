"""Bodies that the endpoint sends: chat completions, OpenAI-like errors, and garbage."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import orjson

NO_JSON = b"<html><body><h1>It works!</h1></body></html>"
_WRONG_CONTENT = ("I am sorry, I cannot help with that.", '{"verdict": ["of", "another", "shape"]}')
_REASONING = "The words of the text decide."


class Completion(NamedTuple):
    """A chat completion before it is written out; tokens are estimated as characters // 4."""

    text: str
    prompt_tokens: int
    finish_reason: str = "stop"

    @property
    def completion_tokens(self) -> int:
        return len(self.text) // 4

    def cut(self) -> Completion:
        """The answer as a token limit would leave it."""
        return self._replace(text=self.text[: len(self.text) // 2], finish_reason="length")

    def to_json(self, number: int, model: Any, reasoning: bool) -> bytes:
        message = {"role": "assistant", "content": self.text}
        if reasoning:
            message["reasoning_content"] = _REASONING
        return orjson.dumps(
            {
                "id": f"chatcmpl-{number}",
                "object": "chat.completion",
                "created": int(time.time()),
                "model": model,
                "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": self.finish_reason}],
                "usage": {
                    "prompt_tokens": self.prompt_tokens,
                    "completion_tokens": self.completion_tokens,
                    "total_tokens": self.prompt_tokens + self.completion_tokens,
                },
            }
        )


def wrong_content(turn: int) -> str:
    """Content that no caller can use: words where JSON was asked for, or JSON of another shape."""
    return _WRONG_CONTENT[turn % len(_WRONG_CONTENT)]


def error_json(message: str, kind: str, code: str | None = None) -> bytes:
    return orjson.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}})


def models_json(names: tuple[str, ...]) -> bytes:
    data = [{"id": name, "object": "model", "created": 0, "owned_by": "cluster-r1"} for name in names]
    return orjson.dumps({"object": "list", "data": data})
