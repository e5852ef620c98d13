"""Reviews of a hierarchical run: gates and labels inside a coarse cluster show and count its documents alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from cluster_r1.core.hierarchy import read_hierarchy
from cluster_r1.graphs.summarising import read_result
from cluster_r1.llm.testing.endpoint import FaultEndpoint

from .desk import Desk

TONES = {"clusters": {"odd": "Odd numbers.", "cards": "About cards."}}
LEVELS: dict[str, Any] = {"taxonomy": "clusters.yaml", "min_documents": 10, "parallel": 2}


def lines_of(desk: Desk, form: str) -> tuple[Path, list[dict[str, Any]]]:
    (path,) = [p for p in (desk.workspace.reviews / "offline").glob(f"{form}*.jsonl") if p.name.count(".") == 1]
    return path, [json.loads(line) for line in path.read_text().splitlines()]


def fill(desk: Desk, form: str, **values: Any) -> None:
    path, lines = lines_of(desk, form)
    for line in lines:
        answer = line["answer"]
        line["answer"] = {**answer, "author": "ann", "status": "submitted", "values": {**answer["values"], **values}}
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


async def test_a_gate_decided_elsewhere_resumes_the_hierarchical_run(tmp_path: Path, endpoint: FaultEndpoint) -> None:
    desk = Desk(tmp_path / "desk", endpoint.base_url, 60, tasks=[], hierarchy=LEVELS, review={"taxonomy": False})
    said = await desk.run("synth", "--hierarchical", code=3)
    assert "proposals-coarse.yaml" in said
    assert "synth --hierarchical" in (desk.workspace.reviews / "proposals-coarse.yaml").read_text()
    assert "to review: 5," in await desk.run("review", "push", "taxonomy", "--to", "file")
    fill(desk, "taxonomies", verdict="accept")
    said = await desk.run("review", "pull")
    assert "5 of 5 coarse clusters are divided" in said
    found = read_hierarchy(desk.workspace)
    assert found is not None
    assert {task.stage for cluster in found.clusters for task in cluster.tasks} == {"labelled"}


async def test_labels_inside_a_cluster_are_reviewed_as_its_own(tmp_path: Path, endpoint: FaultEndpoint) -> None:
    inside = {"cards": {"id": "inside", "instruction": "Cluster by tone.", "taxonomy": "tones.yaml"}}
    gone = {"proposals": False, "taxonomy": False, "sample": 12, "blind": False}
    desk = Desk(
        tmp_path / "desk",
        endpoint.base_url,
        60,
        tasks=[],
        hierarchy=LEVELS | {"inside": inside},
        review=gone,
    )
    (desk.workspace.root / "tones.yaml").write_text(yaml.safe_dump(TONES))
    await desk.run("synth", "--hierarchical")
    await desk.run("review", "push", "labels", "--to", "file")
    _, lines = lines_of(desk, "labels-inside")
    assert len(lines) == 12
    assert all("cards" in line["fields"]["text"] for line in lines)
    fill(desk, "labels-inside", cluster="odd")
    await desk.run("review", "pull", code=3)  # the other tasks' records are open
    result = read_result(desk.workspace, "inside")
    assert (result.human, result.task.documents) == (12, 12)
    assert result.task.parent == ("coarse", "cards")
    assert result.task.sizes["odd"] == 12
    status = json.loads(await desk.run("status", "--json"))
    assert {task["id"]: task["documents"] for task in status["tasks"]}["inside"] == 12


async def test_the_probes_texts_of_a_gate_are_its_clusters(tmp_path: Path, endpoint: FaultEndpoint) -> None:
    desk = Desk(tmp_path / "desk", endpoint.base_url, 60, tasks=[], hierarchy=LEVELS, review={"proposals": False})
    await desk.run("synth", "--hierarchical", code=3)
    await desk.run("review", "push", "--to", "file")
    _, lines = lines_of(desk, "taxonomies")
    shown = {line["metadata"]["task"]: line["fields"]["proposed_clusters"] for line in lines}
    assert len(shown) == 5
    for task, clusters in shown.items():
        topic = task.removeprefix("coarse.")
        texts = [line for line in clusters.splitlines() if line.startswith("    - ")]
        assert texts
        assert all(topic in text for text in texts)
