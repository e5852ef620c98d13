"""The body that is sent and the key it is remembered by."""

from typing import Any

from cluster_r1.core.settings import ModelSettings
from cluster_r1.llm.protocol import ChatRequest, Message
from cluster_r1.llm.requests import request_body, request_key

SCHEMA = {"type": "object", "properties": {"word": {"type": "string", "maxLength": 5}}, "required": ["word"]}
REQUEST = ChatRequest((Message("system", "be brief"), Message("user", "hello")), SCHEMA)


def settings(**changes: Any) -> ModelSettings:
    return ModelSettings(**{"model": "m", "base_url": "http://127.0.0.1:1/v1", **changes})


def key(request: ChatRequest = REQUEST, **changes: Any) -> bytes:
    return request_key(request_body(settings(**changes), request), request.variant)


def test_the_key_depends_on_what_is_asked_and_how() -> None:
    base = key()
    other_words = ChatRequest((Message("user", "hello"),), SCHEMA)
    assert len({base, key(temperature=0.5), key(model="n"), key(seed=3), key(max_tokens=9), key(other_words)}) == 6
    assert key(ChatRequest(REQUEST.messages, None)) != base
    assert key(ChatRequest(REQUEST.messages, SCHEMA, variant=1)) != base


def test_the_key_does_not_depend_on_where_or_with_which_key() -> None:
    assert key() == key(base_url="http://elsewhere:9/v1", api_key_env="SOME_KEY", concurrency=7, timeout_s=3)


def test_each_way_to_constrain_the_output() -> None:
    by_schema = request_body(settings(structured="json_schema"), REQUEST)
    assert by_schema["response_format"]["json_schema"]["schema"] == SCHEMA
    by_vllm = request_body(settings(structured="structured_outputs"), REQUEST)
    assert by_vllm["structured_outputs"] == {"json": SCHEMA}
    assert "response_format" not in by_vllm
    in_words = request_body(settings(structured="prompt"), REQUEST)
    assert '"maxLength":5' in in_words["messages"][-1]["content"]
    assert not {"response_format", "structured_outputs"} & in_words.keys()


def test_openai_gets_no_keyword_it_refuses() -> None:
    body = request_body(settings(base_url="https://api.openai.com/v1"), REQUEST)
    assert body["response_format"]["json_schema"]["schema"]["properties"]["word"] == {"type": "string"}


def test_extra_body_adds_replaces_and_removes_fields() -> None:
    extra = {"max_tokens": None, "max_completion_tokens": 5, "temperature": 1.5, "reasoning_effort": "low"}
    body = request_body(settings(extra_body=extra), REQUEST)
    assert "max_tokens" not in body
    assert (body["max_completion_tokens"], body["temperature"], body["reasoning_effort"]) == (5, 1.5, "low")


def test_independent_samples_get_their_own_seed() -> None:
    assert request_body(settings(seed=10), ChatRequest(REQUEST.messages, None, variant=2))["seed"] == 12
    assert "seed" not in request_body(settings(seed=None), REQUEST)
