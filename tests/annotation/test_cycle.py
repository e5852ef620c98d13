"""Reviews in a real Argilla by the commands that people type: push, answer, pull, resume; killed, hostile, down."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cluster_r1.annotation.connection import ArgillaChannel
from cluster_r1.annotation.push import audit_file, pushed_folder
from cluster_r1.annotation.pushed import all_pushed
from cluster_r1.annotation.server import ARGILLA_WORKSPACE, RunningArgilla, embedded_argilla, running_server
from cluster_r1.core.labels import label_store
from cluster_r1.graphs.progress import Silent
from cluster_r1.llm.server import free_port
from cluster_r1.llm.testing.endpoint import FaultEndpoint

from .conftest import Annotator, ArgillaServer
from .desk import KEY, LABELLED, Desk, processes_of

pytestmark = pytest.mark.slow

REWRITTEN = "money — cards, loans and fees\ntrouble — fraud and everything else"


@pytest.fixture
def project(
    tmp_path: Path, endpoint: FaultEndpoint, argilla_server: Any, argilla_workspace: str
) -> Callable[..., Desk]:
    """Makes a desk whose team has an Argilla."""

    def make(documents: int = 60, **sections: Any) -> Desk:
        argilla = {"url": argilla_server.url, "workspace": argilla_workspace, "api_key_env": KEY}
        every = {"argilla": argilla, **sections}
        return Desk(tmp_path / "desk", endpoint.base_url, documents, argilla_server.api_key, **every)

    return make


def shown(project: Desk) -> tuple[ArgillaChannel, Any, dict[str, dict[str, Any]]]:
    """The channel, the only pushed form, and the server's records by our id."""
    argilla, embedded = project.workspace.settings().argilla, running_server(project.workspace)
    if argilla is not None:
        channel = ArgillaChannel(argilla.url, project.environment[KEY], argilla.workspace, "desk", KEY)
    else:
        assert embedded is not None
        channel = ArgillaChannel(embedded.url, embedded.api_key, ARGILLA_WORKSPACE, "desk", KEY)
    (pushed,) = all_pushed(pushed_folder(project.workspace, "argilla"))
    channel.responses(pushed.form)
    items = channel.listed(pushed.form, include="responses")
    return channel, pushed, {item["external_id"]: item for item in items}


def answer(project: Desk, person: Any, **values: Any) -> str:
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
    taxonomy = desk.taxonomy()
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
    assert desk.taxonomy().names == ("a", "b")
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
    desk = project(review={"sample": 20, "annotators": 2}, **LABELLED)
    await desk.label()
    await desk.run("review", "push", "labels")
    channel, pushed, items = shown(desk)
    assert len(items) == 20
    blind = [r for r, record in pushed.records.items() if record.hidden["slice"] == "random"]
    assert all(not pushed.records[record].suggestions for record in blind)
    assert all("votes" not in items[record]["fields"] for record in blind)
    ann, bob = annotator("ann"), annotator("bob")
    models = {row.key: row.consensus.cluster for row in label_store(desk.workspace, desk.taxonomy()).rows()}
    for number, (record, item) in enumerate(items.items()):
        right = str(models[int(pushed.records[record].hidden["key"])])
        ann.answer(item["id"], {"cluster": right})
        bob.answer(item["id"], {"cluster": "none fits" if number < 2 else right})
    said = await desk.run("review", "pull", code=3)
    assert "20 of 20 documents answered, 18 settled" in said
    assert "people among themselves: raw 90%" in said
    assert "people and consensus" in said
    human = label_store(desk.workspace, desk.taxonomy()).human()
    assert len(human) == 18
    assert {label.authors for label in human.values()} == {("ann", "bob")}
    result = json.loads((desk.workspace.tasks / "topic.json").read_text())
    assert result["human"] == 18
    assert channel.responses(pushed.form)


async def test_a_push_that_is_killed_is_finished_and_shows_nothing_twice(project: Any) -> None:
    desk = project(400, review={"sample": 300}, **LABELLED)
    await desk.label()
    rng, kills = random.Random(3), 0
    for _ in range(5):
        kills += await desk.killed(rng.uniform(1.0, 4.0), "review", "push", "labels")
    await desk.run("review", "push", "labels")
    _, pushed, items = shown(desk)
    assert kills >= 2
    assert len(pushed.records) == len(items) == 300
    assert items.keys() == pushed.records.keys()


async def test_a_pull_that_is_killed_loses_no_answer_and_takes_none_twice(project: Any, annotator: Any) -> None:
    desk = project(120, review={"sample": 60}, **LABELLED)
    await desk.label()
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
    assert {label.cluster for label in label_store(desk.workspace, desk.taxonomy()).human().values()} == {"fraud"}
    assert len(label_store(desk.workspace, desk.taxonomy()).human()) == 60


async def test_what_is_wrong_with_a_server_is_said(project: Any, argilla_server: Any) -> None:
    desk = project(**LABELLED)
    await desk.label()
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


async def test_a_waiting_pull_goes_on_until_every_gate_is_decided(project: Any, annotator: Any) -> None:
    desk, ann = project(), annotator("ann")
    await desk.run("synth", code=3)
    process = desk.start("review", "pull", "--wait", "--every", "0.5")
    await asyncio.sleep(4)
    assert process.poll() is None
    answer(desk, ann, verdict="rewrite", comment="fewer, wider clusters")
    while len(shown(desk)[2]) < 2:
        await asyncio.sleep(0.2)
        assert process.poll() is None
    answer(desk, ann, verdict="accept")
    said, _ = await asyncio.to_thread(process.communicate)
    assert process.returncode == 0, said
    assert "taxonomy-topic: accept by ann" in said
    assert said.count("not decided") == 1
    assert desk.taxonomy() is not None


async def test_a_newcomer_needs_no_settings_for_the_embedded_argilla(endpoint: FaultEndpoint, tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk", endpoint.base_url, 40)
    up = desk.start("argilla", "up")
    while running_server(desk.workspace) is None:
        assert up.poll() is None
        await asyncio.sleep(0.2)
    try:
        said = await desk.run("argilla", "user", "ann")
        password = (await asyncio.to_thread(Path(said.split()[-1]).read_text)).strip()
        assert password not in said
        assert "/annotation-mode" in await desk.run("synth", code=3)
        running = running_server(desk.workspace)
        assert running is not None
        answer(desk, Annotator(running.url, "ann", password), verdict="rewrite", clusters=REWRITTEN)
        assert "rewritten by ann" in await desk.run("review", "pull")
    finally:
        up.send_signal(signal.SIGINT)
        said, _ = await asyncio.to_thread(up.communicate)
    assert up.returncode == 0, said
    assert f"Argilla: {running.url}" in said
    assert running.api_key not in said
    assert running_server(desk.workspace) is None
    assert "argilla up" in await desk.run("review", "status", code=4)


async def test_a_server_that_is_killed_on_the_way_costs_nothing(endpoint: FaultEndpoint, tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk", endpoint.base_url, 400, review={"sample": 300}, **LABELLED)
    await desk.label()
    push = await _killed_under(desk, "push", lambda running: _records_there(running) >= 100)
    assert push.returncode == 4
    with embedded_argilla(desk.workspace, Silent(), free_port(None)) as (running, _):
        assert 100 <= _records_there(running) < 300
        await desk.run("review", "push", "labels")
        _, pushed, items = shown(desk)
        assert len(items) == len(pushed.records) == 300
        for item in list(items.values())[:40]:
            content = {"status": "submitted", "values": {"cluster": {"value": "fraud"}}}
            _call(running, "POST", f"/api/v1/records/{item['id']}/responses", json=content)
    pull = await _killed_under(desk, "pull", _after(1.3))
    assert pull.returncode in (3, 4)
    with embedded_argilla(desk.workspace, Silent(), free_port(None)):
        assert "40 of 300 documents answered, 40 settled" in await desk.run("review", "pull", code=3)
    assert len(desk.log("answered")) == 40
    assert len(label_store(desk.workspace, desk.taxonomy()).human()) == 40


async def _killed_under(desk: Desk, command: str, moment: Callable[[RunningArgilla], bool]) -> Any:
    """Run a review command and kill -9 its server at a moment; the command's ended process."""
    with embedded_argilla(desk.workspace, Silent(), free_port(None)) as (running, server):
        process = desk.start("review", command, *(["labels"] if command == "push" else []))
        while not moment(running):
            await asyncio.sleep(0.05)
            if process.poll() is not None:
                break
        for one in processes_of(desk.workspace.state / "argilla"):
            one.kill()
        said, _ = await asyncio.to_thread(process.communicate)
        assert "Traceback" not in said
        assert not server.running
    return process


def _after(seconds: float) -> Callable[[RunningArgilla], bool]:
    """True from so many seconds after it was first asked: about when a pull reads what the server lists."""
    asked: list[float] = []

    def moment(_: RunningArgilla) -> bool:
        asked.append(time.monotonic())
        return asked[-1] - asked[0] > seconds

    return moment


def _records_there(running: RunningArgilla) -> int:
    data_sets = _call(running, "GET", "/api/v1/me/datasets")["items"]
    paths = [f"/api/v1/datasets/{d['id']}/records" for d in data_sets if d["status"] == "ready"]
    return sum(_call(running, "GET", path, params={"limit": 1})["total"] for path in paths)


def _call(running: RunningArgilla, method: str, path: str, **options: Any) -> Any:
    return ArgillaServer(running.url, running.api_key).call(method, path, **options)
