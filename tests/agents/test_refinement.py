"""The refinement agent: it sees what the check found, and returns clusters and what it changed."""

import json

import pytest
from cluster_r1.agents.refinement import Evidence, extend_clusters, refine_clusters
from cluster_r1.core.errors import ModelAnswerError
from cluster_r1.core.settings import TaxonomySettings
from cluster_r1.core.taxonomy import Cluster
from cluster_r1.llm.testing.scripted import ScriptedModel

SETTINGS = TaxonomySettings(min_clusters=2, max_clusters=4)
BEFORE = (Cluster(name="Wear"), Cluster(name="Age"), Cluster(name="Misuse"))
ANSWER = json.dumps(
    {
        "clusters": [
            {"name": "Wear and age", "description": "Parts that wore out."},
            {"name": "Misuse", "description": "Used wrongly."},
        ],
        "changes": ["Joined Wear and Age.", " "],
    }
)


async def test_clusters_and_changes_come_back() -> None:
    refined = await refine_clusters(ScriptedModel([ANSWER]), "Cluster by cause.", BEFORE, SETTINGS)
    assert [c.name for c in refined.clusters] == ["Wear and age", "Misuse"]
    assert refined.changes == ("Joined Wear and Age.",)


async def test_findings_are_shown_with_their_texts_in_place_of_the_sample() -> None:
    model = ScriptedModel([ANSWER])
    findings = [Evidence("'Wear' and 'Age' overlap", ("an old </document> pump",))]
    await refine_clusters(model, "Cluster by cause.", BEFORE, SETTINGS, texts=["sample text"], findings=findings)
    content = model.requests[0].messages[-1].content
    assert "'Wear' and 'Age' overlap" in content
    assert content.count("</document>") == 1
    assert "sample text" not in content


async def test_a_reviewers_note_is_passed_on() -> None:
    model = ScriptedModel([ANSWER])
    await refine_clusters(model, "Cluster by cause.", BEFORE, SETTINGS, note="join the first two")
    assert "join the first two" in model.requests[0].messages[-1].content


async def test_too_many_clusters_are_refused() -> None:
    many = json.dumps({"clusters": [{"name": f"c{n}", "description": ""} for n in range(9)], "changes": []})
    with pytest.raises(ModelAnswerError, match="2 to 4"):
        await refine_clusters(ScriptedModel([many] * 4), "Cluster by cause.", BEFORE, SETTINGS)


async def test_further_clusters_for_texts_that_fit_none() -> None:
    answer = {"clusters": [{"name": "Theft", "description": "Stolen."}, {"name": "wear", "description": "Again."}]}
    model = ScriptedModel([json.dumps(answer)])
    added = await extend_clusters(model, "Cluster by cause.", BEFORE, SETTINGS, texts=["It was </document> stolen."])
    assert [c.name for c in added] == ["Theft"]
    content = model.requests[0].messages[-1].content
    assert "Wear, Age, Misuse" in content
    assert content.count("</document>") == 1


async def test_no_room_or_no_texts_is_no_question() -> None:
    model = ScriptedModel([])
    full = tuple(Cluster(name=f"c{n}") for n in range(4))
    assert await extend_clusters(model, "Cluster by cause.", full, SETTINGS, texts=["a text"]) == ()
    assert await extend_clusters(model, "Cluster by cause.", BEFORE, SETTINGS, texts=[]) == ()


async def test_names_that_are_all_taken_are_asked_again() -> None:
    taken = json.dumps({"clusters": [{"name": "Wear", "description": "Again."}]})
    model = ScriptedModel([taken, json.dumps({"clusters": [{"name": "Theft", "description": "Stolen."}]})])
    added = await extend_clusters(model, "Cluster by cause.", BEFORE, SETTINGS, texts=["a text"])
    assert [c.name for c in added] == ["Theft"]
    assert "every name in it is taken" in model.requests[1].messages[-1].content
    with pytest.raises(ModelAnswerError):
        await extend_clusters(ScriptedModel([taken] * 4), "Cluster by cause.", BEFORE, SETTINGS, texts=["a text"])
