"""LMSYS-Chat-1M: each rule on a planted row, and the real shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cluster_r1.corpora.lmsys import RULES, Lmsys, is_no_answer, repetition
from hypothesis import given
from hypothesis import strategies as st
from preparing import RAW, prepared

SAMPLE = RAW / "lmsys_like_sample.jsonl"
QUESTION, ANSWER = "How do I boil an egg so that it stays soft?", "Six minutes in boiling water, then cold water."
OFF = {"hate": False, "violence": False}


def row(number: int = 1, turns: int = 1, **changed: Any) -> dict[str, Any]:
    messages = [
        message
        for turn in range(turns)
        for message in (
            {"role": "user", "content": f"{QUESTION} {number} {turn}"},
            {"role": "assistant", "content": f"{ANSWER} {number} {turn}"},
        )
    ]
    moderation = [{"categories": dict(OFF), "category_scores": {}, "flagged": False} for _ in messages]
    return {
        "conversation_id": f"c{number}",
        "model": "vicuna-13b",
        "conversation": messages,
        "turn": turns,
        "language": "English",
        "openai_moderation": moderation,
        "redacted": False,
    } | changed


def said(user: str = QUESTION, assistant: str = ANSWER) -> dict[str, Any]:
    return row(2, conversation=[{"role": "user", "content": user}, {"role": "assistant", "content": assistant}])


def moderated(entry: dict[str, Any]) -> dict[str, Any]:
    return row(2, openai_moderation=[row()["openai_moderation"][0], entry])


CODE = "def add(first, second):\n    return first + second\n\nprint(add(1, 2))\n"
PLANTED = {
    "not_english": [row(2, language="German"), row(2, language="unknown"), row(2, language=None)],
    "flagged": [
        moderated({"categories": OFF | {"violence": True}, "flagged": False}),
        moderated({"categories": OFF, "flagged": True}),
    ],
    "redacted": [row(2, redacted=True)],
    "turns": [row(2, turns=3), row(2, turn=2)],
    "roles": [
        row(2, conversation=row()["conversation"][::-1]),
        row(2, conversation=row()["conversation"][:1]),
        row(2, conversation=[{"role": "system", "content": "Be kind."}, *row()["conversation"]]),
        said(assistant="  "),
    ],
    "too_short": [said(user="hello there")],
    "repetitive": [
        said(assistant="no " * 100),
        said(assistant="the same line again\n" * 12),
        said(assistant="abcdefghijklmnopqrstuvwxyz" * 80),
    ],
    "not_language": [said(user="a 1 b 2 = 3 4 5 6 7 8 9 10 11 12 13 14 15 ???")],
    "no_answer": [
        said(assistant="I'm sorry, but I cannot help with that."),
        said(assistant="As an AI language model, I am not able to taste food."),
        said(assistant="**NETWORK ERROR DUE TO HIGH TRAFFIC. PLEASE REGENERATE OR REFRESH THIS PAGE.**"),
    ],
    "nul": [said(user=QUESTION + "\0")],
    "too_long": [said(user=" ".join(f"word{number}" for number in range(30_000)))],
    "duplicate": [row(1), row(2, conversation=row(1)["conversation"]), row(1, conversation=row(3)["conversation"])],
    "unreadable": [
        row(2, conversation="hello"),
        row(2, conversation=[]),
        row(2, conversation=[{"role": "user"}]),
        row(2, conversation_id=None),
        row(2, conversation=["hello", "hi"]),
    ],
}


@pytest.mark.parametrize(("rule", "planted"), [(rule, one) for rule, rows in PLANTED.items() for one in rows])
def test_a_rule_drops_what_it_says(tmp_path: Path, rule: str, planted: dict[str, Any]) -> None:
    done = prepared(Lmsys, [row(1), planted], tmp_path)
    assert done.counts == {rule: 1}
    assert [document["id"] for document in done.documents] == ["c1"]
    example = next(count.examples[0] for count in done.report.rules if count.name == rule)
    assert example.place.endswith("rows.jsonl:2")
    assert example.detail


def test_every_rule_is_tested() -> None:
    limited = {"beyond_first", "tokens"}
    assert {rule.name for rule in RULES} == PLANTED.keys() | limited


@pytest.mark.parametrize("rule", [rule for rule in PLANTED if rule not in ("nul", "unreadable")])
def test_a_rule_that_is_off_drops_nothing(tmp_path: Path, rule: str) -> None:
    done = prepared(Lmsys, [row(1), PLANTED[rule][0]], tmp_path, off=[rule])
    assert rule not in done.counts
    assert next(count for count in done.report.rules if count.name == rule).off


def test_the_limit_counts_english_dialogues_before_any_other_rule(tmp_path: Path) -> None:
    rows = [row(1, language="French"), row(2, redacted=True), row(3), row(4), row(5, language="French")]
    done = prepared(lambda off: Lmsys(off, limit=2), rows, tmp_path)
    assert done.counts == {"not_english": 2, "beyond_first": 1, "redacted": 1}
    assert [document["id"] for document in done.documents] == ["c3"]


def test_a_row_counts_under_the_first_rule_that_drops_it(tmp_path: Path) -> None:
    bad = row(2, turns=4, redacted=True) | {"openai_moderation": [{"categories": {"hate": True}, "flagged": True}]}
    assert prepared(Lmsys, [row(1), bad], tmp_path).counts == {"flagged": 1}


def test_both_sides_of_every_turn_are_the_text(tmp_path: Path) -> None:
    (document,) = prepared(Lmsys, [row(1, turns=2)], tmp_path).documents
    assert document["text"] == (
        f"User: {QUESTION} 1 0\n\nAssistant: {ANSWER} 1 0\n\nUser: {QUESTION} 1 1\n\nAssistant: {ANSWER} 1 1"
    )
    assert document["labels"] == {"model": "vicuna-13b", "turns": "2"}


@pytest.mark.parametrize(
    "text", [ANSWER, CODE * 3, "I'm sorry for the delay. " + "Here is what I found about eggs in cold water. " * 10]
)
def test_a_plain_answer_is_one(text: str) -> None:
    assert not is_no_answer(text)


@pytest.mark.parametrize("text", ["", ANSWER, CODE, "x = [1, 2, 3]\n" * 2, "| a | b |\n|---|---|\n| 1 | 2 |\n"])
def test_a_plain_text_repeats_nothing(text: str) -> None:
    assert repetition(text) is None


@given(st.text(), st.text())
def test_no_text_breaks_the_rules(user: str, assistant: str) -> None:
    from cluster_r1.corpora.rows import Row

    assert len(list(Lmsys().texts(Row("a:1", said(user, assistant))))) == 1


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_no_column_breaks_the_rules(value: Any) -> None:
    from cluster_r1.corpora.rows import Row

    for column in row():
        assert len(list(Lmsys().texts(Row("a:1", row(**{column: value}))))) == 1


@pytest.mark.skipif(not SAMPLE.exists(), reason="the shared data is not there")
def test_the_real_shape(tmp_path: Path) -> None:
    done = prepared(Lmsys, SAMPLE, tmp_path)
    assert done.report.rows == 1280
    assert done.counts["not_english"] == 215
    assert done.report.kept > 1000
    assert all(text.startswith("User: ") and "\n\nAssistant: " in text for text in done.texts)
