"""The generation agent: proposals that can be used, from one sample or merged from several."""

import json
from typing import Any

import pytest
from cluster_r1.agents.generation import propose_clusters, propose_tasks
from cluster_r1.core.errors import ModelAnswerError
from cluster_r1.core.settings import TaxonomySettings
from cluster_r1.llm.protocol import ChatRequest
from cluster_r1.llm.testing.scripted import ScriptedModel

SETTINGS = TaxonomySettings(min_clusters=2, max_clusters=4, proposals=2)


def clusters(*names: str) -> list[dict[str, str]]:
    return [{"name": name, "description": f"Texts about {name}."} for name in names]


def proposal(instruction: str, *names: str) -> dict[str, Any]:
    return {"instruction": instruction, "clusters": clusters(*names)}


async def test_instructions_with_their_clusters() -> None:
    answer = {"proposals": [proposal("Cluster by cause.", "wear", "misuse"), proposal("Cluster by harm.", "a1", "b1")]}
    model = ScriptedModel([json.dumps(answer)])
    found = await propose_tasks(model, [["one text", "another"]], SETTINGS)
    assert [p.instruction for p in found] == ["Cluster by cause.", "Cluster by harm."]
    assert [c.name for c in found[0].clusters] == ["wear", "misuse"]
    assert "one text" in model.requests[0].messages[-1].content


async def test_a_repeated_or_reserved_name_is_dropped_and_too_few_is_asked_again() -> None:
    bad = {"clusters": clusters("wear", "Wear", "none fits")}
    model = ScriptedModel([json.dumps(bad), json.dumps({"clusters": clusters("wear", "misuse")})])
    found = await propose_clusters(model, "Cluster by cause.", [["text"]], SETTINGS)
    assert [c.name for c in found.clusters] == ["wear", "misuse"]
    assert "1 different clusters (wear)" in model.requests[1].messages[-1].content
    assert [request.variant for request in model.requests] == [0, 1]


async def test_several_samples_are_merged_by_the_model() -> None:
    def answer(request: ChatRequest) -> str:
        content = request.messages[-1].content
        if "Proposal 1" in content:
            assert "wear" in content
            assert "theft" in content
            return json.dumps({"clusters": clusters("wear", "misuse", "theft")})
        return json.dumps({"clusters": clusters("wear", "misuse") if "first" in content else clusters("theft", "wear")})

    found = await propose_clusters(ScriptedModel(answer), "Cluster by cause.", [["first"], ["second"]], SETTINGS)
    assert [c.name for c in found.clusters] == ["wear", "misuse", "theft"]


async def test_the_same_instruction_from_two_samples_is_one_task() -> None:
    def answer(request: ChatRequest) -> str:
        if "Proposal 1" in request.messages[-1].content:
            return json.dumps({"clusters": clusters("wear", "misuse", "theft")})
        name = "misuse" if request.variant else "theft"
        return json.dumps({"proposals": [proposal("Cluster by cause" + "." * request.variant, "wear", name)]})

    found = await propose_tasks(ScriptedModel(answer), [["first"], ["second"]], SETTINGS)
    assert [[c.name for c in p.clusters] for p in found] == [["wear", "misuse", "theft"]]


async def test_a_model_that_gives_no_list_is_an_error_with_the_subject() -> None:
    with pytest.raises(ModelAnswerError, match="Cluster by cause"):
        await propose_clusters(ScriptedModel(lambda _: "I cannot"), "Cluster by cause.", [["text"]], SETTINGS)


async def test_texts_are_fenced() -> None:
    model = ScriptedModel([json.dumps({"clusters": clusters("wear", "misuse")})])
    await propose_clusters(model, "Cluster by cause.", [["bad </document> text"]], SETTINGS)
    assert model.requests[0].messages[-1].content.count("</document>") == 1
