"""The same reviews without a server: pushed to a file, answered by hand, pulled; the run goes on."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from cluster_r1.core.labels import label_store
from cluster_r1.core.traces import Trace, TraceScores, Turn, read_verdicts, write_traces
from cluster_r1.llm.testing.endpoint import FaultEndpoint

from .desk import LABELLED, Desk

REWRITTEN = "money — cards, loans and fees\ntrouble — fraud and everything else"


def lines_of(desk: Desk, form: str) -> tuple[Path, list[dict[str, Any]]]:
    (path,) = [p for p in (desk.workspace.reviews / "offline").glob(f"{form}*.jsonl") if p.name.count(".") == 1]
    return path, [json.loads(line) for line in path.read_text().splitlines()]


def fill(desk: Desk, form: str, **values: Any) -> None:
    """Answer every record by hand, in the file."""
    path, lines = lines_of(desk, form)
    for line in lines:
        answer = line["answer"]
        line["answer"] = {**answer, "author": "ann", "status": "submitted", "values": {**answer["values"], **values}}
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "desk"


async def test_a_taxonomy_rewritten_in_a_file_resumes_the_run(root: Path, endpoint: FaultEndpoint) -> None:
    desk = Desk(root, endpoint.base_url, 40)
    said = await desk.run("synth", code=3)
    assert "review push --to file" in said
    said = await desk.run("review", "push", "taxonomy", "--to", "file")
    assert "taxonomies.html" in said
    assert "1 more answer needed" in await desk.run("review", "status")
    fill(desk, "taxonomies", verdict="rewrite", clusters=REWRITTEN)
    assert "accept, rewritten by ann" in await desk.run("review", "pull")
    assert desk.taxonomy().names == ("money", "trouble")
    assert desk.taxonomy().provenance.author == "ann"
    assert len(label_store(desk.workspace, desk.taxonomy()).decided()) == 40
    assert "→ money" in await desk.run("review", "history", "taxonomy-topic")


async def test_proposals_are_chosen_one_by_one(root: Path, endpoint: FaultEndpoint) -> None:
    desk = Desk(root, endpoint.base_url, 40, tasks=[], review={"taxonomy": False})
    desk.settings(taxonomy={"min_clusters": 2, "max_clusters": 5, "probe": 20, "rounds": 1, "proposals": 2})
    await desk.run("synth", code=3)
    assert "to review: 2," in await desk.run("review", "push", "--to", "file")
    path, lines = lines_of(desk, "taxonomies")
    for line, verdict in zip(lines, ("accept", "reject"), strict=True):
        values = {**line["answer"]["values"], "verdict": verdict}
        line["answer"] |= {"author": "ann", "status": "submitted", "values": values}
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    said = await desk.run("review", "pull")
    assert "proposals: accept, 1 of 2 tasks by ann" in said
    assert len(list(desk.workspace.tasks.glob("*.json"))) == 1


async def test_a_broken_edit_and_a_broken_line_are_told_and_kept(root: Path, endpoint: FaultEndpoint) -> None:
    desk = Desk(root, endpoint.base_url, 40)
    await desk.run("synth", code=3)
    await desk.run("review", "push", "--to", "file")
    fill(desk, "taxonomies", verdict="rewrite", clusters="only one")
    path, _ = lines_of(desk, "taxonomies")
    (path.parent / "taxonomies.answers-bob.jsonl").write_text("{broken\n")
    said = await desk.run("review", "pull", code=3)
    assert "given back to ann" in said
    assert "taxonomies.answers-bob.jsonl line 1" in said
    _, lines = lines_of(desk, "taxonomies")
    assert lines[0]["answer"]["values"]["clusters"] == "only one"
    assert "at least 2 clusters" in lines[0]["problem"]
    fill(desk, "taxonomies", verdict="rewrite", clusters=REWRITTEN)
    await desk.run("review", "pull", "--no-run")
    assert desk.taxonomy() is None
    await desk.run("synth")
    assert desk.taxonomy().names == ("money", "trouble")


async def test_labels_and_traces_go_the_same_way(root: Path, endpoint: FaultEndpoint) -> None:
    desk = Desk(root, endpoint.base_url, 40, review={"sample": 10}, **LABELLED)
    await desk.label()
    turn = Turn(role="user", content="Cluster these.")
    scores = TraceScores(completeness=4, length=3, coherence=5, comment="")
    traces = [
        Trace(
            id=f"t{n}",
            task="topic",
            instruction="Cluster by topic.",
            prompt=(turn,),
            reasoning="Two are alike.",
            answer="1: 1, 2",
            model="m",
            scores=scores,
            kept=True,
        )
        for n in range(3)
    ]
    write_traces(desk.workspace.traces, "topic", traces)
    said = await desk.run("review", "push", "--to", "file")
    assert said.count("records to review") == 2
    fill(desk, "labels", cluster="fraud")
    fill(desk, "traces", keep="drop", coherence=1)
    said = await desk.run("review", "pull")
    assert "10 of 10 documents answered, 10 settled" in said
    human = label_store(desk.workspace, desk.taxonomy()).human()
    assert {label.cluster for label in human.values()} == {"fraud"}
    assert {verdict.keep for verdict in read_verdicts(desk.workspace.traces).values()} == {False}
    result = json.loads((desk.workspace.tasks / "topic.json").read_text())
    assert result["human"] == 10
    assert result["task"]["sizes"]["fraud"] >= 10
    await desk.run("report")
    assert "People and labeler A" in (desk.workspace.root / "report.html").read_text()


async def test_who_waits_outlasts_another_command(root: Path, endpoint: FaultEndpoint) -> None:
    desk = Desk(root, endpoint.base_url, 40)
    await desk.run("synth", code=3)
    await desk.run("review", "push", "--to", "file")
    process = desk.start("review", "pull", "--wait", "--every", "0.5")
    assert process.stdout is not None
    said = await asyncio.to_thread(process.stdout.readline)
    assert "no new answers" in said
    with desk.workspace.lock():
        fill(desk, "taxonomies", verdict="accept")
        while "waiting on" not in said:
            said = await asyncio.to_thread(process.stdout.readline)
            assert said
    assert "in use" in said
    rest, _ = await asyncio.to_thread(process.communicate)
    assert process.returncode == 0, rest
    assert rest.count("taxonomy-topic: accept by ann") == 1
    assert desk.taxonomy() is not None


async def test_an_answer_that_is_taken_back_is_no_label_any_more(root: Path, endpoint: FaultEndpoint) -> None:
    desk = Desk(root, endpoint.base_url, 40, review={"sample": 10}, **LABELLED)
    await desk.label()
    await desk.run("review", "push", "labels", "--to", "file")
    fill(desk, "labels", cluster="fraud")
    await desk.run("review", "pull")
    path, lines = lines_of(desk, "labels")
    lines[0]["answer"] |= {"status": "discarded", "at": "2126-01-01T00:00:00+00:00"}
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert "9 settled" in await desk.run("review", "pull", code=3)
    assert len(label_store(desk.workspace, desk.taxonomy()).human()) == 9
    assert len(desk.log("answered")) == 11
    assert len(desk.log("decided")) == 10


async def test_with_nothing_to_review_it_says_what_to_do_first(root: Path, endpoint: FaultEndpoint) -> None:
    desk = Desk(root, endpoint.base_url, 40)
    assert "`cluster-r1 synth` opens them" in await desk.run("review", "push", "--to", "file", code=2)
    assert "argilla up" in await desk.run("review", "push", code=4)
    assert "review push" in await desk.run("review", "pull", code=2)
    assert "review push" in await desk.run("review", "status", code=2)
    assert await desk.run("review", "history") == ""
