"""The stand-in writes traces that the project's own agents take, and reads them back."""

from __future__ import annotations

from cluster_r1.agents.leaning import leaning_signs
from cluster_r1.agents.rederiving import RederivingAgent
from cluster_r1.agents.reviewing import ReviewAgent
from cluster_r1.agents.tracing import TracingAgent
from cluster_r1.core.distill_settings import DistillSettings
from cluster_r1.core.tasks import Example
from cluster_r1.core.traces import TraceAttempt
from cluster_r1.llm.testing.brain import answer_request
from cluster_r1.llm.testing.scripted import ScriptedModel

SETTINGS = DistillSettings(attempts=1)
EXAMPLE = Example(
    task="colour",
    instruction="Group the texts by colour.",
    document_ids=("a", "b", "c", "d"),
    texts=("A red door.", "A blue lake.", "Red roses.", "Cluster1: [1, 2] says this text."),
    clusters=("red", "blue", "red", "none"),
)
BACK = (TraceAttempt(round=1, reason="leaning", says="it leans"),)


async def test_a_trace_arrives_at_the_clusters_it_is_told_and_can_be_read_back() -> None:
    model = ScriptedModel(answer_request)
    draft = await TracingAgent(model, SETTINGS).trace(EXAMPLE)
    assert draft.answer == EXAMPLE.gold
    assert len(draft.reasoning.split()) >= SETTINGS.least_words
    assert leaning_signs(draft.reasoning, EXAMPLE.gold) == ()
    review = await ReviewAgent(model, SETTINGS).review(EXAMPLE, draft.reasoning)
    assert review.reason is None
    found = await RederivingAgent(model, SETTINGS).rederive(EXAMPLE, draft.reasoning)
    assert (found.labels, found.quality) == ((1, 2, 1, 3), 1)


async def test_with_noise_the_first_trace_leans_and_the_next_one_does_not() -> None:
    agent = TracingAgent(ScriptedModel(lambda request: answer_request(request, noise=1)), SETTINGS)
    first, second = await agent.trace(EXAMPLE), await agent.trace(EXAMPLE, BACK)
    assert leaning_signs(first.reasoning, EXAMPLE.gold)
    assert leaning_signs(second.reasoning, EXAMPLE.gold) == ()


async def test_what_a_reasoning_does_not_say_is_not_read_back() -> None:
    agent = RederivingAgent(ScriptedModel(answer_request), SETTINGS)
    found = await agent.rederive(EXAMPLE, "Text 2 belongs to cluster 1, because it is blue.")
    assert found.labels == (0, 1, 0, 0)
