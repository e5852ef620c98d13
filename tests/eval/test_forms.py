"""Forms: what is asked in each, and the canonical response that is made of what came back."""

from __future__ import annotations

import orjson
import pytest
from cluster_r1.core.answer import Answer, AnswerError, parse_answer, reasoning_of, render_answer
from cluster_r1.core.errors import SettingsError
from cluster_r1.core.evaluation import Completion
from cluster_r1.core.prompt import REASONING_HINT, SYSTEM_PROMPT
from cluster_r1.eval.forms import checked_forms, labels_schema, request, response
from hypothesis import given
from hypothesis import strategies as st

INSTRUCTION = "Cluster by colour."
TEXTS = ("a red boat", "a blue car", "a red hat")
partitions = st.lists(st.integers(1, 9), min_size=1, max_size=30)


def said(text: str, reasoning: str = "") -> Completion:
    return Completion(example="c1/a/0", text=text, reasoning=reasoning)


def labels_json(labels: list[int], reasoning: str = "") -> str:
    numbered = {f"text{place}": label for place, label in enumerate(labels, start=1)}
    return orjson.dumps({"reasoning": reasoning, **numbered}).decode()


def test_the_free_form_is_the_prompt_that_models_are_trained_on() -> None:
    asked = request(INSTRUCTION, TEXTS, "free", sample=3)
    assert [message.role for message in asked.messages] == ["system", "user"]
    assert asked.messages[0].content == SYSTEM_PROMPT
    assert (asked.schema, asked.grammar, asked.variant) == (None, None, 3)
    assert REASONING_HINT not in asked.messages[1].content
    assert request(INSTRUCTION, TEXTS, "free", hint=True).messages[1].content.endswith(REASONING_HINT)


def test_a_constraint_goes_with_its_form() -> None:
    assert "{0,77}" in (request(INSTRUCTION, TEXTS, "grammar", most_thought=77).grammar or "")
    asked = request(INSTRUCTION, TEXTS, "labels", most_thought=77)
    assert asked.schema is not None
    assert asked.schema["properties"]["reasoning"]["maxLength"] == 77
    assert asked.schema["required"] == ["reasoning", "text1", "text2", "text3"]
    assert "Total clusters" not in asked.messages[0].content


@given(partitions)
def test_labels_become_the_same_partition(labels: list[int]) -> None:
    text = response(said(labels_json(labels, "I look at colours.")), "labels", len(labels))
    assert parse_answer(text, len(labels)) == Answer.from_labels(labels)
    assert reasoning_of(text).strip() == "I look at colours."


def test_every_label_of_the_schema_is_a_cluster_number() -> None:
    schema = labels_schema(12)
    assert schema["properties"]["text12"] == {"type": "integer", "minimum": 1, "maximum": 12}
    assert "text13" not in schema["properties"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no JSON",
        "[1, 2, 3]",
        '{"text1": 1, "text2": 2}',
        labels_json([1, 2]),
        '{"text1": 1, "text2": 1, "text3": null}',
    ],
)
def test_labels_that_cannot_be_read_stay_as_they_were_and_are_invalid(text: str) -> None:
    kept = response(said(text), "labels", 3)
    assert kept == text
    with pytest.raises(AnswerError):
        parse_answer(kept, 3)


def test_reasoning_that_came_apart_is_put_between_the_tags() -> None:
    answer = render_answer(Answer(((1, 3), (2,))), "old").partition("</think>\n")[2]
    text = response(said(answer, "The form is <answer>…</answer>. Colours: red and blue."), "free", 3)
    assert parse_answer(text, 3).labels() == [0, 1, 0]
    assert "Colours: red and blue." in reasoning_of(text)


def test_a_text_with_think_tags_of_its_own_keeps_them() -> None:
    text = render_answer(Answer(((1, 2, 3),)), "in the text")
    assert response(said(text, "apart"), "free", 3) == text


def test_a_thought_that_the_chat_template_opened_gets_its_tag() -> None:
    text = render_answer(Answer(((1, 2), (3,))), "red, red, blue").removeprefix("<think>")
    whole = response(said(text), "free", 3)
    assert parse_answer(whole, 3).labels() == [0, 0, 1]
    assert reasoning_of(whole).strip() == "red, red, blue"
    with pytest.raises(AnswerError, match="tags"):
        parse_answer(response(said(f"{text}</think>"), "free", 3), 3)


def test_without_reasoning_nothing_is_added_so_a_missing_tag_stays_an_error() -> None:
    bare = "<answer>\nTotal clusters: [1]\ncluster1: [1, 2, 3]\n</answer>"
    assert response(said(bare), "free", 3) == bare
    with pytest.raises(AnswerError, match="tags"):
        parse_answer(bare, 3)


def test_an_unknown_form_is_named() -> None:
    assert checked_forms(["labels", "free", "labels"]) == ("labels", "free")
    with pytest.raises(SettingsError, match=r"'json'.*free, grammar, labels"):
        checked_forms(["json"])
