"""Text queries of the embedded Argilla: what they find, in which order, and that no input makes them fail."""

from __future__ import annotations

import re

import pytest
from cluster_r1.annotation.embedded.text_query import Query, needed, parse, search
from hypothesis import given
from hypothesis import strategies as st

TEXTS = (
    "Billing problems: the invoice was wrong.",
    "Login failures after a password reset",
    "The shipping delay is a BILLING matter too",
    "Müller asks for a multi-word feature",
    "我在北京 ordered billing",
)


def parsed(query: str) -> Query:
    found = parse(query)
    assert found is not None
    return found


def found(query: str, texts: tuple[str, ...] = TEXTS) -> list[int]:
    return [hit.place for hit in search(parsed(query), [[text] for text in texts])]


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ("billing", [0, 2, 4]),
        ("BILLING", [0, 2, 4]),
        ("billing invoice", [0]),
        ("invoice billing", [0]),
        ("+billing +invoice", [0]),
        ("bill", []),
        ("bill*", [0, 2, 4]),
        ("billing bill*", [0, 2, 4]),
        ("billing -invoice", [2, 4]),
        ("billing --invoice", [0]),
        ("-billing", [1, 3]),
        ("billing -(invoice | shipping)", [4]),
        ("login | invoice", [0, 1]),
        ("login | billing invoice", [0, 1]),
        ("(login | billing) invoice", [0]),
        ('"shipping delay"', [2]),
        ('"delay shipping"', []),
        ('"password reset', [1]),
        ('billing -"shipping delay"', [0, 4]),
        ('"problems the invoice"', [0]),
        ("problems: (the) invoice!", [0]),
        ("multi-word", [3]),
        ("multi-wor*", [3]),
        ("müller", [3]),
        ("MÜLLER", [3]),
        ("mu\u0308ller", [3]),
        ("muller", []),
        ("北京", [4]),
        ("京北", [4]),
        ('"京北"', []),
        ("北", [4]),
        ("a", [1, 2, 3]),
        ("login~2", [1]),
    ],
)
def test_what_a_query_finds(query: str, places: list[int]) -> None:
    assert found(query) == places


@pytest.mark.parametrize("query", ["", "  ", "-", "()", '"', "|", "...", "- | ) (", '""', "*", "(" * 10_000])
def test_a_query_without_words_asks_for_nothing(query: str) -> None:
    assert parse(query) is None


@pytest.mark.parametrize(
    ("query", "same"),
    [
        ("billing)", "billing"),
        ("(billing", "billing"),
        ("billing | ", "billing"),
        ("| billing", "billing"),
        ("billing -", "billing"),
        ("billing - invoice", "billing invoice"),
        ("billing) invoice", "billing invoice"),
    ],
)
def test_signs_without_sense_are_left_out(query: str, same: str) -> None:
    assert parse(query) == parse(same)


def test_words_may_lie_in_different_fields_and_phrases_may_not() -> None:
    fields = [["one two", "three"], ["two three"]]
    assert [hit.place for hit in search(parsed("one three"), fields)] == [0]
    assert [hit.place for hit in search(parsed('"two three"'), fields)] == [1]


def test_more_and_rarer_words_in_shorter_texts_rank_higher() -> None:
    texts = ["cat", "cat cat", "cat and a long text about other things", "dog", *["mouse cat"] * 5]
    score = {hit.place: hit.score for hit in search(parsed("cat | dog"), [[text] for text in texts])}
    assert score[1] > score[0] > score[2] > 0
    assert score[3] > score[0]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("billing", {"billing"}),
        ("Billing INVOICE", {"billing", "invoice"}),
        ('"shipping delay" multi-wor*', {"shipping", "delay", "multi", "wor"}),
        ("billing -invoice", {"billing"}),
        ("-billing", set()),
        ("login | invoice", set()),
        ("(login billing) | (billing invoice)", {"billing"}),
        ("--billing", {"billing"}),
        ("-(-billing)", set()),
    ],
)
def test_words_without_which_nothing_matches(query: str, words: set[str]) -> None:
    assert needed(parsed(query)) == words


@given(st.text(alphabet='ab |-()"*', max_size=20), st.text(alphabet="ab ", max_size=20))
def test_what_is_found_has_all_the_needed_words(query: str, text: str) -> None:
    asked = parse(query)
    if asked is not None and search(asked, [[text]]):
        assert all(word in text for word in needed(asked))


def test_an_exclusion_alone_ranks_nothing() -> None:
    assert [hit.score for hit in search(parsed("-cat"), [["dog"], ["cat"]])] == [0]


def test_nothing_is_found_among_no_texts() -> None:
    assert search(parsed("cat"), []) == []


def test_a_deep_and_a_long_query_are_answered() -> None:
    assert found("(" * 20 + "billing" + ")" * 20) == [0, 2, 4]
    assert found("billing " * 5000) == [0, 2, 4]
    assert found("-(" * 29 + "billing") == [1, 3]
    assert found('"' + "billing " * 100_000 + '"') == []


@given(st.text(alphabet=st.sampled_from('ab京 ()|-+"*~1\\.[ß'), max_size=40), st.lists(st.text(), max_size=3))
def test_any_text_is_a_query(query: str, texts: list[str]) -> None:
    asked = parse(query)
    if asked is not None:
        hits = search(asked, [[text] for text in texts])
        assert all(hit.score >= 0 for hit in hits)


@given(st.text(max_size=60))
def test_any_text_in_any_script_is_a_query(query: str) -> None:
    asked = parse(query)
    if asked is not None:
        search(asked, [[query]])


@given(st.lists(st.text(alphabet="abc", min_size=1, max_size=2), min_size=1, max_size=6), st.data())
def test_words_phrases_and_beginnings_agree_with_a_plain_reading(words: list[str], data: st.DataObject) -> None:
    text = " ".join(words)
    asked = data.draw(st.lists(st.text(alphabet="abc", min_size=1, max_size=2), min_size=1, max_size=3))
    phrase = rf"(^| ){' '.join(asked)}( |$)"
    assert found(" ".join(asked), (text,)) == ([0] if set(asked) <= set(words) else [])
    assert found(f'"{" ".join(asked)}"', (text,)) == ([0] if re.search(phrase, text) else [])
    assert found(f"{asked[0]}*", (text,)) == ([0] if any(word.startswith(asked[0]) for word in words) else [])
