"""The scripted model: replies in order, exceptions raised, functions called, everything asked kept."""

from __future__ import annotations

import asyncio

import pytest
from cluster_r1.core.errors import ClusterR1Error
from cluster_r1.llm.failures import CallFailed
from cluster_r1.llm.protocol import ChatModel, ChatRequest, Message, Reply
from cluster_r1.llm.testing.brain import answer_request
from cluster_r1.llm.testing.scripted import ScriptedModel, ScriptExhausted


def request(text: str, schema: dict[str, object] | None = None) -> ChatRequest:
    return ChatRequest((Message("user", text),), schema)


async def test_replies_come_in_order_and_calls_are_kept() -> None:
    model = ScriptedModel(["one", "two"])
    first = await model.complete(request("a"), "doc-1")
    second = await model.complete(request("b"))
    assert (first.text, second.text) == ("one", "two")
    assert first.key != second.key
    assert model.requests == [request("a"), request("b")]
    assert model.subjects == ["doc-1", ""]
    assert model.left == 0


async def test_an_exception_in_the_list_is_raised_in_its_turn() -> None:
    model = ScriptedModel(["one", CallFailed("server", "it answered 500"), "three"])
    await model.complete(request("a"))
    with pytest.raises(CallFailed, match="answered 500"):
        await model.complete(request("b"))
    assert (await model.complete(request("c"))).text == "three"
    assert len(model.requests) == 3


async def test_a_whole_reply_can_be_given() -> None:
    model = ScriptedModel([Reply("cut o", finish_reason="length", reasoning="hm")])
    reply = await model.complete(request("a"))
    assert (reply.text, reply.finish_reason, reply.reasoning) == ("cut o", "length", "hm")
    assert reply.key


async def test_running_out_names_the_call_and_is_no_error_that_code_under_test_would_catch() -> None:
    model = ScriptedModel(["one"], name="labeler")
    await model.complete(request("a"))
    with pytest.raises(ScriptExhausted, match=r"'labeler' has 1 replies .* 2\. time, about 'doc-7'") as raised:
        await model.complete(request("b"), "doc-7")
    assert not isinstance(raised.value, ClusterR1Error)
    assert model.left == 0


async def test_concurrent_calls_each_take_one_reply() -> None:
    model = ScriptedModel([str(n) for n in range(50)])
    replies = await asyncio.gather(*(model.complete(request(str(n))) for n in range(50)))
    assert [reply.text for reply in replies] == [str(n) for n in range(50)]
    assert len({reply.key for reply in replies}) == 50


async def test_a_function_answers_every_call() -> None:
    model = ScriptedModel(lambda asked: asked.messages[-1].content.upper(), name="loud")
    assert (await model.complete(request("abc"))).text == "ABC"
    assert (await model.complete(request("def"))).text == "DEF"
    assert model.name == "loud"


async def test_it_is_a_chat_model_and_can_think_with_the_stand_in() -> None:
    model: ChatModel = ScriptedModel(answer_request)
    schema = {"type": "object", "properties": {"cluster": {"enum": ["Apples", "Pears"]}}}
    reply = await model.complete(request("<document>\nA pear a day\n</document>", schema))
    assert reply.text == '{"cluster":"Pears"}'


def test_a_single_string_is_refused() -> None:
    with pytest.raises(TypeError, match="list of replies"):
        ScriptedModel("one")
