"""The answer-free check: what a trace's reasoning alone gives, without a ready answer in it."""

from __future__ import annotations

import json

import pytest
from cluster_r1.agents.rederiving import Rederivation, RederivingAgent, without_answer
from cluster_r1.agents.tracing import TracingAgent, answer_lines
from cluster_r1.core.answer import Answer
from cluster_r1.core.distill_settings import DistillSettings
from cluster_r1.core.errors import BudgetReached
from cluster_r1.core.tasks import Example
from cluster_r1.llm.failures import CallFailed
from cluster_r1.llm.testing.brain import answer_request
from cluster_r1.llm.testing.scripted import ScriptedModel
from hypothesis import given
from hypothesis import strategies as st

REASONING = "Text 1 asks for a refund, and so does text 3. Text 2 asks when the shop opens."


def saying(*labels: object) -> str:
    return json.dumps({"groups": ["a", "b"], "texts": {str(text): label for text, label in enumerate(labels, 1)}})


async def rederive(example: Example, *replies: str, reasoning: str = REASONING) -> Rederivation:
    model = ScriptedModel(replies)
    found = await RederivingAgent(model, DistillSettings(attempts=2)).rederive(example, reasoning)
    assert model.left == 0
    return found


@pytest.mark.parametrize(
    ("labels", "quality"),
    [((1, 2, 1), 1.0), ((2, 1, 2), 1.0), ((1, 0, 1), 1.0), ((1, 1, 1), 0.0), ((0, 0, 0), 0.0), ((9, 4, 9), 1.0)],
)
async def test_an_assignment_is_measured_against_gold(
    example: Example, labels: tuple[int, ...], quality: float
) -> None:
    assert await rederive(example, saying(*labels)) == (labels, pytest.approx(quality), "call-1")


async def test_an_assignment_that_is_partly_right_is_between(example: Example) -> None:
    assert 0 < (await rederive(example, saying(1, 2, 3))).quality < 1


async def test_no_text_placed_is_nothing_even_where_gold_is_one_cluster(example: Example) -> None:
    one = example.model_copy(update={"clusters": ("Refund",) * 3})
    assert (await rederive(one, saying(0, 0, 0))).quality == 0
    assert (await rederive(one, saying(1, 1, 1))).quality == 1


BAD = [
    "",
    "[1, 2, 1]",
    "{}",
    '{"texts": [1, 2, 1]}',
    saying(1, 2),
    saying(1, "two", 1),
    saying(1, -1, 1),
    saying(1, True, 1),
]


@pytest.mark.parametrize("bad", BAD)
async def test_what_cannot_be_read_is_asked_again_and_is_no_assignment_in_the_end(example: Example, bad: str) -> None:
    assert (await rederive(example, bad, saying(1, 2, 1))).call == "call-2"
    assert await rederive(example, bad, bad) == (None, 0.0, "")


@pytest.mark.parametrize("failure", [CallFailed("fatal", "no key"), CallFailed("server", "down"), BudgetReached()])
async def test_a_call_that_fails_passes_through(example: Example, failure: Exception) -> None:
    with pytest.raises(type(failure)):
        await RederivingAgent(ScriptedModel([failure]), DistillSettings()).rederive(example, REASONING)


async def test_the_model_sees_neither_texts_nor_answer_nor_names(example: Example) -> None:
    model = ScriptedModel([saying(1, 2, 1)])
    await RederivingAgent(model, DistillSettings()).rederive(example, f"{REASONING}\n{answer_lines(example.gold)}")
    prompt = "\n".join(message.content for message in model.requests[0].messages)
    assert example.instruction in prompt
    assert REASONING in prompt
    assert not any(text in prompt for text in (*example.texts, *example.clusters, "cluster1", "[1, 3]"))
    schema = model.requests[0].schema
    assert schema is not None
    assert list(schema["properties"]["texts"]["properties"]) == ["1", "2", "3"]
    assert model.subjects == ["topic/e1/rederivation"]


READY = [
    "Total clusters: [3]",
    "total clusters : [ 12 ]",
    "cluster1: [1, 4]",
    "- cluster2: [3]",
    "**Cluster 3:** [5]",
    "Cluster 1 (refunds): texts 1, 4 and 7.",
    "2. Cluster 2: 3, 5",
    "Cluster 2: text 3",
    "  * Group B - opening hours: [2, 6]",
    "### Cluster 4: items 8, and item 9",
    "cluster 12 : [ 10,11 ];",
]
KEPT = [
    "Cluster 1 is about refunds.",
    "Text 3 belongs to cluster 1, because it asks for money.",
    "Cluster 2: texts 3 and 5, as both ask for opening hours.",
    "In 2011, 14 shops closed.",
    "There are three clusters in total.",
    "Cluster 1: refunds",
    "Text 1: 2 lamps were broken",
    "",
]


@pytest.mark.parametrize("line", READY)
def test_a_ready_answer_is_taken_out(line: str) -> None:
    assert without_answer(f"Before.\n{line}\nAfter.") == "Before.\n\nAfter."


@pytest.mark.parametrize("line", KEPT)
def test_reasoning_stays(line: str) -> None:
    assert without_answer(f"Before.\n{line}\nAfter.") == f"Before.\n{line}\nAfter."


def test_lists_inside_a_sentence_are_taken_out_and_the_sentence_stays() -> None:
    said = "So it is Total clusters: [2], cluster1: [1, 3] and cluster2: [2], since texts 1 and 3 ask for money."
    assert without_answer(said) == "So it is ,  and , since texts 1 and 3 ask for money."


@given(st.lists(st.sampled_from([*READY, *KEPT, REASONING]), max_size=12).map("\n".join) | st.text(max_size=200))
def test_taking_out_adds_nothing_and_is_done_once(reasoning: str) -> None:
    left = without_answer(reasoning)
    rest = iter(reasoning)
    assert all(character in rest for character in left)
    assert left.count("\n") == reasoning.count("\n")
    assert without_answer(left) == left


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30).map(Answer.from_labels), st.sampled_from(["", "- ", "> "]))
def test_every_canonical_answer_is_taken_out(answer: Answer, mark: str) -> None:
    lines = "\n".join(f"{mark}{line}" for line in answer_lines(answer).splitlines())
    assert without_answer(f"{REASONING}\n{lines}").split() == REASONING.split()


def test_long_repetitions_are_read() -> None:
    for unit in ("cluster1: [1, ", "cluster 1: 2, ", "*", " ", "\n", "1. ", "total clusters: ["):
        without_answer(unit * 20_000)


async def test_the_stand_in_reads_its_own_traces(example: Example) -> None:
    model = ScriptedModel(answer_request)
    draft = await TracingAgent(model, DistillSettings()).trace(example)
    found = await RederivingAgent(model, DistillSettings()).rederive(example, draft.reasoning)
    assert (found.labels, found.quality) == ((1, 2, 1), 1.0)
    poor = await RederivingAgent(model, DistillSettings()).rederive(example, "It is obvious.")
    assert poor.quality == 0
