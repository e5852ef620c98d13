"""From a role's settings and a request to the body that is sent, and the ledger key that names the call."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import urlsplit

import orjson

from ..core.errors import SettingsError
from ..core.settings import ModelSettings
from .protocol import ChatRequest

_OPENAI_HOSTS = ("api.openai.com", ".openai.azure.com")
_UNSUPPORTED_BY_OPENAI = frozenset({"minLength", "maxLength"})


def request_body(settings: ModelSettings, request: ChatRequest) -> dict[str, Any]:
    """The OpenAI chat body. `extra_body` wins over everything; a null in it removes the field.

    Raises SettingsError for a grammar that the model's server is not known to take.
    """
    messages = [{"role": message.role, "content": message.content} for message in request.messages]
    body: dict[str, Any] = {
        "model": settings.model,
        "messages": messages,
        "temperature": settings.temperature,
        "top_p": settings.top_p,
        "max_tokens": settings.max_tokens,
    }
    if settings.seed is not None:
        body["seed"] = settings.seed + request.variant
    if request.schema is not None:
        _constrain(body, settings, request.schema)
    if request.grammar is not None:
        body |= _grammar(settings, request.grammar)
    return {key: value for key, value in {**body, **settings.extra_body}.items() if value is not None}


def request_key(body: dict[str, Any], variant: int = 0) -> bytes:
    """32 bytes that depend on model, messages, parameters and schema alone: not on the endpoint's address or key."""
    digest = hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS))
    if variant:
        digest.update(b"\0%d" % variant)
    return digest.digest()


def _constrain(body: dict[str, Any], settings: ModelSettings, schema: dict[str, Any]) -> None:
    if settings.structured == "json_schema":
        if _is_openai(settings.base_url):
            schema = _without(schema, _UNSUPPORTED_BY_OPENAI)
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": True, "schema": schema},
        }
    elif settings.structured == "structured_outputs":
        body["structured_outputs"] = {"json": schema}
    else:
        last = body["messages"][-1]
        shown = orjson.dumps(schema).decode()
        last["content"] += f"\n\nReply with one JSON object and nothing else. It must satisfy this schema:\n{shown}"


def _grammar(settings: ModelSettings, grammar: str) -> dict[str, Any]:
    """llama.cpp and vLLM each ignore the other's field without a word, so nothing is sent on a guess."""
    if settings.serve == "vllm" or settings.structured == "structured_outputs":
        return {"structured_outputs": {"grammar": grammar}}
    if settings.serve == "embedded":
        return {"grammar": grammar}
    raise SettingsError(
        f"the endpoint of {settings.model!r} is not known to constrain by a grammar: that takes serve: embedded,"
        " serve: vllm, or structured: structured_outputs for a vLLM endpoint"
    )


def _is_openai(base_url: str | None) -> bool:
    host = urlsplit(base_url or "").hostname or ""
    return host.endswith(_OPENAI_HOSTS)


def _without(schema: Any, keywords: frozenset[str]) -> Any:
    if isinstance(schema, dict):
        return {key: _without(value, keywords) for key, value in schema.items() if key not in keywords}
    if isinstance(schema, list):
        return [_without(item, keywords) for item in schema]
    return schema
