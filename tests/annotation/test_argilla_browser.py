"""An annotator in Argilla's own page, in a real browser: sign in, edit a cluster, submit; a pull sees it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from browser import Tab, browse, needs_chromium
from cluster_r1.annotation.connection import ArgillaChannel
from cluster_r1.annotation.taxonomies import read_taxonomies, settle_gates, taxonomy_form, taxonomy_records
from cluster_r1.core.archive import TaxonomyArchive
from cluster_r1.core.check import check_taxonomy
from cluster_r1.core.consensus import Assignment, decide
from cluster_r1.core.forms import Form, FormField, Question, Record
from cluster_r1.core.settings import ReviewSettings, TaxonomySettings
from cluster_r1.core.taxonomy import Cluster, Taxonomy
from cluster_r1.graphs.reviews import Decision, Gate, TaskEdit

pytestmark = [pytest.mark.slow, needs_chromium]

PICTURE = Path(__file__).parents[2] / "docs" / "pictures" / "argilla-taxonomy.png"
TEXTS = {
    "Waste and recycling": ("Our bin in Oak Street was not emptied.", "When is the next paper collection?"),
    "Roads and parking": ("There is a pothole before number 12.", "How do I renew my resident's permit?"),
    "Parks and playgrounds": ("The swing by the pond is broken.",),
    "Library services": ("May I keep a book for three more weeks?", "Are you open on Sunday <b>morning</b>?"),
}
CLUSTERS = (
    Cluster(name="Waste and recycling", description="Bins, collections, the recycling centre and litter."),
    Cluster(name="Roads and parking", description="Potholes, street lights, permits & parking tickets."),
    Cluster(name="Parks and playgrounds", description="Green spaces, play equipment, trees."),
    Cluster(name="Library services", description="Loans, opening hours, events."),
)
EDITOR = '[aria-label="Question: clusters"] [contenteditable]'


@pytest.fixture
def gate(tmp_path: Path) -> tuple[Gate, TaxonomyArchive, dict[str, str]]:
    """A gate whose taxonomy two labelers tried: mostly agreed, some texts without a place."""
    archive = TaxonomyArchive(tmp_path)
    instruction = "Cluster these messages by the town service they are about."
    taxonomy = archive.add(Taxonomy(task="subject", instruction=instruction, clusters=CLUSTERS))
    texts = {f"d{n}": text for n, text in enumerate(text for found in TEXTS.values() for text in found)}
    names = [name for name, found in TEXTS.items() for _ in found]
    pairs = [*zip(texts, names, names, strict=True), *((f"x{n}", "none fits", "none fits") for n in range(2))]
    votes = [
        decide(i, Assignment(labeler="labeler_a", cluster=a), Assignment(labeler="labeler_b", cluster=b))
        for i, a, b in pairs
    ]
    check = check_taxonomy(taxonomy, votes, TaxonomySettings())
    archive.put_check("subject", check)
    task = TaskEdit(id="subject", instruction=instruction, clusters=CLUSTERS)
    found = tuple(finding.text for finding in check.findings)
    gate = Gate(
        name="taxonomy-subject", kind="taxonomy", ticket="1", title="Good?", tasks=(task,), findings=found, version=1
    )
    return gate, archive, texts


@asynccontextmanager
async def signed_in(server: Any, person: Any, profile: Path) -> AsyncIterator[Tab]:
    async with browse(f"{server.url}/sign-in", profile) as tab:
        await tab.width(1500, 1000)
        await tab.wait("document.querySelectorAll('input').length >= 2")
        await tab.fill("input[name=username], input[type=text]", person.name)
        await tab.fill("input[type=password]", person.password)
        await tab.press("Enter")
        await tab.wait("!location.pathname.includes('sign-in')")
        yield tab


async def test_a_cluster_edited_in_the_page_is_what_the_pull_sees(
    gate: tuple[Gate, TaxonomyArchive, dict[str, str]],
    argilla_server: Any,
    argilla_workspace: str,
    annotator: Callable[[str], Any],
    tmp_path: Path,
) -> None:
    asked, archive, texts = gate
    channel = ArgillaChannel(argilla_server.url, argilla_server.api_key, argilla_workspace, "town-desk", "the test")
    form = taxonomy_form(1)
    records = [shown.record for shown in taxonomy_records([asked], archive, texts, {"taxonomy": "gpt-oss-20b"})]
    channel.push(form, records, lambda _: None)
    ann = annotator("ann")
    async with signed_in(argilla_server, ann, tmp_path / "profile") as tab:
        await tab.open(channel.place(form))
        await tab.wait(f"document.querySelector({EDITOR!r}).innerText.includes('Library services')")
        shown = await tab.run("document.body.innerText")
        assert "Are you open on Sunday <b>morning</b>?" in shown
        assert "22% of their votes found no cluster" in " ".join(shown.split())
        await tab.click("label[for=verdict_rewrite]")
        await tab.click(EDITOR)
        await tab.press("End", "Control")
        await tab.type("\nWater and drains — Leaks & blocked gullies")
        await tab.wait(f"document.querySelector({EDITOR!r}).innerText.includes('Water and drains')")
        await tab.screenshot(tmp_path / "taxonomy.png")
        await tab.click("button[type=submit]")
        await tab.wait("document.body.innerText.includes('1 of 1') === false")
    ((_, decision),) = settle_gates([asked], read_taxonomies([asked], channel.responses(form))[0], ReviewSettings())
    assert isinstance(decision, Decision)
    added = Cluster(name="Water and drains", description="Leaks & blocked gullies")
    assert decision.tasks[0].clusters == (*CLUSTERS, added)
    assert (decision.verdict, decision.author) == ("accept", "ann")
    if not PICTURE.exists():
        PICTURE.parent.mkdir(parents=True, exist_ok=True)
        PICTURE.write_bytes((tmp_path / "taxonomy.png").read_bytes())


async def test_plain_text_is_shown_as_it_is_and_runs_nothing(
    argilla_server: Any, argilla_workspace: str, annotator: Callable[[str], Any], tmp_path: Path
) -> None:
    text = "a < b, <b>bold</b> &amp;\n  <think>indented</think>\n<img src=x onerror=\"document.title = 'run'\">"
    channel = ArgillaChannel(argilla_server.url, argilla_server.api_key, argilla_workspace, "town-desk", "the test")
    form = Form(
        kind="labels",
        name="texts",
        title="Texts",
        guidelines="Read.",
        fields=(FormField("text", "Text"),),
        questions=(Question("comment", "Comment", "text"),),
    )
    channel.push(form, [Record(id="1", fields={"text": text})], lambda _: None)
    async with signed_in(argilla_server, annotator("ann"), tmp_path / "profile") as tab:
        await tab.open(channel.place(form))
        await tab.wait("document.body.innerText.includes('indented')")
        assert text in await tab.run("document.body.innerText")
        assert await tab.run("document.title") != "run"
