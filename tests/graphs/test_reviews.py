"""Gates decided from outside their file: what a person typed stays, a decision is taken once."""

from pathlib import Path
from shutil import copytree, rmtree

import yaml
from cluster_r1.core.taxonomy import Cluster
from cluster_r1.core.workspace import Workspace
from cluster_r1.graphs.reviews import Decision, Gate, TaskEdit, open_gates, open_review, put_decision, read_decision
from cluster_r1.llm.testing.endpoint import FaultEndpoint

from .conftest import Project, run

SMALL = {"min_clusters": 2, "max_clusters": 5, "probe": 20, "rounds": 1, "proposals": 2}
TASKS = [{"id": "topic", "instruction": "Cluster by topic."}]
TASK = TaskEdit(id="topic", instruction="Cluster by topic.", clusters=(Cluster(name="a"), Cluster(name="b")))
GATE = Gate(name="taxonomy-topic", kind="taxonomy", ticket="t1", title="Good?", tasks=(TASK,), version=1)
ACCEPTED = Decision(verdict="accept", author="ann", at="2026-11-21T08:00:00+00:00", rule="single")


def kept(workspace: Workspace) -> list[str]:
    return sorted(path.name for path in (workspace.reviews / "decided").glob("*"))


def test_a_decision_from_outside_is_read_from_the_gates_file(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    waiting = open_review(workspace, GATE)
    assert read_decision(waiting) is None
    assert open_gates(workspace) == [GATE]
    put_decision(workspace, GATE, ACCEPTED)
    assert read_decision(waiting) == ACCEPTED.model_copy(update={"tasks": (TASK,)})
    put_decision(workspace, GATE, ACCEPTED)
    assert kept(workspace) == []


def test_what_a_person_had_begun_in_the_file_is_kept(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    waiting = open_review(workspace, GATE)
    waiting.file.write_text(waiting.file.read_text() + "# half a thought\n")
    open_review(workspace, GATE)
    assert "half a thought" in waiting.file.read_text()
    put_decision(workspace, GATE, ACCEPTED)
    assert "half a thought" in (workspace.reviews / "decided" / "taxonomy-topic.1.yaml").read_text()
    assert read_decision(waiting) is not None


def test_a_decision_is_not_taken_for_the_gates_next_visit(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    open_review(workspace, GATE)
    put_decision(workspace, GATE, ACCEPTED)
    waiting = open_review(workspace, GATE.model_copy(update={"ticket": "t2"}))
    assert read_decision(waiting) is None
    assert kept(workspace) == ["taxonomy-topic.1.yaml"]
    assert [gate.ticket for gate in open_gates(workspace)] == ["t2"]


async def test_a_decision_that_a_killed_run_left_behind_is_put_away(project: Project, tmp_path: Path) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = project(endpoint.base_url, tasks=TASKS, taxonomy=SMALL)
        await run(workspace)
        (gate,) = open_gates(workspace)
        put_decision(workspace, gate, ACCEPTED)
        copytree(workspace.reviews, tmp_path / "reviews-before")
        copytree(workspace.gates, tmp_path / "gates-before")
        first = await run(workspace)
        rmtree(workspace.reviews)
        rmtree(workspace.gates)
        copytree(tmp_path / "reviews-before", workspace.reviews)
        copytree(tmp_path / "gates-before", workspace.gates)
        again = await run(workspace)
    assert again.paid == 0
    assert again.tasks == first.tasks
    assert open_gates(workspace) == []
    assert not list(workspace.reviews.glob("*.yaml"))
    assert kept(workspace) == ["taxonomy-topic.1.yaml"]


async def test_a_rewrite_that_a_killed_run_left_behind_is_not_taken_again(project: Project, tmp_path: Path) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = project(endpoint.base_url, tasks=TASKS, taxonomy=SMALL)
        await run(workspace)
        (gate,) = open_gates(workspace)
        put_decision(workspace, gate, Decision(verdict="rewrite", note="fewer clusters", author="ann"))
        file = workspace.reviews / "taxonomy-topic.yaml"
        left, asked = file.read_text(), (workspace.gates / "taxonomy-topic.json").read_text()
        await run(workspace)
        calls = endpoint.stats().calls
        file.write_text(left)
        (workspace.gates / "taxonomy-topic.json").write_text(asked)
        again = await run(workspace)
        assert endpoint.stats().calls == calls
    assert again.waiting
    assert yaml.safe_load(file.read_text())["verdict"] == "pending"
