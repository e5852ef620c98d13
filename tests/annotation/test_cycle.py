"""Reviews in a real Argilla by the commands that people type: push, answer, pull, resume; killed, hostile, down."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from cluster_r1.annotation.audit import AuditLog
from cluster_r1.annotation.connection import ArgillaChannel
from cluster_r1.annotation.push import audit_file, pushed_folder
from cluster_r1.annotation.pushed import all_pushed
from cluster_r1.core.archive import TaxonomyArchive
from cluster_r1.core.labels import label_store
from cluster_r1.core.workspace import Workspace
from cluster_r1.graphs.progress import Silent
from cluster_r1.graphs.synth import synthesize
from cluster_r1.llm.testing.endpoint import FaultEndpoint

pytestmark = pytest.mark.slow

CLUSTERS = {name: f"Messages about {name}." for name in ("cards", "loans", "fees", "fraud", "transfers")}
REWRITTEN = "money — cards, loans and fees\ntrouble — fraud and everything else"
KEY = "TEST_ARGILLA_KEY"


class Project:
    """A project on disk with its team's Argilla, driven through the command line in processes of its own."""

    def __init__(self, root: Path, key: str) -> None:
        self.workspace = Workspace(root)
        self.environment = {**os.environ, KEY: key, "COLUMNS": "300"}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", "from cluster_r1.cli.app import main; main()", "-C", str(self.workspace.root)]
        return subprocess.Popen(
            [*command, *arguments], env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    async def run(self, *arguments: str, code: int = 0) -> str:
        process = self.start(*arguments)
        said, _ = await asyncio.to_thread(process.communicate)
        assert process.returncode == code, said
        return said

    async def killed(self, after_s: float, *arguments: str) -> bool:
        """Start a command and kill -9 it; whether it was still at work."""
        process = self.start(*arguments)
        await asyncio.sleep(after_s)
        at_work = process.poll() is None
        process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(process.communicate)
        return at_work

    def settings(self, **sections: Any) -> None:
        content = yaml.safe_load(self.workspace.settings_file.read_text())
        self.workspace.settings_file.write_text(yaml.safe_dump({**content, **sections}))

    def log(self, event: str) -> list[Any]:
        return [entry for entry in AuditLog(audit_file(self.workspace)).entries() if entry.event == event]


@pytest.fixture
async def endpoint() -> AsyncIterator[FaultEndpoint]:
    async with FaultEndpoint() as endpoint:
        yield endpoint


@pytest.fixture
def project(
    tmp_path: Path, endpoint: FaultEndpoint, argilla_server: Any, argilla_workspace: str
) -> Callable[..., Project]:
    def make(documents: int = 60, **sections: Any) -> Project:
        root = tmp_path / "desk"
        root.mkdir()
        topics = list(CLUSTERS)
        rows = [
            {"id": f"d{n}", "text": f"Message {n} is about {topics[n % 5]} and nothing else."} for n in range(documents)
        ]
        (root / "texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        settings = {
            "corpus": {"source": "texts.jsonl"},
            "tasks": [{"id": "topic", "instruction": "Cluster by topic."}],
            "models": {"default": {"base_url": endpoint.base_url, "model": "stand-in", "concurrency": 16}},
            "taxonomy": {"min_clusters": 2, "max_clusters": 5, "probe": 20, "rounds": 1},
            "argilla": {"url": argilla_server.url, "workspace": argilla_workspace, "api_key_env": KEY},
            **sections,
        }
        (root / "cluster-r1.yaml").write_text(yaml.safe_dump(settings))
        return Project(root, argilla_server.api_key)

    return make


def given(name: str = "taxonomy") -> dict[str, Any]:
    """A task with its taxonomy, so that labels are there without a gate."""
    return {"tasks": [{"id": "topic", "instruction": "Cluster by topic.", "taxonomy": "clusters.yaml"}]}


async def labelled(project: Project) -> None:
    (project.workspace.root / "clusters.yaml").write_text(yaml.safe_dump({"clusters": CLUSTERS}))
    with project.workspace.lock():
        await synthesize(project.workspace, project.workspace.settings(), Silent())


def shown(project: Project) -> tuple[ArgillaChannel, Any, dict[str, dict[str, Any]]]:
    """The channel, the only pushed form, and the server's records by our id."""
    argilla = project.workspace.settings().argilla
    assert argilla is not None
    channel = ArgillaChannel(argilla.url, project.environment[KEY], argilla.workspace, "desk", KEY)
    (pushed,) = all_pushed(pushed_folder(project.workspace, "argilla"))
    channel.responses(pushed.form)
    items = channel.listed(pushed.form, include="responses")
    return channel, pushed, {item["external_id"]: item for item in items}


def answer(project: Project, person: Any, **values: Any) -> str:
    """Answer the last record there is, with the proposal's text where nothing else is given; returns its id."""
    _, pushed, items = shown(project)
    record = list(pushed.records)[-1]
    proposed = {s.question: s.value for s in pushed.records[record].suggestions}
    person.answer(items[record]["id"], {**proposed, **values})
    return record


async def test_a_rewritten_taxonomy_resumes_the_run_that_waits_for_it(project: Any, annotator: Any) -> None:
    desk = project()
    said = await desk.run("synth", code=3)
    assert "/annotation-mode" in said
    answer(desk, annotator("ann"), verdict="rewrite", clusters=REWRITTEN, comment="five was too many")
    said = await desk.run("review", "pull")
    assert "taxonomy-topic: accept, rewritten by ann" in said
    taxonomy = TaxonomyArchive(desk.workspace.taxonomies).accepted("topic")
    assert taxonomy is not None
    assert taxonomy.names == ("money", "trouble")
    assert taxonomy.provenance is not None
    assert (taxonomy.provenance.author, taxonomy.provenance.kind) == ("ann", "human")
    assert len(label_store(desk.workspace, taxonomy).decided()) == 60
    (entry,) = desk.log("answered")
    assert entry.who == "ann"
    assert entry.after["clusters"] == REWRITTEN
    assert entry.before["clusters"] != REWRITTEN
    history = await desk.run("review", "history")
    assert "→ money — cards, loans and fees / trouble" in history
    before = audit_file(desk.workspace).read_bytes()
    await desk.run("review", "pull")
    assert audit_file(desk.workspace).read_bytes() == before


async def test_a_comment_has_the_refiner_revise_and_the_gate_opens_again(project: Any, annotator: Any) -> None:
    desk, ann = project(), annotator("ann")
    await desk.run("synth", code=3)
    first = answer(desk, ann, verdict="rewrite", comment="fewer, wider clusters")
    await desk.run("review", "pull", code=3)
    _, pushed, _ = shown(desk)
    assert len(pushed.records) == 2
    assert answer(desk, ann, verdict="accept") != first
    assert "taxonomy-topic: accept by ann" in await desk.run("review", "pull")
    assert [entry.after["verdict"] for entry in desk.log("decided")] == ["rewrite", "accept"]


async def test_an_edit_that_is_no_taxonomy_comes_back_with_the_reason(project: Any, annotator: Any) -> None:
    desk, ann = project(), annotator("ann")
    await desk.run("synth", code=3)
    typed = "cards — ok\ncards — again\n<script>alert(1)</script> — fine\n— nameless"
    record = answer(desk, ann, verdict="rewrite", clusters=typed)
    said = await desk.run("review", "pull", code=3)
    assert "given back to ann" in said
    channel, pushed, items = shown(desk)
    assert "line 2: 'cards' is already in line 1; line 4: the name is missing" in items[record]["fields"]["problem"]
    (response,) = channel.responses(pushed.form)
    assert (response.status, response.values["clusters"]) == ("draft", typed)
    await desk.run("synth", code=3)
    assert "line 4" in shown(desk)[2][record]["fields"]["problem"]
    ann.change(
        items[record]["responses"][0]["id"], {"verdict": "accept", "instruction": "By topic.", "clusters": "a\nb"}
    )
    await desk.run("review", "pull")
    assert TaxonomyArchive(desk.workspace.taxonomies).accepted("topic").names == ("a", "b")  # type: ignore[union-attr]
    assert [entry.after["clusters"] for entry in desk.log("returned")] == [typed]


@pytest.mark.parametrize("typed", ["", "\x00\x1b[31m" * 9, "x" * 1_000_000, "\u202e\u2028" * 50, "a\n" * 200_000])
async def test_hostile_text_is_kept_and_goes_back(project: Any, annotator: Any, typed: str) -> None:
    desk = project()
    await desk.run("synth", code=3)
    answer(desk, annotator("ann"), verdict="rewrite", clusters=typed, comment=typed)
    assert "given back to ann" in await desk.run("review", "pull", code=3)
    (entry,) = desk.log("returned")
    assert entry.after["clusters"] == typed
    assert "\x1b" not in await desk.run("review", "history")


async def test_people_who_disagree_wait_for_the_lead(project: Any, annotator: Any) -> None:
    desk = project(review={"annotators": 2})
    await desk.run("synth", code=3)
    answer(desk, annotator("ann"), verdict="rewrite", clusters=REWRITTEN)
    assert "1 more answer needed" in await desk.run("review", "pull", code=3)
    answer(desk, annotator("bob"), verdict="accept")
    said = await desk.run("review", "pull", code=3)
    assert "ann, bob disagree and no answer has a majority" in said
    desk.settings(review={"annotators": 2, "rule": "lead", "lead": "bob"})
    status = await desk.run("review", "status")
    assert "ann: 1 submitted" in status
    said = await desk.run("review", "pull")
    assert "accept by bob (lead, against ann)" in said
    (entry,) = desk.log("decided")
    assert (entry.after["rule"], entry.after["dissent"]) == ("lead", ["ann"])


async def test_labels_by_people_stand_above_the_models(project: Any, annotator: Any) -> None:
    desk = project(review={"sample": 20, "annotators": 2}, **given())
    await labelled(desk)
    await desk.run("review", "push", "labels")
    channel, pushed, items = shown(desk)
    assert len(items) == 20
    blind = [r for r, record in pushed.records.items() if record.hidden["slice"] == "random"]
    assert all(not pushed.records[record].suggestions for record in blind)
    assert all("votes" not in items[record]["fields"] for record in blind)
    ann, bob = annotator("ann"), annotator("bob")
    models = {row.key: row.consensus.cluster for row in label_store(desk.workspace, _taxonomy(desk)).rows()}
    for number, (record, item) in enumerate(items.items()):
        right = str(models[int(pushed.records[record].hidden["key"])])
        ann.answer(item["id"], {"cluster": right})
        bob.answer(item["id"], {"cluster": "none fits" if number < 2 else right})
    said = await desk.run("review", "pull", code=3)
    assert "20 of 20 documents answered, 18 settled" in said
    assert "people among themselves: raw 90%" in said
    assert "people and consensus" in said
    human = label_store(desk.workspace, _taxonomy(desk)).human()
    assert len(human) == 18
    assert {label.authors for label in human.values()} == {("ann", "bob")}
    result = json.loads((desk.workspace.tasks / "topic.json").read_text())
    assert result["human"] == 18
    assert channel.responses(pushed.form)


def _taxonomy(project: Project) -> Any:
    return TaxonomyArchive(project.workspace.taxonomies).accepted("topic")


async def test_a_push_that_is_killed_is_finished_and_shows_nothing_twice(project: Any) -> None:
    desk = project(400, review={"sample": 300}, **given())
    await labelled(desk)
    rng, kills = random.Random(3), 0
    for _ in range(5):
        kills += await desk.killed(rng.uniform(1.0, 4.0), "review", "push", "labels")
    await desk.run("review", "push", "labels")
    _, pushed, items = shown(desk)
    assert kills >= 2
    assert len(pushed.records) == len(items) == 300
    assert items.keys() == pushed.records.keys()


async def test_a_pull_that_is_killed_loses_no_answer_and_takes_none_twice(project: Any, annotator: Any) -> None:
    desk = project(120, review={"sample": 60}, **given())
    await labelled(desk)
    await desk.run("review", "push", "labels")
    _, _, items = shown(desk)
    ann = annotator("ann")
    for item in items.values():
        ann.answer(item["id"], {"cluster": "fraud", "comment": "é"})
    rng, kills = random.Random(4), 0
    started = time.monotonic()
    for _ in range(6):
        kills += await desk.killed(rng.uniform(0.8, 3.0), "review", "pull")
    assert kills >= 2, time.monotonic() - started
    await desk.run("review", "pull")
    assert len(desk.log("answered")) == len(desk.log("decided")) == 60
    assert {label.cluster for label in label_store(desk.workspace, _taxonomy(desk)).human().values()} == {"fraud"}
    assert len(label_store(desk.workspace, _taxonomy(desk)).human()) == 60


async def test_what_is_wrong_with_a_server_is_said(project: Any, argilla_server: Any) -> None:
    desk = project(**given())
    await labelled(desk)
    good = {"url": argilla_server.url, "workspace": "nowhere", "api_key_env": KEY}
    wrong = {
        "has no workspace 'nowhere'": good,
        "no Argilla answers": {**good, "url": "http://127.0.0.1:9"},
        "is no Argilla 2 server": {**good, "url": f"{argilla_server.url}/sign-in"},
        "NO_SUCH_KEY with the API key": {**good, "api_key_env": "NO_SUCH_KEY"},
        "refuses the API key from $HOME": {**good, "api_key_env": "HOME"},
    }
    for complaint, argilla in wrong.items():
        desk.settings(argilla=argilla)
        said = await desk.run("review", "push", "labels", code=4)
        assert complaint in " ".join(said.split())
        assert argilla_server.api_key not in said
        assert "Traceback" not in said


async def test_a_gate_stays_open_when_argilla_is_down(project: Any) -> None:
    desk = project(argilla={"url": "http://127.0.0.1:9", "workspace": "x", "api_key_env": KEY})
    said = await desk.run("synth", code=3)
    assert "could not be shown in Argilla" in said
    assert (desk.workspace.reviews / "taxonomy-topic.yaml").exists()
