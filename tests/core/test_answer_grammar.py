"""The grammars that constrain decoding accept every partition's text and exactly the numbers 1..n."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from cluster_r1.core.answer import Answer, AnswerError, answer_gbnf, answer_regex, parse_answer, render_answer
from hypothesis import given, settings
from hypothesis import strategies as st

LARGEST = 400
MANY = (*range(1, LARGEST + 1), 999, 1000, 1001, 1099, 1234, 2000, 9999, 10_000, 10_101)
SOME = (1, 2, 9, 10, 11, 19, 20, 99, 100, 101, 110, 250, 399, 400, 1000, 1234)
BEYOND = 50
GBNF_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\[[^\]]*\]|[a-z]+|[()*+|]|\s+')


def whole_answer(count: str = "1", cluster: str = "1", first: str = "1", rest: str = "") -> str:
    return f"<think>\n\n</think>\n<answer>\nTotal clusters: [{count}]\ncluster{cluster}: [{first}{rest}]\n</answer>"


def partitions_of(n: int) -> Iterator[Answer]:
    yield Answer.from_labels([0] * n)
    yield Answer.from_labels(range(n))
    yield Answer.from_labels([item % 7 for item in range(n)])
    yield Answer((tuple(range(n, 0, -1)),))


def gbnf_rules(n: int) -> dict[str, str]:
    return dict(line.split(" ::= ", 1) for line in answer_gbnf(n).splitlines())


def gbnf_as_regex(rules: dict[str, str], rule: str) -> str:
    """A rule of the small, non-recursive grammar as a regular expression."""
    body, place, out = rules[rule], 0, []
    while place < len(body):
        token = GBNF_TOKEN.match(body, place)
        assert token is not None, f"not GBNF at {body[place:]!r}"
        place, text = token.end(), token.group()
        if text.startswith('"'):
            out.append("(?:" + re.escape(text[1:-1].replace(r"\n", "\n")) + ")")
        elif text.isalpha():
            out.append(gbnf_as_regex(rules, text))
        elif not text.isspace():
            out.append(text)
    return f"(?:{''.join(out)})"


def gbnf_regex(n: int) -> str:
    return gbnf_as_regex(gbnf_rules(n), "root")


GRAMMARS = pytest.mark.parametrize("grammar", [answer_regex, gbnf_regex], ids=["regex", "gbnf"])
Grammar = Callable[[int], str]


@GRAMMARS
def test_the_rendering_of_a_partition_matches_for_every_size(grammar: Grammar) -> None:
    for n in range(1, LARGEST + 1):
        pattern = re.compile(grammar(n))
        assert all(pattern.fullmatch(render_answer(answer)) for answer in partitions_of(n)), n


@GRAMMARS
@given(st.lists(st.integers(0, 12), min_size=1, max_size=LARGEST), st.text("abc.\n []1", max_size=80))
@settings(max_examples=50)
def test_the_rendering_of_any_partition_matches(grammar: Grammar, labels: list[int], think: str) -> None:
    text = render_answer(Answer.from_labels(labels), think)
    assert re.fullmatch(grammar(len(labels)), text)


@GRAMMARS
def test_an_item_is_exactly_one_of_1_to_n(grammar: Grammar) -> None:
    for n in MANY:
        pattern = re.compile(grammar(n))
        accepted = [item for item in range(n + BEYOND + 1) if pattern.fullmatch(whole_answer(first=str(item)))]
        assert accepted == list(range(1, n + 1)), n


@GRAMMARS
@pytest.mark.parametrize("n", SOME)
@pytest.mark.parametrize("place", ["count", "cluster", "rest"])
def test_other_numbers_are_exactly_one_of_1_to_n(grammar: Grammar, n: int, place: str) -> None:
    pattern = re.compile(grammar(n))
    comma = ", " if place == "rest" else ""
    accepted = {i for i in range(n + BEYOND + 1) if pattern.fullmatch(whole_answer(**{place: f"{comma}{i}"}))}
    assert accepted == (set(range(1, n + 1)) if n > 1 or place != "rest" or grammar is gbnf_regex else set())


@GRAMMARS
@pytest.mark.parametrize("item", ["", "01", "007", "+1", "-1", "1.0", "１", "1 ", " 1", "1,", "a", "[1]"])
def test_an_item_is_plain_digits(grammar: Grammar, item: str) -> None:
    assert not re.fullmatch(grammar(20), whole_answer(first=item))


def test_the_index_rule_of_the_gbnf_is_exactly_1_to_n() -> None:
    for n in MANY:
        index = re.compile(gbnf_as_regex(gbnf_rules(n), "index"))
        texts = [*map(str, range(n + BEYOND + 1)), *(f"0{i}" for i in range(n + 1))]
        assert [text for text in texts if index.fullmatch(text)] == [str(i) for i in range(1, n + 1)], n


def test_the_regex_allows_no_more_items_and_clusters_than_n() -> None:
    assert re.fullmatch(answer_regex(3), whole_answer(rest=", 1" * 2))
    assert not re.fullmatch(answer_regex(3), whole_answer(rest=", 1" * 3))
    assert not re.fullmatch(answer_regex(3), whole_answer().replace("cluster1: [1]\n", "cluster1: [1]\n" * 4))


@GRAMMARS
@pytest.mark.parametrize(
    "text",
    [
        whole_answer() + "\n",
        " " + whole_answer(),
        whole_answer().replace("\n\n", "\n<answer>\n"),
        whole_answer().replace("cluster1: [1]\n", ""),
        whole_answer().replace(": [1]\n</", ": []\n</"),
    ],
    ids=["text after", "text before", "a tag in the reasoning", "no cluster", "an empty cluster"],
)
def test_other_layouts_do_not_match(grammar: Grammar, text: str) -> None:
    assert not re.fullmatch(grammar(5), text)


@given(st.from_regex(answer_regex(3), fullmatch=True))
def test_a_constrained_answer_can_only_fail_to_be_a_partition(text: str) -> None:
    try:
        parse_answer(text, 3)
    except AnswerError as error:
        assert error.kind in {"count_mismatch", "duplicate", "missing", "malformed_list"}  # noqa: PT017
        assert error.kind != "malformed_list" or "expected 'cluster" in error.detail  # noqa: PT017


@pytest.mark.parametrize("n", [0, -1])
@pytest.mark.parametrize("grammar", [answer_regex, answer_gbnf])
def test_no_items_have_no_grammar(grammar: Grammar, n: int) -> None:
    with pytest.raises(ValueError, match=f"at least one item, got n={n}"):
        grammar(n)
