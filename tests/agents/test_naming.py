"""The naming agent: every cluster has a name of its own, whatever the model says."""

from __future__ import annotations

import json

import pytest
from cluster_r1.agents.naming import name_clusters
from cluster_r1.agents.repairing import RepairBounds
from cluster_r1.core.taxonomy import NONE_FITS, Cluster
from cluster_r1.core.tokens import estimate_tokens
from cluster_r1.llm.failures import CallFailed
from cluster_r1.llm.testing.brain import answer_request
from cluster_r1.llm.testing.scripted import ScriptedModel
from hypothesis import given
from hypothesis import strategies as st

CLUSTERS = [["a red boat", "a red hat"], ["a blue car"], ["green tea", "green grass"]]
ONCE = RepairBounds(attempts=1)


def named(**names: str) -> str:
    return json.dumps({key: {"name": name, "description": f"Things in {name}."} for key, name in names.items()})


async def test_names_and_descriptions_come_in_order() -> None:
    model = ScriptedModel([named(cluster1="Red", cluster2="Blue", cluster3=" Green  things ")])
    found = await name_clusters(model, "By colour.", CLUSTERS)
    assert [cluster.name for cluster in found] == ["Red", "Blue", "Green things"]
    assert found[0].description == "Things in Red."
    user = model.requests[0].messages[1].content
    assert all(text in user for texts in CLUSTERS for text in texts)


async def test_a_name_that_is_taken_is_asked_again_and_the_others_are_kept() -> None:
    model = ScriptedModel([named(cluster1="Red", cluster2="RED", cluster3=NONE_FITS), named(cluster2="Blue")])
    found = await name_clusters(model, "By colour.", CLUSTERS, RepairBounds(attempts=2))
    assert [cluster.name for cluster in found] == ["Red", "Blue", "Cluster 3"]
    assert found[2].description == ""
    assert "cluster2, cluster3" in model.requests[1].messages[-1].content


async def test_a_number_that_the_model_took_as_a_name_is_not_given_again() -> None:
    found = await name_clusters(ScriptedModel([named(cluster1="Cluster 2")]), "By colour.", CLUSTERS, ONCE)
    assert [cluster.name for cluster in found] == ["Cluster 2", "Cluster 2 (2)", "Cluster 3"]


@pytest.mark.parametrize("said", ["", "[]", "{}", '{"cluster1": "Red"}', '{"cluster1": {"name": ""}}', "no"])
async def test_without_a_usable_name_clusters_are_numbered(said: str) -> None:
    found = await name_clusters(ScriptedModel([said]), "By colour.", CLUSTERS, ONCE)
    assert found == tuple(Cluster(name=f"Cluster {n}") for n in (1, 2, 3))


async def test_a_failed_call_numbers_them_and_a_fatal_one_is_raised() -> None:
    found = await name_clusters(ScriptedModel([CallFailed("server", "500")]), "By colour.", CLUSTERS)
    assert found[0].name == "Cluster 1"
    with pytest.raises(CallFailed):
        await name_clusters(ScriptedModel([CallFailed("fatal", "wrong key")]), "By colour.", CLUSTERS)


async def test_many_clusters_are_named_in_bounded_questions_that_know_the_names_before() -> None:
    clusters = [[f"{word} {'very ' * 900}{n}" for n in range(30)] for word in "abcdefghijklmnopqrstuvwxyz"]
    model = ScriptedModel(answer_request)
    found = await name_clusters(model, "By letter.", clusters, RepairBounds(prompt_tokens=1500))
    assert len(found) == len({cluster.name.casefold() for cluster in found}) == 26
    assert len(model.requests) >= 3
    for request in model.requests:
        assert sum(estimate_tokens(message.content) for message in request.messages) < 3500
    assert f"already: {found[0].name}" in model.requests[-1].messages[1].content


@given(st.lists(st.sampled_from(["Red", "red", "Cluster 1", "Cluster 2", "", NONE_FITS]), min_size=1, max_size=3))
async def test_names_are_unique_whatever_is_said(names: list[str]) -> None:
    said = named(**{f"cluster{n}": name for n, name in enumerate(names, start=1)})
    found = await name_clusters(ScriptedModel([said]), "By colour.", CLUSTERS, ONCE)
    assert len({cluster.name.casefold() for cluster in found}) == 3


async def test_no_clusters_no_call() -> None:
    assert await name_clusters(ScriptedModel([]), "By colour.", []) == ()
