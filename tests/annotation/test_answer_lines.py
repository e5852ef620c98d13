"""Answers in people's files: what is typed is taken as it is, what cannot be taken is said in words that help."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from cluster_r1.annotation.answer_lines import LineError, is_untouched, line_of, lines_of, response_of, typed_time
from cluster_r1.core.forms import Form, Question
from hypothesis import given
from hypothesis import strategies as st

FORM = Form(
    kind="traces",
    name="traces",
    title="Traces",
    guidelines="",
    fields=(),
    questions=(
        Question("keep", "Keep?", "label", ("yes", "no")),
        Question("length", "Length", "rating", tuple("12345")),
        Question("comment", "Comment", "text", required=False),
    ),
)
NOON = "2026-03-01T12:00:00+00:00"
GOOD: dict[str, Any] = {"author": "Ann", "status": "submitted", "at": "", "values": {"keep": "yes"}}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), json_values, max_size=5))
def test_a_line_holds_its_content_whatever_it_is(content: dict[str, Any]) -> None:
    line = line_of(content)
    assert b"\n" not in line
    assert len(line.decode().splitlines()) == 1
    assert [read.content for read in lines_of(line)] == [content]


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\x85", "\x00", "\x1b", "\r", "\ud800"])
def test_what_an_editor_takes_for_a_line_break_is_escaped(character: str) -> None:
    line = line_of({"text": f"a{character}b"})
    assert line.isascii()
    assert json.loads(line) == {"text": f"a{character}b"}


def test_what_people_can_read_stays_readable() -> None:
    assert line_of({"text": "Grüße — 你好 👩‍🔬"}) == '{"text": "Grüße — 你好 👩‍🔬"}'.encode()


def test_an_editors_byte_order_mark_line_ends_and_empty_lines_do_no_harm() -> None:
    lines = lines_of(b'\xef\xbb\xbf{"a": 1}\r\n\r\n{"b": 2}\r\n')
    assert [(line.number, line.content) for line in lines] == [(1, {"a": 1}), (3, {"b": 2})]


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b'{"id": "a", "answer": {', "it is not JSON: "),
        (b'{"id": "a" "answer": 1}', "it is not JSON: Expecting ',' delimiter (column 12)"),
        (b"[1, 2]", "it is not a JSON object"),
        (b'{"id": "caf\xe9"}', "it is not UTF-8 text"),
        (b'{"id": NaN}', "it is not JSON: NaN is not a number"),
        (b'{"id": ' + b"1" * 5000 + b"}", "it is not JSON: "),
        (b'{"id": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "it is not JSON: "),
        (b'{"id": ' + b"[" * 30 + b"]" * 30 + b"}", "it is nested too deeply to be an answer"),
    ],
)
def test_a_line_that_is_no_object_is_kept_as_it_stands_and_says_why(raw: bytes, error: str) -> None:
    line, after = lines_of(raw + b'\n{"b": 1}')
    assert (line.number, line.raw, line.content) == (1, raw, None)
    assert line.error.startswith(error)
    assert after.content == {"b": 1}


@given(st.binary())
def test_any_bytes_can_be_looked_at(content: bytes) -> None:
    for line in lines_of(content):
        assert line.raw in content
        assert (line.content is None) == bool(line.error)


def test_a_response_says_who_what_and_when() -> None:
    response = response_of(FORM, "r1", GOOD | {"at": "2026-03-01T14:30:00.5+02:00"}, NOON)
    assert response.model_dump() == {
        "record": "r1",
        "author": "Ann",
        "status": "submitted",
        "values": {"keep": "yes"},
        "at": "2026-03-01T12:30:00.500000+00:00",
    }


def test_a_time_left_empty_is_the_files() -> None:
    assert response_of(FORM, "r1", GOOD, NOON).at == NOON


def test_ratings_may_be_typed_as_text_and_what_is_blank_is_not_answered() -> None:
    values = {"keep": None, "length": " 4 ", "comment": "  "}
    assert response_of(FORM, "r1", GOOD | {"values": values}, NOON).values == {"length": 4}


@pytest.mark.parametrize("typed", ["very", "4.5", "²", "-1", "9" * 30])
def test_a_rating_that_is_no_number_is_left_as_typed(typed: str) -> None:
    assert response_of(FORM, "r1", GOOD | {"values": {"length": typed}}, NOON).values == {"length": typed}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"author": ""}, "fill in author"),
        ({"author": " \t"}, "fill in author"),
        ({"author": "\x1b[31mAnn"}, "control characters"),
        ({"author": 7}, "author: "),
        ({"status": "pending"}, "still 'pending'; set it to submitted, draft or discarded"),
        ({"status": "done"}, "status: Input should be 'pending', 'submitted', 'draft' or 'discarded'"),
        ({"at": "yesterday"}, "'yesterday' is not a time such as 2026-01-31T09:00:00Z"),
        ({"at": "0001-01-01T00:00:00+23:00"}, "is not a time"),
        ({"values": "yes"}, "values: "),
        ({"values": {"keep": True}}, "the answer to 'keep' must be text or a whole number"),
        ({"values": {"keep": ["yes"]}}, "the answer to 'keep' must be text or a whole number"),
        ({"values": {"kept": "yes"}}, "no question 'kept'; there are: keep, length, comment"),
        ({"values": {"comment": "\ud83d"}}, "lone surrogate"),
    ],
)
def test_what_cannot_be_taken_says_what_to_do(change: dict[str, Any], message: str) -> None:
    with pytest.raises(LineError) as raised:
        response_of(FORM, "r1", GOOD | change, NOON)
    assert message in str(raised.value)


@pytest.mark.parametrize("record", [None, "", 7])
def test_an_answer_to_nothing_is_refused(record: object) -> None:
    with pytest.raises(LineError, match="which record"):
        response_of(FORM, record, GOOD, NOON)


@given(record=json_values, answer=json_values | st.fixed_dictionaries(dict.fromkeys(GOOD, json_values)))
def test_an_answer_is_taken_or_refused_in_a_sentence(record: object, answer: object) -> None:
    told = outcome(record, answer)
    assert told in ("submitted", "draft", "discarded") or 10 < len(told) < 300


@pytest.mark.parametrize(
    ("moment", "utc"),
    [
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00+00:00"),
        ("2026-01-01T00:00:00", "2026-01-01T00:00:00+00:00"),
        ("2026-01-01", "2026-01-01T00:00:00+00:00"),
        ("2026-01-01T01:00:00.123Z", "2026-01-01T01:00:00.123000+00:00"),
    ],
)
def test_times_are_typed_time(moment: str, utc: str) -> None:
    assert typed_time(moment) == utc


def outcome(record: object, answer: object) -> str:
    """The status of the response, or why there is none."""
    try:
        return response_of(FORM, record, answer, NOON).status
    except LineError as error:
        return str(error)


PROPOSED = [{"question": "keep", "value": "yes"}, {"question": "keep", "value": "no"}]
PRISTINE = {"author": "", "status": "pending", "at": "", "values": {"keep": "yes", "comment": ""}}


@pytest.mark.parametrize(
    ("content", "untouched"),
    [
        ({"suggestions": PROPOSED, "answer": PRISTINE}, True),
        ({"suggestions": PROPOSED}, True),
        ({"suggestions": PROPOSED, "answer": PRISTINE | {"author": "Ann"}}, False),
        ({"suggestions": PROPOSED, "answer": PRISTINE | {"status": "submitted"}}, False),
        ({"suggestions": PROPOSED, "answer": PRISTINE | {"values": {"keep": "no"}}}, False),
        ({"suggestions": PROPOSED, "answer": PRISTINE | {"note": "x"}}, False),
        ({"suggestions": "mangled", "answer": PRISTINE}, False),
        ({"suggestions": [7, {}], "answer": PRISTINE | {"values": {}}}, True),
        ({"suggestions": [], "answer": "hello"}, False),
    ],
)
def test_what_a_person_changed_is_told_from_what_was_written_for_them(content: dict[str, Any], untouched: bool) -> None:
    assert is_untouched(content) == untouched


def test_a_deep_line_that_can_be_read_can_be_written() -> None:
    for depth in range(2, sys.getrecursionlimit(), 7):
        for line in lines_of(b'{"answer": ' + b"[" * depth + b"]" * depth + b"}"):
            assert line.content is None or line_of(line.content)
