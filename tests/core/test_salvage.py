"""What is saved of answers that are none."""

from __future__ import annotations

import json

import pytest
from cluster_r1.core.answer import TAGS, Answer, answer_block, render_answer
from cluster_r1.core.salvage import salvage
from hypothesis import given
from hypothesis import strategies as st

partitions = st.lists(st.integers(1, 9), min_size=1, max_size=40).map(Answer.from_labels)
scraps = st.lists(
    st.one_of(
        st.text(max_size=12),
        st.sampled_from(
            [
                *TAGS,
                "cluster1: [",
                "cluster 2:",
                "]",
                "[",
                "1, 2",
                '"text3": 4',
                "\n- ",
                "Total clusters: [2]",
                "9" * 40,
            ]
        ),
    ),
    max_size=30,
).map("".join)


@given(scraps, st.integers(1, 20))
def test_whatever_is_said_gives_items_of_the_range_once_a_cluster(text: str, n: int) -> None:
    for items in salvage(text, n):
        assert items
        assert len(set(items)) == len(items)
        assert all(1 <= item <= n for item in items)


@given(partitions, scraps)
def test_a_valid_answer_comes_back_as_it_is(answer: Answer, think: str) -> None:
    for tag in TAGS:
        think = think.replace(tag, "")
    assert salvage(f"<think>{think}</think>\n{answer_block(answer)}", answer.size) == answer.clusters


@given(partitions, st.data())
def test_a_cut_answer_gives_a_prefix(answer: Answer, data: st.DataObject) -> None:
    text = render_answer(answer, "I group them.")
    cut = text[: data.draw(st.integers(0, len(text)))]
    found = salvage(cut, answer.size)
    whole = answer.clusters[: len(found)]
    assert found[:-1] == whole[:-1]
    if found:
        assert found[-1] == whole[-1][: len(found[-1])]


@given(partitions)
def test_labels_in_json_are_read(answer: Answer) -> None:
    labels = {f"text{item}": label + 1 for item, label in enumerate(answer.labels(), start=1)}
    assert salvage(json.dumps({"reasoning": "by colour", **labels}), answer.size) == answer.clusters


@pytest.mark.parametrize(
    "text",
    [
        "Total clusters: [2]\ncluster1: [1, 4]\ncluster2: [2, 3]",
        "<think>\nred and blue\n<answer>\nTotal clusters: [2]\ncluster1: [1, 4]\ncluster2: [2, 3]",
        "<think>cluster1: [1]\n</think><answer>cluster1: [1, 4]\ncluster2: [2, 3]</answer>",
        "<answer>cluster1: [1]\ncluster2: [2]</answer> No: <answer>cluster1: [1, 4]\ncluster2: [2, 3]</answer>",
        "cluster1: [1, 2]\ncluster2: [3, 4]\nI correct myself.\ncluster1: [1, 4]\ncluster2: [2, 3]",
        "Cluster 1: 1, 4\nCluster 2: 2 and 3",
        "**Cluster 1: Banking** [1, 4]\n**Cluster 2 [travel]**: [2, 3]",
        "- Cluster 1 (texts 1, 4)\n- Cluster 2 (texts 2, 3)",
        "## Cluster 1\n- 1\n- 4\n\n## Cluster 2\n- 2\n- 3\n\nEach has 2 texts.",
        "Cluster 1: red\n1. a red boat\n4. a red hat\nCluster 2: blue\n2. the 4 blue cars\n3. blue",
        "Cluster 1:\n* Text 1: 4 red boats\n* Text 4\nCluster 2:\n* Text 2\n* Text 3",
        '{"cluster1": ["1", "4"], "cluster2": ["2", "3"]}',
        '{"clusters": [[1, 4], [2, 3]]}',
        '{"red": [1, 4], "blue": [2, 3]}',
        '```json\n{"cluster1": [\n  1,\n  4\n],\n"cluster2": [\n  2,\n  3\n]}\n```',
        '{"text1": 1, "text2": "cluster2", "text3": "2", "text4": "cluster1"}',
        "text 1 -> 7\ntext 4 -> 7\ntext 2 -> 3\ntext 3 -> 3",
        "cluster1: [1, 4, 4, 1, 99, 0, seven]\ncluster2: [2, 3]\ncluster3: []",
        "Group 1: [1 4]\nGroup 2: [2 3]",
        "cluster1: [1, 4], cluster2: [2, 3], cluster3: [",
    ],
)
def test_shapes_that_models_write(text: str) -> None:
    assert salvage(text, 4) == ((1, 4), (2, 3))


def test_an_item_of_two_clusters_stays_in_both() -> None:
    assert salvage("cluster1: [1, 2]\ncluster2: [2, 3]", 3) == ((1, 2), (2, 3))


def test_a_cut_answer_counts_as_long_as_it_has_half_of_the_draft() -> None:
    draft = "<think>cluster1: [1, 2, 3]\ncluster2: [4, 5, 6]</think><answer>"
    assert salvage(f"{draft}cluster1: [1, 6", 6) == ((1, 2, 3), (4, 5, 6))
    assert salvage(f"{draft}cluster1: [1, 6, 2, ", 6) == ((1, 6, 2),)


@pytest.mark.parametrize(
    "text",
    ["", "I cannot help with that.", "cluster1: [], cluster2: [77, 0]", "There are 3.", "Total clusters: [2]"],
)
def test_nothing_is_made_of_nothing(text: str) -> None:
    assert salvage(text, 5) == ()


@pytest.mark.parametrize(
    "scrap", ["[", "cluster1", "cluster1: [1, ", "[1", "text1: ", "1 ", "9", " ", "<answer>", '"', "\n"]
)
def test_long_texts_are_read(scrap: str) -> None:
    assert len(salvage(scrap * (300_000 // len(scrap)), 10)) <= 300_000


def test_an_answer_is_about_something() -> None:
    with pytest.raises(ValueError, match="n=0"):
        salvage("", 0)
