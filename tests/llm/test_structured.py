"""Asking for structured answers: what is read, and what the model is told when it cannot be."""

import pytest
from cluster_r1.core.errors import ModelAnswerError
from cluster_r1.llm.protocol import ChatRequest, Message
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
