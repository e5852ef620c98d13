"""The canonical answer format: parsing, rendering and their errors. The grammars are in test_answer_grammar.py."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import get_args

import pytest
from cluster_r1.core.answer import Answer, AnswerError, AnswerErrorKind, parse_answer, render_answer
from hypothesis import given, settings
from hypothesis import strategies as st

TAGS = ("<think>", "</think>", "<answer>", "</answer>")
MILLION = 10**6


def response(*lines: str, think: str = "") -> str:
    body = "\n".join(lines)
    return f"<think>{think}</think><answer>\n{body}\n</answer>"


def two_of_three(second: str) -> str:
    """A response for three items whose first cluster is right."""
    return response("Total clusters: [2]", "cluster1: [1, 2]", second)


def one_list(items: str) -> str:
    return response("Total clusters: [1]", f"cluster1: [{items}]")


def kind_of(text: str, n: int) -> AnswerErrorKind:
    with pytest.raises(AnswerError) as caught:
        parse_answer(text, n)
    return caught.value.kind


def is_partition(answer: Answer, n: int) -> bool:
    items = [item for cluster in answer.clusters for item in cluster]
    return all(answer.clusters) and sorted(items) == list(range(1, n + 1))


@st.composite
def partitions(draw: st.DrawFn, largest: int = 40) -> Answer:
    """Any partition of 1..n, its clusters and items in any order."""
    labels = draw(st.lists(st.integers(0, 8), min_size=1, max_size=largest))
    clusters = [draw(st.permutations(items)) for items in Answer.from_labels(labels).clusters]
    return Answer(tuple(tuple(items) for items in draw(st.permutations(clusters))))


@given(partitions(), st.text(alphabet=st.characters(exclude_characters="<"), max_size=200))
def test_a_rendered_partition_parses_back(answer: Answer, think: str) -> None:
    assert parse_answer(render_answer(answer, think), answer.size) == answer


@given(st.lists(st.sampled_from(["fraud", "delay", 3, None]), min_size=1, max_size=60))
def test_labels_invert_from_labels_up_to_relabelling(labels: list[str | int | None]) -> None:
    answer = Answer.from_labels(labels)
    numbers = answer.labels()
    assert len(set(zip(labels, numbers, strict=True))) == len(set(labels)) == len(set(numbers))
    assert is_partition(answer, len(labels))


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60))
def test_from_labels_numbers_clusters_by_their_first_item(labels: list[int]) -> None:
    firsts = [items[0] for items in Answer.from_labels(labels).clusters]
    assert firsts == sorted(firsts)
    assert all(list(items) == sorted(items) for items in Answer.from_labels(labels).clusters)


@given(partitions())
def test_labels_name_the_cluster_that_holds_the_item(answer: Answer) -> None:
    assert all(item in answer.clusters[cluster] for item, cluster in enumerate(answer.labels(), start=1))


def test_the_example_of_the_paper_parses() -> None:
    text = "<think>\nwhy\n</think>\n<answer>\nTotal clusters: [2]\ncluster1: [1, 4, 5]\ncluster2: [2, 3]\n</answer>"
    answer = parse_answer(text, 5)
    assert answer.clusters == ((1, 4, 5), (2, 3))
    assert answer.labels() == [0, 1, 1, 0, 0]
    assert answer.size == 5


def test_rendering_is_the_canonical_text() -> None:
    expected = "<think>\nwhy\n</think>\n<answer>\nTotal clusters: [2]\ncluster1: [1, 3]\ncluster2: [2]\n</answer>"
    assert render_answer(Answer(((1, 3), (2,))), "why") == expected


@pytest.mark.parametrize("tag", TAGS)
def test_rendering_refuses_reasoning_that_holds_a_tag(tag: str) -> None:
    with pytest.raises(ValueError, match=tag):
        render_answer(Answer(((1,),)), f"first {tag} then")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Sure!\n" + two_of_three("cluster2: [3]") + "\nHope this helps.", id="prose outside the tags"),
        pytest.param(two_of_three("cluster2: [3]").replace("\n", "\r\n"), id="windows line ends"),
        pytest.param(two_of_three("cluster2: [3]").replace("\n", "\n\n \t\n"), id="blank lines"),
        pytest.param(two_of_three("  cluster2 :\t[ 3 ]  "), id="spaces and tabs"),
        pytest.param(response("Total clusters: [2]", "cluster1: [2,1]", "cluster2: [3]"), id="no space after comma"),
        pytest.param(
            response("Total clusters: [2]", "cluster1: [1, 2]", "cluster2: [3]", think="a < b"), id="less-than"
        ),
    ],
)
def test_layout_that_changes_no_meaning_is_accepted(text: str) -> None:
    assert sorted(map(sorted, parse_answer(text, 3).clusters)) == [[1, 2], [3]]


@pytest.mark.parametrize("tag", TAGS)
def test_a_missing_tag_is_a_tags_error(tag: str) -> None:
    assert kind_of(two_of_three("cluster2: [3]").replace(tag, ""), 3) == "tags"


@pytest.mark.parametrize("tag", TAGS)
def test_a_repeated_tag_is_a_tags_error(tag: str) -> None:
    assert kind_of(two_of_three("cluster2: [3]").replace(tag, tag * 2), 3) == "tags"


@pytest.mark.parametrize("tag", TAGS)
def test_a_tag_within_the_reasoning_is_a_tags_error(tag: str) -> None:
    text = response("Total clusters: [1]", "cluster1: [1]", think=f"I will close with {tag} later")
    assert kind_of(text, 1) == "tags"


@pytest.mark.parametrize("tag", TAGS)
def test_a_tag_after_the_answer_is_a_tags_error(tag: str) -> None:
    assert kind_of(one_list("1") + f"\nI used {tag}.", 1) == "tags"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("Total clusters: [1]\ncluster1: [1]", id="no tags at all"),
        pytest.param(
            "<answer>Total clusters: [1]\ncluster1: [1]</answer><think></think>", id="answer before the reasoning"
        ),
        pytest.param("<think><answer>Total clusters: [1]\ncluster1: [1]</answer></think>", id="answer nested in think"),
        pytest.param("<answer><think></think>Total clusters: [1]\ncluster1: [1]</answer>", id="think nested in answer"),
        pytest.param("<think><answer></think>Total clusters: [1]\ncluster1: [1]</answer>", id="interleaved"),
        pytest.param("</think><think><answer>Total clusters: [1]\ncluster1: [1]</answer>", id="think closed first"),
        pytest.param("<think></think></answer>Total clusters: [1]\ncluster1: [1]<answer>", id="answer closed first"),
        pytest.param("<think></think><ANSWER>Total clusters: [1]\ncluster1: [1]</ANSWER>", id="upper case"),
        pytest.param("<think></think>< answer >Total clusters: [1]\ncluster1: [1]</answer>", id="spaces in the tag"),
        pytest.param(one_list("1") + one_list("1"), id="two whole answers"),
    ],
)
def test_misplaced_tags(text: str) -> None:
    assert kind_of(text, 1) == "tags"


@pytest.mark.parametrize(
    "line",
    [
        "Total clusters: 1",
        "Total clusters: []",
        "Total clusters: [one]",
        "Total clusters: [+1]",
        "Total clusters: [-1]",
        "Total clusters: [1.0]",
        "Total clusters: [1e0]",
        "Total clusters: [１]",
        "Total clusters: [١]",
        "Total clusters: [²]",
        "Total clusters: [1] of items",
        "Total clusters: [[1]]",
        "Total clusters [1]",
        "Total clusters: [1",
        "Total clusters: [1 1]",
        "total clusters: [1]",
        "Total: [1]",
        "clusters: [1]",
        "Here it is. Total clusters: [1]",
        "Total clusters: [" + "9" * MILLION + "x]",
    ],
    ids=lambda line: line[:30],
)
def test_an_unreadable_count_line(line: str) -> None:
    assert kind_of(response(line, "cluster1: [1]"), 1) == "count_line"


@pytest.mark.parametrize(
    "lines",
    [(), ("", "  "), ("cluster1: [1]",), ("cluster1: [1]", "Total clusters: [1]")],
    ids=["empty block", "blank block", "absent", "after the clusters"],
)
def test_an_absent_count_line(lines: tuple[str, ...]) -> None:
    assert kind_of(response(*lines), 1) == "count_line"


@pytest.mark.parametrize("count", ["0", "1", "3", "20", "9" * MILLION, "1" + "0" * MILLION], ids=lambda c: c[:4])
def test_a_count_that_is_not_the_number_of_clusters_listed(count: str) -> None:
    assert kind_of(response(f"Total clusters: [{count}]", "cluster1: [1]", "cluster2: [2]"), 2) == "count_mismatch"


def test_a_count_without_clusters() -> None:
    assert kind_of(response("Total clusters: [1]"), 1) == "count_mismatch"


@pytest.mark.parametrize(
    ("text", "n"),
    [
        pytest.param(one_list("1, 1"), 1, id="within a cluster"),
        pytest.param(one_list("1, 2, 1"), 2, id="within a cluster, apart"),
        pytest.param(two_of_three("cluster2: [3, 2]"), 3, id="across clusters"),
        pytest.param(two_of_three("cluster2: [2]"), 3, id="across clusters, with one missing"),
        pytest.param(two_of_three("cluster2: [3, 01]"), 3, id="written with a leading zero"),
    ],
)
def test_duplicate_items(text: str, n: int) -> None:
    assert kind_of(text, n) == "duplicate"


@pytest.mark.parametrize(
    ("text", "n"),
    [
        pytest.param(one_list("1"), 2, id="the last"),
        pytest.param(one_list("2"), 2, id="the first"),
        pytest.param(two_of_three("cluster2: [4]"), 4, id="in the middle"),
        pytest.param(response("Total clusters: [0]"), 3, id="all"),
    ],
)
def test_missing_items(text: str, n: int) -> None:
    assert kind_of(text, n) == "missing"


@pytest.mark.parametrize(
    "item", ["0", "00", "4", "03000", "30", "9" * 30, "9" * MILLION, "0" * MILLION], ids=lambda item: item[:6]
)
def test_items_out_of_range(item: str) -> None:
    assert kind_of(two_of_three(f"cluster2: [3, {item}]"), 3) == "out_of_range"


@pytest.mark.parametrize(
    "items",
    [
        "+3",
        "-3",
        "3.0",
        "1.5",
        "3e0",
        "0x3",
        "3_0",
        "３",
        "٣",
        "³",
        "three",
        "'3'",
        "3 4",
        "3,",
        ",3",
        "3,,4",
        ",",
        "3; 4",
        "3-4",
        "[3]",
        "3]",
        "[3",
        "9" * MILLION + "x",
    ],
    ids=lambda items: items[:8],
)
def test_lists_that_are_not_item_numbers(items: str) -> None:
    assert kind_of(two_of_three(f"cluster2: [{items}]"), 3) == "malformed_list"


@pytest.mark.parametrize(
    "line",
    [
        "cluster2: 3",
        "cluster2: (3)",
        "cluster2 [3]",
        "cluster2 = [3]",
        "Cluster2: [3]",
        "cluster 2: [3]",
        "cluster: [3]",
        "cluster２: [3]",
        "- cluster2: [3]",
        "cluster2: [3] # the rest",
        "cluster2: [3], cluster3: [4]",
        "cluster1: [3]",
        "cluster3: [3]",
        "cluster0: [3]",
        "cluster-2: [3]",
        "The second cluster holds 3.",
        "cluster" + "2" * MILLION + ": [3]",
    ],
    ids=lambda line: line[:20],
)
def test_lines_that_are_not_the_next_cluster(line: str) -> None:
    assert kind_of(two_of_three(line), 3) == "malformed_list"


def test_a_list_broken_over_two_lines() -> None:
    assert kind_of(response("Total clusters: [1]", "cluster1: [1,", "2]"), 2) == "malformed_list"


@pytest.mark.parametrize("line", ["cluster2: []", "cluster2: [  ]", "cluster2: [\t]"])
def test_an_empty_cluster(line: str) -> None:
    assert kind_of(two_of_three(line), 3) == "empty_cluster"


def test_a_first_cluster_that_is_empty() -> None:
    assert kind_of(response("Total clusters: [2]", "cluster1: []", "cluster2: [1]"), 1) == "empty_cluster"


GARBAGE = {
    "opening tags": "<think>" * 150_000,
    "half tags": "<answer" * 150_000,
    "no tags": "x" * MILLION,
    "spaces in the block": response(" " * MILLION),
    "line ends in the block": response("\n" * MILLION),
    "spaces in the count line": response("Total" + " " * MILLION + "clusters: [1"),
    "spaces before a colon": response("Total clusters" + " \t" * (MILLION // 2) + "x"),
    "spaces after the count": response("Total clusters: [1" + " " * MILLION + "x]"),
    "opening brackets": response("Total clusters: [1]", "cluster1: " + "[" * MILLION),
    "an open list": response("Total clusters: [1]", "cluster1: [" + "1, " * 300_000),
    "commas": one_list("," * MILLION),
    "spaces in a list": one_list("1" + " " * MILLION + "x"),
    "one item again and again": one_list("1, " * 300_000 + "1"),
    "long numbers": one_list(", ".join(["9" * 1000] * 1000)),
    "cluster lines": response("Total clusters: [1]", *["cluster1: [1]"] * 70_000),
    "short lines": response("Total clusters: [1]", *["x"] * 300_000),
    "null bytes": response("\0" * MILLION),
    "emoji": response("Total clusters: [1]", "cluster1: [" + "🙈" * (MILLION // 4) + "]"),
    "lone surrogates": response("Total clusters: [1]", "cluster1: [" + "\ud800" * 1000 + "]"),
}


@pytest.mark.parametrize("name", GARBAGE)
def test_a_megabyte_of_garbage_is_refused_in_few_words(name: str) -> None:
    with pytest.raises(AnswerError) as caught:
        parse_answer(GARBAGE[name], 10)
    assert len(str(caught.value)) < 500


def test_a_long_valid_answer_parses() -> None:
    answer = Answer.from_labels([item % 97 for item in range(100_000)])
    assert parse_answer(render_answer(answer, "x" * MILLION), 100_000) == answer


def test_an_error_is_a_value_error_that_starts_with_its_kind() -> None:
    with pytest.raises(ValueError, match=r"^out_of_range: .*\b4\b.*1\.\.3") as caught:
        parse_answer(two_of_three("cluster2: [4]"), 3)
    assert isinstance(caught.value, AnswerError)
    assert str(caught.value) == f"{caught.value.kind}: {caught.value.detail}"


def test_every_error_kind_has_a_minimal_text() -> None:
    texts = [
        "",
        response(),
        response("Total clusters: [2]"),
        one_list("1, 1"),
        one_list("2"),
        one_list("3"),
        one_list("x"),
        one_list(""),
    ]
    assert {kind_of(text, 2) for text in texts} == set(get_args(AnswerErrorKind))


@pytest.mark.parametrize("again", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))], ids=["copy", "pickle"])
def test_an_error_survives_the_way_out_of_a_worker_process(again: Callable[[AnswerError], AnswerError]) -> None:
    assert again(AnswerError("missing", "item 2")).kind == "missing"


JUNK = st.sampled_from(
    [*TAGS, *"[],:0123456789 \n", "cluster", "Total clusters: [1]", "\u2028", "１", "-", ".", "\x00"]
)


@st.composite
def damaged_answers(draw: st.DrawFn) -> tuple[str, int]:
    answer = draw(partitions(12))
    text = render_answer(answer)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 12)))
        middle = draw(st.sampled_from(["", text[start:end] * 2, text[start:end][::-1]]) | JUNK | st.text(max_size=5))
        text = text[:start] + middle + text[end:]
    return text, answer.size


@given(damaged_answers())
@settings(max_examples=500)
def test_a_damaged_answer_is_a_true_partition_or_an_answer_error(damaged: tuple[str, int]) -> None:
    text, n = damaged
    try:
        answer = parse_answer(text, n)
    except AnswerError:
        return
    assert is_partition(answer, n)


@given(st.text(alphabet="[]0123, \n１", max_size=40), st.integers(1, 4))
@settings(max_examples=500)
def test_any_answer_block_is_a_true_partition_or_an_answer_error(body: str, n: int) -> None:
    for lines in ([body], ["Total clusters: [1]", "cluster1: [" + body], [f"Total clusters: [{n}]", body]):
        try:
            answer = parse_answer(response(*lines), n)
        except AnswerError:
            continue
        assert is_partition(answer, n)
