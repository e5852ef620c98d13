"""Asking for structured answers: what is read, and what the model is told when it cannot be."""

import pytest
from cluster_r1.core.errors import ModelAnswerError
from cluster_r1.llm.protocol import ChatRequest, Message, Reply
from cluster_r1.llm.structured import Unusable, ask, read_as, read_json
from cluster_r1.llm.testing.scripted import ScriptedModel
from pydantic import BaseModel


class Word(BaseModel):
    word: str


REQUEST = ChatRequest((Message("user", "a word?"),))


def read(text: str) -> str:
    return read_as(Word, text).word


@pytest.mark.parametrize(
    "text",
    [
        '{"word": "blue"}',
        ' \n {"word":"blue"} ',
        '```json\n{"word": "blue"}\n```',
        'Here you are: {"word": "blue"}. Anything else?',
        '<think>{"word": "red"} or not</think>{"word": "blue"}',
    ],
)
def test_json_is_found_past_what_models_put_around_it(text: str) -> None:
    assert read_json(text) == {"word": "blue"}


@pytest.mark.parametrize("text", ["", "blue", '{"word": "bl', "}{", '{"word": blue}'])
def test_what_is_no_json_is_complained_about(text: str) -> None:
    with pytest.raises(Unusable):
        read_json(text)


async def test_the_model_is_shown_its_answer_and_the_complaint() -> None:
    model = ScriptedModel(['{"wrod": "blue"}', '{"word": "blue"}'])
    word, asked = await ask(model, REQUEST, read, 3, "doc-1")
    assert (word, asked.attempts) == ("blue", 2)
    again = model.requests[1].messages
    assert again[-2] == Message("assistant", '{"wrod": "blue"}')
    assert "word" in again[-1].content
    assert "Field required" in again[-1].content


async def test_attempts_are_bounded_and_the_error_names_the_subject() -> None:
    model = ScriptedModel(["no", "no", "no"])
    with pytest.raises(ModelAnswerError, match="doc-1"):
        await ask(model, REQUEST, read, 3, "doc-1")
    assert len(model.requests) == 3


def paid_before(text: str) -> Reply:
    return Reply(text, cached=True)


async def test_a_run_asks_further_where_an_earlier_one_was_left_with_unusable_replies() -> None:
    left = [paid_before("no"), paid_before("never")]
    model = ScriptedModel([*left, "nothing", '{"word": "blue"}'])
    word, asked = await ask(model, REQUEST, read, 2, "doc-1", anew=True)
    assert (word, asked.attempts) == ("blue", 4)
    assert [request.variant for request in model.requests] == [0, 1, 2, 3]
    assert [message.content for message in model.requests[2].messages[:2]] == ["a word?", "never"]
    assert len(model.requests[3].messages) == len(model.requests[2].messages) + 2


async def test_what_is_read_back_ends_as_it_did_unless_asked_anew() -> None:
    left = [paid_before("no"), paid_before("never")]
    with pytest.raises(ModelAnswerError, match="2 attempts"):
        await ask(ScriptedModel(left), REQUEST, read, 2, "doc-1")
    with pytest.raises(ModelAnswerError, match="2 attempts"):
        await ask(ScriptedModel([*left, "no", "no"]), REQUEST, read, 2, "doc-1", anew=True)
