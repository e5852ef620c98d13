from __future__ import annotations

import pytest
from cluster_r1.core.answer import parse_answer, render_answer
from cluster_r1.core.tasks import ClusteringTask, Example
from cluster_r1.core.taxonomy import Cluster, Taxonomy
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

TAXONOMY = Taxonomy(
    task="echr-harm", instruction="Group by harm", clusters=(Cluster(name="Detention"), Cluster(name="Delay"))
)


def example(*clusters: str, **changes: object) -> Example:
    items = range(len(clusters))
    fields = {
        "task": "echr-harm",
        "instruction": "Group by harm",
        "document_ids": [f"d{i}" for i in items],
        "texts": [f"text {i}" for i in items],
        "clusters": clusters,
    }
    return Example.model_validate(fields | changes)


@given(st.lists(st.sampled_from(["Detention", "Delay", "Other"]), min_size=1, max_size=30))
def test_gold_groups_the_texts_by_cluster(clusters: list[str]) -> None:
    gold = example(*clusters).gold
    assert [{clusters[item - 1] for item in items} for items in gold.clusters] == [{c} for c in dict.fromkeys(clusters)]
    assert gold.size == len(clusters)


def test_gold_numbers_clusters_by_first_appearance() -> None:
    assert example("Delay", "Detention", "Delay").gold.clusters == ((1, 3), (2,))


def test_gold_is_an_answer_that_the_parser_accepts() -> None:
    gold = example("Delay", "Detention", "Delay", "Other").gold
    assert parse_answer(render_answer(gold), 4) == gold


@pytest.mark.parametrize(
    "short",
    [{"document_ids": ["d0"]}, {"texts": ["text"]}, {"clusters": ["Delay"]}],
    ids=lambda short: next(iter(short)),
)
def test_each_text_needs_an_id_and_a_cluster(short: dict[str, list[str]]) -> None:
    with pytest.raises(ValidationError, match="one id and one cluster for each text, got") as caught:
        example("Delay", "Delay", **short)
    assert f"1 {next(iter(short)).removeprefix('document_')}" in str(caught.value)


def test_an_example_without_texts_is_refused() -> None:
    with pytest.raises(ValidationError, match="texts"):
        example()


def test_an_example_is_frozen_and_knows_no_other_fields() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        example("Delay").task = "x"  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(ValidationError, match="gold"):
        example("Delay", gold=[1])


def test_an_example_survives_json() -> None:
    one = example("Delay", "Detention")
    assert Example.model_validate_json(one.model_dump_json()) == one


def test_a_task_asks_its_taxonomys_instruction() -> None:
    assert ClusteringTask(id="echr-harm", domain="echr", taxonomy=TAXONOMY, documents=3).instruction == "Group by harm"


@pytest.mark.parametrize(
    "wrong", [{"documents": -1}, {"taxonomy": None}, {"instruction": "x"}, {"outcomes": {"kept": "x"}}]
)
def test_a_wrong_task_is_refused(wrong: dict[str, object]) -> None:
    fields = {"id": "a", "domain": "echr", "taxonomy": TAXONOMY, "documents": 0}
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        ClusteringTask.model_validate(fields | wrong)


def test_a_task_survives_json() -> None:
    task = ClusteringTask(
        id="a", domain="echr", taxonomy=TAXONOMY, documents=3, outcomes={"kept": 2, "conflict": 1}, sizes={"Delay": 2}
    )
    assert ClusteringTask.model_validate_json(task.model_dump_json()) == task
