"""Agreement of reasoning and answer: what earns it, and that neither silence, nor lies, nor saying everything does."""

from __future__ import annotations

import random

import pytest
from answer_texts import FRAGMENTS, anything, labelings
from cluster_r1.core.answer import Answer, render_answer
from cluster_r1.core.process import Process, read_process
from cluster_r1.core.scoring import RewardSettings, reward, score_completion
from hypothesis import given, settings
from hypothesis import strategies as st

ANSWER = Answer(((1, 4, 7), (2, 3), (5, 6)))
FULL = Process(1.0, 1.0, 0.0, 1.0, 1.0)
SILENT = Process(0.0, 0.0, 0.0, 0.0, 0.0)
GROUPS = "Children: 1, 4, 7\nElderly: 2, 3\nOther: 5, 6"

statements = st.sampled_from(
    [
        *(f"{count} clusters. " for count in (1, 2, 3, "four")),
        *(
            "Text 1 -> a\n",
            "Text 2 belongs to b.\n",
            "3: c\n",
            "a: 1, 2\n",
            "b: [2, 3]\n",
            "cluster1: [1]\n",
            "c (1, 3)\n",
        ),
        *("Cluster 2: a\n- Text 1: x\n- 2\n", "Total clusters: [2]\n", "\n\n", "wait, ", "1 a 2 b 3 a\n", *FRAGMENTS),
    ]
)
reasonings = st.lists(statements, max_size=12).map("".join) | anything


def honest(answer: Answer) -> str:
    """The answer's count and groups, said in words."""
    lists = "\n".join(f"Cluster {number}: {list(items)}" for number, items in enumerate(answer.clusters, start=1))
    return f"Total clusters: {len(answer.clusters)}\n{lists}"


def without_tags(reasoning: str) -> str:
    for tag in ("<think>", "</think>", "<answer>", "</answer>"):
        reasoning = reasoning.replace(tag, "")
    return reasoning if "<" not in reasoning else reasoning.replace("<", "")


def test_reasoning_that_says_what_the_answer_says() -> None:
    assert read_process(f"I see three clusters.\n{GROUPS}", ANSWER) == FULL
    assert read_process(honest(ANSWER), ANSWER) == FULL


@given(labelings)
def test_honest_reasoning_agrees_whatever_the_answer(labels: list[int]) -> None:
    answer = Answer.from_labels(labels)
    assert read_process(honest(answer), answer) == FULL


def test_what_is_not_stated_earns_nothing() -> None:
    assert read_process("", ANSWER) == SILENT
    assert read_process("because " * 1000, ANSWER) == SILENT
    assert read_process("3 clusters", ANSWER) == SILENT._replace(count=1, value=0.5)
    half = read_process("Elderly: 2, 3\nOther: 5, 6", ANSWER)
    assert half == Process(0, 4 / 7, 0, 4 / 7, 2 / 7)


@pytest.mark.parametrize(
    "reasoning",
    [
        f"4 clusters. A: 1, 2; B: 3; C: 4, 5; D: 6, 7. Wait, that is wrong, three clusters are better.\n{GROUPS}",
        f"3 clusters.\n{GROUPS.replace('7', '6')}\nOther: 5\n\nText 6 is not a child's.\n\n{GROUPS}",
        "3 clusters. Children: 1, 4; Elderly: 2, 3, 7; Other: 5, 6. Text 7 is a boy's. Move text 7 to Children.",
        "3 clusters.\n" + GROUPS.replace("5, 6", "6") + "\nText 5 -> Elderly\nHmm.\nText 5 -> Other",
    ],
)
def test_reconsidering_costs_nothing(reasoning: str) -> None:
    assert read_process(reasoning, ANSWER) == FULL


def test_a_merged_cluster_that_goes_on_being_used_is_an_overlap() -> None:
    """The paper's failure case: Children goes into a broader bucket, and texts are still put into Children."""
    reasoning = (
        f"3 clusters.\n{GROUPS}\n\nReflecting, children are vulnerable, so I merge them.\n\n"
        "Vulnerable: 1, 2, 3, 4, 7\nOther: 5, 6\n\nAssigning again:\n\nChildren: 1, 4"
    )
    brittle = read_process(reasoning, ANSWER)
    assert brittle.overlap == pytest.approx(2 / 7)
    assert brittle.agreement < 0.6
    assert read_process(reasoning + ", 7\nVulnerable: 2, 3", ANSWER).overlap == 0


def test_groups_that_are_listed_together_must_not_overlap() -> None:
    assert read_process("Boys: 1, 4\nChildren: 1, 4, 7\nElderly: 2, 3\nOther: 5, 6", ANSWER).overlap == 2 / 7


@given(reasonings, labelings)
@settings(max_examples=500)
def test_no_reasoning_gets_more_than_honest_reasoning(reasoning: str, labels: list[int]) -> None:
    """Honest work is an answer with reasoning that says what it says: with the same answer nothing beats it."""
    answer = Answer.from_labels(labels)
    found = read_process(reasoning, answer)
    assert all(0 <= value <= 1 for value in found)
    assert found.agreement <= found.placed - found.overlap + 1e-12
    how = RewardSettings(process=0.6)
    gold = [label // 2 for label in labels]
    said = reward(render_answer(answer, without_tags(reasoning)), gold, how)
    assert said <= reward(render_answer(answer, honest(answer)), gold, how) + 1e-15
    assert reward(render_answer(answer, honest(answer)), gold, how) == reward(render_answer(answer), gold)


@given(reasonings, st.lists(st.integers(0, 3), min_size=3, max_size=8), st.floats(0, 1))
def test_the_process_only_scales_down_and_never_makes_a_worse_answer_perfect(
    reasoning: str, labels: list[int], weight: float
) -> None:
    answer = Answer.from_labels(labels)
    gold = [0, *(label + 1 for label in labels[1:])]
    text = render_answer(answer, without_tags(reasoning))
    plain, score = score_completion(text, gold), score_completion(text, gold, RewardSettings(process=weight))
    assert plain.reward * (1 - weight) - 1e-12 <= score.reward <= plain.reward
    assert score[1:-1] == plain[1:-1]
    assert score.reward < 1 or Answer.from_labels(gold) == answer


def partitions(n: int) -> list[list[int]]:
    """All labelings of n items whose labels come in order of first use."""
    found = [[0]]
    for _ in range(n - 1):
        found = [[*labels, label] for labels in found for label in range(max(labels) + 2)]
    return found


def test_stating_every_grouping_gets_what_the_last_one_gets() -> None:
    everything = [honest(Answer.from_labels(labels)) for labels in partitions(5)]
    assert len(everything) == 52
    random.Random(0).shuffle(everything)
    answer = Answer(((1, 2), (3, 4), (5,)))
    assert read_process("\n\nor\n\n".join(everything), answer) == read_process(everything[-1], answer)
    assert read_process("\n".join(everything), answer).value < 1


@pytest.mark.parametrize(
    "reasoning",
    [
        "3 clusters. " + "; ".join(f"group {k}: 1-7" for k in range(9)),
        "3 clusters. " + "\n".join(f"Text {i} -> {name}" for name in "ab" for i in range(1, 8)),
        "3 clusters. Everything: 1-7",
        "3 clusters\n" + "\n".join(f"g{i}: {i}" for i in range(1, 8)),
        "3 clusters\n" + GROUPS.replace("7", "6").replace("5, 6", "5, 7"),
        f"3 clusters\n{GROUPS}\nfour clusters",
        f"3 clusters\n{GROUPS}\nBoys: 1, 2",
    ],
)
def test_lies_contradictions_and_everything_at_once_get_less_than_honest_reasoning(reasoning: str) -> None:
    assert read_process(reasoning, ANSWER).value < 0.9


@pytest.mark.parametrize(
    "unit",
    [
        *(
            "because ",
            ", ",
            "1",
            "1, ",
            "1-7, ",
            ". ",
            "text 1, ",
            "Cluster 1: a\n",
            "a: 1\n",
            "1 a\n",
            "(1",
            "[1, 2",
            "\n1",
        ),
        *(
            "k = ",
            "5 clusters ",
            "cluster 1 ",
            "number of clusters is ",
            "1 - ",
            "x (",
            "1.",
            "\x00",
            "\ud800",
            "١",
            "{",
        ),
    ],
)
def test_megabytes_are_read(unit: str) -> None:
    """Were the time to grow with the square of the text, this would not end."""
    found = read_process(unit * (2**19 // len(unit)), Answer((tuple(range(1, 31)),)))
    assert 0 <= found.value <= 0.5
