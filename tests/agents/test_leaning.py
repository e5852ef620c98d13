"""Signs that a trace leans on its given answer: what must be caught, and what is only said about texts."""

from __future__ import annotations

import pytest
from cluster_r1.agents.leaning import leaning_signs
from cluster_r1.core.answer import Answer, render_answer
from hypothesis import given
from hypothesis import strategies as st

GOLD = Answer(((1, 4), (2, 3), (5,)))

CAUGHT = [
    "As given in the answer, texts like this one go together.",
    "According to the given answer, text 3 belongs to cluster 1.",
    "Text 3 belongs to cluster 2, according to the provided labels.",
    "This is consistent with the gold clustering.",
    "This matches the **provided** clustering.",
    "The provided clustering has three clusters.",
    "The ground truth says there are three clusters.",
    "The ground-truth clusters separate billing from cards.",
    "So text 2 joins text 3, which matches the ground truth.",
    "The gold labels put it with text 4.",
    "The gold standard answer has K = 3.",
    "The answer says that there are three clusters.",
    "Text 5 is alone because the answer says so.",
    "The answer puts text 5 alone.",
    "We are told that there are three clusters.",
    "We are told that texts 1 and 4 belong together.",
    "I was given the final clustering, so I only have to explain it.",
    "I've been told the correct groups.",
    "We already know that there are 3 clusters.",
    "Since we know the answer, K must be 3.",
    "Since the clustering is given, I explain each group.",
    "The clusters provided above are about billing and cards.",
    "The groups given in the prompt separate these two.",
    "To match the expected clusters, text 4 has to move.",
    "As per the given assignments, text 1 is in cluster 1.",
    "Following the reference partition, I put it in cluster 2.",
    "Comparing with the correct answer, this is right.",
    "The answer key confirms it.",
    "Let me justify the given grouping.",
    "Looking at the known clusters, I see three themes.",
    "The supplied cluster assignments show three themes.",
    "AS GIVEN IN THE ANSWER, TEXT 1 IS ABOUT CARDS.",
    "The clusters are as given.",
    "The correct answer separates them.",
    "The solution provided has three groups.",
    "We were given these clusters: billing, cards, and fees.",
    "The target clustering has one more cluster.",
    "Text 2 goes here, in line with the correct clustering.",
    "I have been given three clusters to explain.",
    "cluster1: [1, 4]",
    "Cluster 2: texts 2, 3",
    "**Cluster 3:** text 5.",
    "Group A (billing): texts 1 and 4. Then text 1 speaks of a bill.",
    "Texts 1 and 4 belong together.",
    "First, texts 2 & 3 form a cluster about cards.",
    "1. The instruction asks for topics.\n2. Cluster 1: 1, 4",
    "Text 1 belongs to cluster 1. Text 2 belongs to cluster 2.\ncluster1: [1, 4]\ncluster2: [2, 3]",
]

LEFT_ALONE = [
    "The given instruction asks to group by topic.",
    "Given that text 3 speaks of a card, it belongs to cluster 2.",
    "The texts provided are customer messages.",
    "I am given five texts and an instruction.",
    "We are given a clustering task with five texts.",
    "I was given the clustering instruction and the texts.",
    "According to the given clustering criterion, the party involved decides.",
    "As given in the instruction, the purpose decides.",
    "The instruction, as given, asks for the purpose.",
    "Text 1 is about a gold medal.",
    "Text 2: gold prices rose; the gold standard was left in 1971.",
    "Text 4: the user asks for the correct answer to a riddle.",
    "Text 4: the assistant's provided answer is a recipe.",
    "Text 4: the answer says that Paris is the capital of France.",
    "Text 3: the answer provided is a poem.",
    'Text 3 says "according to the given answer we have three clusters" and is about statistics.',
    "Text 5 asks how ground truth is annotated for images.",
    "In text 4 we are told that the applicant was detained.",
    "Text 2: we are told about a broken card.",
    "The applicant was given a fair hearing.",
    "Text 3 is about labels on bottles.",
    "Text 2 is about known issues with groups of users.",
    "My final answer has three clusters.",
    "Three clusters, given the content of the texts, are enough.",
    "The groups given these differences are three.",
    "So the number of clusters is three.",
    "Text 4: homework; the student wants the assignment provided to be checked.",
    "Text 1 speaks of a bill. Cluster 1 is about billing, cluster 2 about cards.",
    "Text 1 asks why the bill is high.\nText 4 asks for a refund.\nCluster 1: texts 1, 4",
    "1. asks for a refund\n2. lost a card\n3. stolen card\n4. bill too high\n5. opening hours\ncluster1: [1, 4]",
    "Cluster 1 has 2 texts.",
    "Texts 1 and 5 differ in length.",
    "Articles 2 and 3 of the Convention were invoked.",
    "In 2010 and 2011 the company was sued.",
    "Text 1 belongs to cluster 1, because it asks for a refund.",
    "No other answer fits, so text 5 stands alone.",
    "I look for what is given in each text.",
    "The known facts of text 2 are few.",
    "Text 3 was provided by a customer.",
    "Text 2: the user wants an answer key for a quiz.",
    "Text 4: the assistant's reply matches the correct answer, so it is about arithmetic.",
    "Text 4: the student checks the work against the expected solution.",
    "From history we know that ethnic groups are meant in text 2.",
    "Text 1 says that the court was given the solution of the parties.",
    "The question is which groups follow from the texts.",
]


@pytest.mark.parametrize("reasoning", CAUGHT)
def test_what_leans_is_caught(reasoning: str) -> None:
    assert leaning_signs(reasoning, GOLD)


@pytest.mark.parametrize("reasoning", LEFT_ALONE)
def test_what_is_said_about_texts_is_left_alone(reasoning: str) -> None:
    assert leaning_signs(reasoning, GOLD) == ()


def test_a_sign_quotes_its_place() -> None:
    said = f"{'Text 1 speaks of a bill. ' * 20}This  matches the *given* answer. {'And so on. ' * 50}"
    assert leaning_signs(said, GOLD) == ("This matches the given answer.",)


def test_every_group_alone_is_no_leaning_when_all_texts_are_one_cluster() -> None:
    assert leaning_signs("Texts 1 and 2 belong together.", Answer(((1, 2),))) == ()


def test_signs_come_in_order_once_and_are_few() -> None:
    said = "The gold labels say it.\nThe answer key, too.\nThe gold labels say it.\n"
    assert leaning_signs(said, GOLD) == ("The gold labels say it.", "The answer key, too.")
    many = "\n".join(f"Reason {number}: the gold labels say it." for number in range(99))
    assert len(leaning_signs(many, GOLD)) == 10


PIECES = (
    """text 1 2 4 the given answer gold labels clusters cluster1: [1, 4] we are told that Text 3 : . , ** “ " ( as"""
)
words = st.sampled_from([*PIECES.split(" "), "\n"])
partitions = st.lists(st.integers(0, 3), min_size=1, max_size=8).map(Answer.from_labels)


@given(st.lists(words, max_size=60).map(" ".join) | st.text(max_size=300), partitions)
def test_signs_are_short_quotes_of_the_trace(reasoning: str, answer: Answer) -> None:
    read = " ".join(reasoning.translate(str.maketrans("", "", "*`_")).split())
    for sign in leaning_signs(reasoning, answer):
        assert 0 < len(sign) <= 120
        assert " ".join(sign.split()) in read


@given(partitions.filter(lambda answer: len(answer.clusters) > 1), st.text(alphabet="abc. \n", max_size=60))
def test_a_ready_answer_before_any_look_is_always_a_sign(answer: Answer, before: str) -> None:
    block = render_answer(answer).partition("<answer>\n")[2].removesuffix("\n</answer>")
    assert leaning_signs(f"{before}\n{block}", answer)


@given(st.sampled_from(CAUGHT), st.sampled_from(LEFT_ALONE).filter(lambda said: "cluster1:" not in said))
def test_what_is_caught_is_caught_before_harmless_lines(leaning: str, harmless: str) -> None:
    assert leaning_signs(f"{leaning}\n{harmless}", GOLD)


def test_long_repetitions_are_read() -> None:
    for unit in ("the given ", "cluster 1 ", "texts 1, ", "we are told ", "[", " ", '"a b c d ', "1\n", "Text 1 is. "):
        leaning_signs(unit * 10_000, GOLD)
