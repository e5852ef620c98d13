"""What the stand-in model reads in an OpenAI chat body: who asks, about which document, for which schema."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import orjson

_CLOSING = "</document>"
_SCHEMA_IN_WORDS = "schema:\n{"
_NUMBERED = re.compile(r"\s*(?:\[(\d{1,6})\]|(?:(?:text|document|item)\s*)?(\d{1,6})[.):])", re.IGNORECASE)
FENCED = re.compile(r"<(document|text|item)\b[^>]*>(.*?)</\1>", re.DOTALL)


class BadBody(ValueError):
    """The body is no OpenAI chat request; an endpoint answers it with 400."""


class Conversation(NamedTuple):
    """`labeler` tells two labelers apart: the model's name and the first system message.

    `prompt` is the user message that is answered (the last one with a fenced document, else the last one), `document`
    its last document, or all of it when none is fenced; `said` holds the text of every message.
    """

    labeler: str
    prompt: str
    document: str
    said: list[str]


def read_conversation(body: dict[str, Any]) -> Conversation:
    """Raises BadBody."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise BadBody("'messages' must be a list with at least one message")
    system = ""
    users: list[str] = []
    said: list[str] = []
    for message in messages:
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise BadBody("every message must be an object with a role")
        text = _text_of(message.get("content"))
        said.append(text)
        if message["role"] == "user":
            users.append(text)
        elif message["role"] == "system" and not system:
            system = text
    prompt = next((text for text in reversed(users) if _CLOSING in text), users[-1] if users else said[-1])
    return Conversation(f"{body.get('model', '')}\0{system}", prompt, _document_of(prompt), said)


def requested_schema(body: dict[str, Any], conversation: Conversation) -> dict[str, Any] | None:
    """The JSON schema that the answer must satisfy, None where any text will do.

    Looked for in response_format, in vLLM's structured_outputs and, written out, at the end of the last message.
    Raises BadBody.
    """
    response_format = _object(body, "response_format")
    if response_format.get("type") == "json_schema":
        return _object(_object(response_format, "json_schema"), "schema")
    if _object(body, "structured_outputs").get("json"):
        return _object(body["structured_outputs"], "json")
    written_out = _schema_in_words(conversation.said[-1])
    if written_out is None and response_format.get("type") == "json_object":
        return {"type": "object"}
    return written_out


def texts_in(prompt: str) -> list[str]:
    """The texts that a prompt lists: fenced ones, else the longest run of lines numbered 1, 2, 3, ..."""
    fenced = [block[1].strip() for block in FENCED.findall(prompt)]
    if fenced:
        return fenced
    runs: list[list[str]] = [[]]
    for line in prompt.splitlines():
        mark = _NUMBERED.match(line)
        number = int(mark[1] or mark[2]) if mark else 0
        if mark and number == 1:
            runs.append([line[mark.end() :]])
        elif mark and runs[-1] and number == len(runs[-1]) + 1:
            runs[-1].append(line[mark.end() :])
        elif runs[-1]:
            runs[-1][-1] += f"\n{line}"
    return max(reversed(runs), key=len)


def _document_of(prompt: str) -> str:
    end = prompt.rfind(_CLOSING)
    start = prompt.rfind("<document", 0, end) if end >= 0 else -1
    if start < 0:
        written_out = prompt.rfind(_SCHEMA_IN_WORDS)
        return (prompt if written_out < 0 else prompt[:written_out]).strip()
    return prompt[prompt.find(">", start) + 1 : end].strip()


def _schema_in_words(text: str) -> dict[str, Any] | None:
    start = text.rfind(_SCHEMA_IN_WORDS)
    if start < 0 or start < text.rfind(_CLOSING):
        return None
    try:
        return orjson.loads(text[start + len(_SCHEMA_IN_WORDS) - 1 :])
    except orjson.JSONDecodeError:
        return None


def _object(body: dict[str, Any], name: str) -> dict[str, Any]:
    """An object of the body, empty where it is left out."""
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadBody(f"{name!r} must be an object, got {type(value).__name__}")
    return value


def _text_of(content: Any) -> str:
    """A message's text, which OpenAI allows as a string or as a list of parts."""
    if isinstance(content, str):
        return content
    if content is None:
        return ""
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    raise BadBody(f"a message's content must be a string or a list of parts, got {type(content).__name__}")
