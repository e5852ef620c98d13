"""The distillation graph with scripted models: what is asked, what goes back with which words, what is kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from cluster_r1.agents.rederiving import RederivingAgent
from cluster_r1.agents.reviewing import ReviewAgent
from cluster_r1.agents.tracing import TracingAgent
from cluster_r1.core.distill_settings import DistillSettings
from cluster_r1.core.tasks import Example
from cluster_r1.graphs.distillation import Agents, DistillationContext, Draft, distill_chunk, distillation_graph
from cluster_r1.llm.failures import CallFailed
from cluster_r1.llm.testing.scripted import Line, ScriptedModel
from langgraph.checkpoint.memory import InMemorySaver

EXAMPLE = Example(
    id="distill/colour/00000",
    task="colour",
    instruction="Group the texts by colour.",
    document_ids=("a", "b", "c"),
    texts=("The door is red.", "A blue lake.", "Red roses."),
    clusters=("red", "blue", "red"),
)
SETTINGS = DistillSettings(least_words=5, most_words=40, rounds=3, attempts=1)
GOLD = "<answer>\nTotal clusters: [2]\ncluster1: [1, 3]\ncluster2: [2]\n</answer>"
SWAPPED = "<answer>\nTotal clusters: [2]\ncluster1: [2]\ncluster2: [1, 3]\n</answer>"
WRONG = "<answer>\nTotal clusters: [1]\ncluster1: [1, 2, 3]\n</answer>"
THOUGHT = "The door and the roses are red, the lake is blue, which makes two colours."


def written(reasoning: str = THOUGHT, answer: str = GOLD) -> str:
    return f"<trace>\n{reasoning}\n</trace>\n{answer}"


def rated(rating: int = 5, why: str = "Seen.", leans: str = "") -> str:
    said: dict[str, Any] = {"leaning_quote": leans, "leans_on_answer": bool(leans)}
    for criterion in ("completeness", "length", "coherence"):
        said |= {criterion: rating, f"{criterion}_why": why}
    return orjson.dumps(said).decode()


def read_back(*groups: int) -> str:
    return orjson.dumps({"groups": ["x", "y"], "texts": {str(n): g for n, g in enumerate(groups, start=1)}}).decode()


SAME = read_back(1, 2, 1)


class Played:
    """One example taken through the graph by scripted models."""

    def __init__(
        self, traces: Sequence[Line], reviews: Sequence[Line], rederived: Sequence[Line], **changes: Any
    ) -> None:
        self.settings = SETTINGS.model_copy(update=changes)
        self.tracer, self.reviewer, self.reader = map(ScriptedModel, (traces, reviews, rederived))
        self.stored: list[Draft] = []
        self.settled: list[Draft] = []

    async def through(self, folder: Path) -> Draft:
        context = DistillationContext(
            examples=[EXAMPLE],
            agents=Agents(
                TracingAgent(self.tracer, self.settings),
                ReviewAgent(self.reviewer, self.settings),
                RederivingAgent(self.reader, self.settings),
            ),
            settings=self.settings,
            parts=folder / "parts",
            in_flight=4,
            store=self.stored.extend,
            settled=self.settled.append,
        )
        checkpoints = InMemorySaver()
        await distill_chunk(distillation_graph(checkpoints), context, [0], ["made"], checkpoints)
        assert not checkpoints.storage
        (draft,) = self.settled
        assert self.stored == ([] if draft.status == "unanswered" else [draft])
        assert self.tracer.left == self.reviewer.left == self.reader.left == 0
        assert not list((folder / "parts").iterdir())
        return draft

    def asked_again(self) -> str:
        return self.tracer.requests[-1].messages[-1].content


async def test_a_good_trace_is_kept_at_once(tmp_path: Path) -> None:
    draft = await Played([written()], [rated(4)], [SAME]).through(tmp_path)
    assert (draft.status, draft.reasoning, draft.rederived, draft.attempts) == ("kept", THOUGHT, 1, ())
    assert draft.scores is not None
    assert draft.scores.mean == 4
    assert draft.answer == ((1, 3), (2,))


async def test_clusters_keep_the_numbers_that_the_reasoning_gives_them(tmp_path: Path) -> None:
    draft = await Played([written(answer=SWAPPED)], [rated()], [SAME]).through(tmp_path)
    assert (draft.status, draft.answer) == ("kept", ((2,), (1, 3)))


async def test_a_low_rating_goes_back_with_the_reviewers_words_and_the_next_trace_is_kept(tmp_path: Path) -> None:
    better = f"{THOUGHT} So every text has its place."
    played = Played([written(), written(better)], [rated(2, "Text 2 is never looked at."), rated(5)], [SAME])
    draft = await played.through(tmp_path)
    assert (draft.status, draft.reasoning) == ("kept", better)
    (attempt,) = draft.attempts
    assert (attempt.round, attempt.reason, attempt.call) == (1, "completeness", "call-1")
    assert "Text 2 is never looked at." in attempt.says
    assert attempt.says in played.asked_again()
    assert played.tracer.requests[1].variant == 1


@pytest.mark.parametrize(
    ("bad", "reason", "says"),
    [
        ("no trace at all", "unusable", "<trace>"),
        (written(answer=WRONG), "answer", "[1, 3]"),
        (written("Red and blue."), "too_short", "3 words; write at least 5"),
        (written("red " * 41), "too_long", "41 words; write at most 40"),
        (written(f"According to the given clusters there are two. {THOUGHT}"), "leaning", "given clusters"),
    ],
)
async def test_what_no_model_has_to_judge_goes_back_unread(tmp_path: Path, bad: str, reason: str, says: str) -> None:
    played = Played([bad, written()], [rated()], [SAME])
    draft = await played.through(tmp_path)
    assert draft.status == "kept"
    assert [attempt.reason for attempt in draft.attempts] == [reason]
    assert says in draft.attempts[0].says
    assert says in played.asked_again()
    assert draft.attempts[0].call == "call-1"


async def test_leaning_that_the_reviewer_alone_sees_goes_back(tmp_path: Path) -> None:
    sly = f"It was whispered to me that two is right. {THOUGHT}"
    leans = rated(5, leans="It was whispered to me")
    draft = await Played([written(sly), written()], [leans, rated()], [SAME]).through(tmp_path)
    assert [attempt.reason for attempt in draft.attempts] == ["leaning"]


async def test_without_blind_nobody_looks_for_phrases(tmp_path: Path) -> None:
    leaning = f"According to the given clusters there are two. {THOUGHT}"
    draft = await Played([written(leaning)], [rated()], [SAME], blind=False).through(tmp_path)
    assert (draft.status, draft.attempts) == ("kept", ())


async def test_a_reasoning_that_does_not_give_the_assignment_goes_back(tmp_path: Path) -> None:
    played = Played([written(), written()], [rated(), rated()], [read_back(1, 1, 1), SAME])
    draft = await played.through(tmp_path)
    (attempt,) = draft.attempts
    assert attempt.reason == "rederived"
    assert "V-measure 0.00" in attempt.says
    assert attempt.says in played.asked_again()


async def test_after_the_last_round_the_last_reason_stands(tmp_path: Path) -> None:
    played = Played(["nothing", written(answer=WRONG), written("Too few.")], [], [])
    draft = await played.through(tmp_path)
    assert draft.status == "rejected"
    assert [attempt.reason for attempt in draft.attempts] == ["unusable", "answer"]
    assert draft.rejected is not None
    assert (draft.rejected.round, draft.rejected.reason) == (3, "too_short")
    for attempt in draft.attempts:
        assert attempt.says in played.asked_again()


@pytest.mark.parametrize("where", ["tracer", "reviewer", "reader"])
async def test_a_call_that_fails_leaves_the_example_unanswered(tmp_path: Path, where: str) -> None:
    failure = CallFailed("rejected", "the prompt is too long")
    scripts: dict[str, tuple[list[Line], list[Line], list[Line]]] = {
        "tracer": ([failure], [], []),
        "reviewer": ([written()], [failure], []),
        "reader": ([written()], [rated()], [failure]),
    }
    draft = await Played(*scripts[where]).through(tmp_path)
    assert (draft.status, draft.error) == ("unanswered", "the prompt is too long")


async def test_a_reviewer_without_a_usable_answer_leaves_the_example_unanswered(tmp_path: Path) -> None:
    draft = await Played([written()], ["no JSON"], []).through(tmp_path)
    assert draft.status == "unanswered"
    assert "no usable answer" in draft.error


async def test_a_fatal_failure_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(CallFailed, match="wrong key"):
        await Played([CallFailed("fatal", "wrong key")], [], []).through(tmp_path)
