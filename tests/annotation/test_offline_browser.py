"""The offline page in a real browser: answered by mouse and by keys, saved, and read back from the file it saved."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from browser import Tab, browse, downloaded, needs_chromium
from cluster_r1.annotation.channels import Returned
from cluster_r1.annotation.offline import FileChannel
from cluster_r1.core.forms import PROBLEM, Form, FormField, Question, Record, Response, Suggestion

pytestmark = [pytest.mark.slow, needs_chromium]

HOSTILE = "</script><script>alert(1)</script> <img src=x onerror=alert(2)> \u2028 \x00 \x1b {{7*7}}"
CLUSTERS = "Waste — bins and litter\nRoads — holes and lights"
MARKDOWN = """\
## Clusters
A long text that every record shows is on the page once; this one is long enough to be shared by all three of them.

1. **Waste** — bins \\& litter\\*
    - *the bin\\_is full*
2. **Roads**

| name | share |
|---|---|
| a \\| b | `12` |

<img src=x onerror=alert(3)>"""

TAXONOMIES = Form(
    kind="taxonomy",
    name="taxonomies",
    title="Review of taxonomies",
    guidelines="Choose **well**.",
    fields=(
        FormField("instruction", "Instruction"),
        FormField("clusters_shown", "Proposed clusters", markdown=True),
        FormField(PROBLEM, "Please mend", required=False),
    ),
    questions=(
        Question("verdict", "Your decision", "label", ("accept", "rewrite", "reject")),
        Question("clusters", "Clusters, a line each", "text", hint="name — description"),
        Question("comment", "Comment", "text", required=False),
    ),
    metadata=("task",),
)
TRACES = Form(
    kind="traces",
    name="traces",
    title="Review of traces",
    guidelines="",
    fields=(FormField("trace", "Reasoning"),),
    questions=(
        Question("keep", "Keep it?", "label", ("yes", "no")),
        Question("completeness", "Completeness", "rating", tuple("12345")),
        Question("coherence", "Coherence", "rating", tuple("12345")),
    ),
)
LABELS = Form(
    kind="labels",
    name="labels-subject",
    title="Review of labels",
    guidelines="",
    fields=(FormField("text", "Text"),),
    questions=(
        Question("cluster", "Cluster", "label", (*(f"topic {n}" for n in range(500)), "none fits")),
        Question("comment", "Comment", "text", required=False),
    ),
)

VERDICT, CLUSTERS_BOX, COMMENT = "#question-0", "#question-1", "#question-2"
HEADING = "document.querySelector('[data-heading]').textContent"
STATUS = "document.querySelector('[data-status]').textContent"
COUNT = "document.querySelector('[data-count]').textContent"
SAID = "document.querySelector('[data-said]').textContent"
REASONS = "[...document.querySelectorAll('[data-reasons] li')].map(e => e.textContent)"
KEPT = "Object.keys(localStorage).filter(k => k.startsWith('cluster-r1/review/taxonomies/')).length"


class Desk(NamedTuple):
    """A person's desk: the page in a browser, the folder that it came from and where downloads go to."""

    tab: Tab
    channel: FileChannel
    profile: Path

    async def name(self, name: str) -> None:
        await self.tab.fill("[data-author]", name)
        await self.tab.press("Tab")

    async def save(self, form: Form, author: str) -> list[dict[str, Any]]:
        """Save; the file lands in the channel's folder."""
        file = self.channel.folder / f"{form.name}.answers-{author}.jsonl"
        file.unlink(missing_ok=True)
        await self.tab.click("[data-save]")
        return [json.loads(line) for line in (await downloaded(file)).read_text().splitlines()]

    async def option(self, text: str) -> None:
        await self.tab.run(
            f"[...document.querySelectorAll('.option')].find(e => e.textContent.startsWith({text!r}))"
            ".setAttribute('data-wanted', '')"
        )
        await self.tab.click("[data-wanted]")


def taxonomy(name: str) -> Record:
    return Record(
        id=f"gate/{name}",
        fields={"instruction": f"Group by {name}.", "clusters_shown": MARKDOWN, PROBLEM: ""},
        suggestions=(Suggestion("clusters", CLUSTERS, "refiner", 0.83),),
        metadata={"task": name},
    )


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """Three taxonomies open in a browser; a complaint or a request fails any test."""
    channel = FileChannel(tmp_path / "offline")
    channel.push(TAXONOMIES, [taxonomy("subject"), taxonomy("purpose"), taxonomy("mood")], lambda _: None)
    async with browse(Path(channel.place(TAXONOMIES)).as_uri(), tmp_path / "profile") as tab:
        await tab.width(1280, 900)
        await tab.prefer("light")
        await tab.save_downloads(channel.folder)
        yield Desk(tab, channel, tmp_path / "profile")
        assert tab.complaints() == []
        assert {url.rsplit("/", 1)[1] for url in tab.requests()} <= {
            f"{f.name}.html" for f in (TAXONOMIES, TRACES, LABELS)
        }


def push_and_place(channel: FileChannel, form: Form, *records: Record) -> str:
    channel.push(form, records, lambda _: None)
    return Path(channel.place(form)).as_uri()


async def test_an_answer_goes_from_the_page_through_a_file_to_the_channel(desk: Desk) -> None:
    tab = desk.tab
    await desk.name("Ann B.")
    await desk.option("rewrite")
    await tab.fill(CLUSTERS_BOX, "Waste — bins\nRoads — “holes” & 灯")
    await tab.fill(COMMENT, HOSTILE)
    comment = await tab.run(f"document.querySelector('{COMMENT}').value")
    await tab.click("[data-submit]")
    assert await tab.run(HEADING) == "Record 2 of 3"
    await tab.click("[data-skip]")
    assert "2 of 3 records answered · 1 skipped · 2 not saved to a file" in await tab.run(COUNT)
    saved = await desk.save(TAXONOMIES, "Ann-B-")
    assert [line["status"] for line in saved] == ["submitted", "discarded"]
    by_record = {response.record: response for response in desk.channel.responses(TAXONOMIES)}
    first = by_record["gate/subject"]
    assert (first.author, first.status) == ("Ann B.", "submitted")
    assert first.values["verdict"] == "rewrite"
    assert first.values["clusters"] == "Waste — bins\nRoads — “holes” & 灯"
    assert first.values["comment"] == comment
    assert comment.startswith("</script><script>alert(1)")
    assert by_record["gate/purpose"].status == "discarded"
    assert desk.channel.problems == []
    assert "not saved" not in await tab.run(COUNT)


async def test_the_proposal_is_filled_in_named_and_can_be_brought_back(desk: Desk) -> None:
    tab = desk.tab
    box = f"document.querySelector('{CLUSTERS_BOX}').value"
    assert await tab.run(box) == CLUSTERS
    assert await tab.run("document.querySelector('.proposed').textContent") == "proposed by refiner (0.83) Restore"
    await tab.fill(CLUSTERS_BOX, "gone")
    await tab.click(".proposed .link")
    assert await tab.run(box) == CLUSTERS


async def test_what_is_shown_is_text_and_the_markdown_that_we_write(desk: Desk) -> None:
    shown = "document.querySelector('.markdown[dir]')"
    assert await desk.tab.run(f"{shown}.querySelector('h4').textContent") == "Clusters"
    assert await desk.tab.run(f"[...{shown}.querySelectorAll('strong')].map(e => e.textContent)") == ["Waste", "Roads"]
    assert await desk.tab.run(f"{shown}.querySelector('ol > li > ul em').textContent") == "the bin_is full"
    assert (await desk.tab.run(f"{shown}.querySelector('ol > li').textContent")).startswith("Waste — bins & litter*")
    assert await desk.tab.run(f"[...{shown}.querySelectorAll('td')].map(e => e.textContent)") == ["a | b", "12"]
    assert await desk.tab.run(f"{shown}.querySelector('p:last-child').textContent") == "<img src=x onerror=alert(3)>"
    assert await desk.tab.run("document.querySelectorAll('img').length") == 0


async def test_drafts_survive_a_reload_and_a_closed_browser(desk: Desk) -> None:
    tab = desk.tab
    await desk.name("Ann")
    await tab.fill(COMMENT, "half a thou")
    await tab.reload()
    assert await tab.run(f"document.querySelector('{COMMENT}').value") == "half a thou"
    assert await tab.run("document.querySelector('[data-author]').value") == "Ann"
    assert await tab.run(STATUS) == "draft"
    assert any(said.startswith("beforeunload") for said in tab.dialogs)
    await tab.fill(COMMENT, "half a thought")
    await tab.run("dispatchEvent(new Event('pagehide'))")
    await tab.call("Page.navigate", url="about:blank")
    await tab.open(Path(desk.channel.place(TAXONOMIES)).as_uri())
    await tab.wait(f"document.querySelector('{COMMENT}').value === 'half a thought'")


async def test_a_page_with_nothing_unsaved_is_left_without_a_question(desk: Desk) -> None:
    await desk.name("Ann")
    await desk.option("accept")
    await desk.tab.press("Enter", "Control")
    await desk.save(TAXONOMIES, "Ann")
    await desk.tab.reload()
    assert desk.tab.dialogs == []


async def test_drafts_survive_a_page_that_is_drawn_again(desk: Desk) -> None:
    await desk.name("Ann")
    await desk.tab.fill(COMMENT, "mine")
    proposal = taxonomy("subject").model_copy(update={"suggestions": ()})
    await desk.tab.open(push_and_place(desk.channel, TAXONOMIES, taxonomy("new"), proposal))
    await desk.tab.wait(f"{HEADING} === 'Record 2 of 2'")
    assert await desk.tab.run(f"document.querySelector('{COMMENT}').value") == "mine"


async def test_nothing_is_saved_without_a_name_and_nothing_is_lost_for_it(desk: Desk) -> None:
    tab = desk.tab
    await desk.option("accept")
    await tab.press("Enter", "Control")
    await tab.click("[data-save]")
    assert await tab.run("document.activeElement === document.querySelector('[data-author]')")
    assert "Write your name first" in await tab.run("document.querySelector('[data-warning]').textContent")
    await tab.type("Ann")
    [saved] = await desk.save(TAXONOMIES, "Ann")
    assert (saved["author"], saved["record"], saved["values"]["verdict"]) == ("Ann", "gate/subject", "accept")


async def test_another_name_starts_afresh_unless_the_answers_are_taken_along(desk: Desk) -> None:
    tab = desk.tab
    await desk.name("Anne")
    await desk.option("accept")
    await tab.press("Enter", "Control")
    await desk.name("Bo")
    assert (await tab.run(COUNT)).startswith("0 of 3")
    assert "1 answer under the name Anne" in await tab.run(SAID)
    await tab.click("[data-said] .link")
    assert (await tab.run(COUNT)).startswith("1 of 3")
    [saved] = await desk.save(TAXONOMIES, "Bo")
    assert saved["author"] == "Bo"


async def test_what_must_be_answered_is_asked_for(desk: Desk) -> None:
    tab = desk.tab
    await tab.fill(CLUSTERS_BOX, " ")
    await tab.click("[data-submit]")
    assert await tab.run(HEADING) == "Record 1 of 3"
    assert await tab.run("[...document.querySelectorAll('.error')].map(e => e.textContent)") == [
        "Choose one.",
        "Write something here.",
    ]
    assert await tab.run("document.activeElement.type") == "radio"


async def test_an_answer_that_came_back_says_why_and_is_mended(desk: Desk) -> None:
    tab = desk.tab
    await desk.name("Ann")
    await desk.option("rewrite")
    await tab.fill(CLUSTERS_BOX, "Waste\nWaste")
    await tab.press("Enter", "Control")
    await desk.save(TAXONOMIES, "Ann")
    [response] = desk.channel.responses(TAXONOMIES)
    desk.channel.give_back(TAXONOMIES, Returned(response, "line 2: 'Waste' is already in line 1"))
    await tab.reload()
    assert (await tab.run(HEADING), await tab.run(STATUS)) == ("Record 1 of 3", "came back")
    assert await tab.run(REASONS) == ["line 2: 'Waste' is already in line 1"]
    assert await tab.run(f"document.querySelector('{CLUSTERS_BOX}').value") == "Waste\nWaste"
    await tab.fill(CLUSTERS_BOX, "Waste\nRoads")
    assert len(await tab.run(REASONS)) == 1
    await tab.press("Enter", "Control")
    await desk.save(TAXONOMIES, "Ann")
    [mended] = desk.channel.responses(TAXONOMIES)
    assert (mended.status, mended.values["clusters"]) == ("submitted", "Waste\nRoads")


async def test_an_answer_that_came_back_is_there_in_another_browser_too(desk: Desk) -> None:
    values = {"verdict": "rewrite", "clusters": "Waste"}
    response = Response(
        record="gate/mood", author="Ann", status="submitted", values=values, at="2026-03-01T12:00:00+00:00"
    )
    desk.channel.give_back(TAXONOMIES, Returned(response, f"too few {HOSTILE}"))
    await desk.tab.reload()
    await desk.name("Ann")
    await desk.tab.reload()
    assert await desk.tab.run(HEADING) == "Record 3 of 3"
    assert (await desk.tab.run(REASONS))[0].startswith("too few </script>")
    assert await desk.tab.run(f"document.querySelector('{CLUSTERS_BOX}').value") == "Waste"
    assert await desk.tab.run("document.querySelector('.option input:checked').value") == "rewrite"


async def test_a_trace_is_judged_with_four_keys(desk: Desk) -> None:
    tab, traces = desk.tab, [Record(id=f"t{n}", fields={"trace": "First…"}) for n in range(2)]
    await tab.open(push_and_place(desk.channel, TRACES, *traces))
    for key in "145":
        await tab.press(key)
    await tab.press("Enter", "Control")
    assert await tab.run(HEADING) == "Record 2 of 2"
    await tab.press("p")
    assert await tab.run(HEADING) == "Record 1 of 2"
    await tab.press("n")
    await tab.press("x")
    assert await tab.run("document.activeElement === document.querySelector('[data-save]')")
    await desk.name("Ann")
    await desk.save(TRACES, "Ann")
    found = {response.record: response for response in desk.channel.responses(TRACES)}
    assert found["t0"].values == {"keep": "yes", "completeness": 4, "coherence": 5}
    assert (found["t1"].status, found["t1"].values) == ("discarded", {})


async def test_letters_are_letters_in_a_text_field_and_when_single_keys_are_off(desk: Desk) -> None:
    tab = desk.tab
    await tab.click(COMMENT)
    for key in "xnp1":
        await tab.press(key)
    assert await tab.run(f"document.querySelector('{COMMENT}').value") == "xnp1"
    await tab.press("Escape")
    await tab.press("n")
    assert await tab.run(HEADING) == "Record 2 of 3"
    await tab.click(".review-keys summary")
    await tab.click("[data-single-keys]")
    await tab.press("n")
    await tab.press("x")
    assert await tab.run(HEADING) == "Record 2 of 3"


async def test_one_of_five_hundred_clusters_is_found_by_its_name(desk: Desk) -> None:
    tab = desk.tab
    text = Record(id="d", fields={"text": HOSTILE}, suggestions=(Suggestion("cluster", "topic 400", "labeler a", 0.5),))
    await tab.open(push_and_place(desk.channel, LABELS, text))
    assert await tab.run("document.querySelector('.option').textContent") == "topic 400proposed by labeler a (0.50)1"
    assert await tab.run("document.querySelector('input:checked').value") == "topic 400"
    assert await tab.run("document.querySelector('.field-text').textContent") == HOSTILE
    await tab.click(".question input[type=search]")
    await tab.type("none")
    visible = "[...document.querySelectorAll('.option')].filter(e => e.checkVisibility()).length"
    assert await tab.run(visible) == 1
    await tab.press("Enter")
    assert await tab.run("document.querySelector('input:checked').value") == "none fits"


async def test_any_of_ten_thousand_records_is_found_by_number_text_and_state(desk: Desk) -> None:
    tab = desk.tab
    many = [Record(id=f"d{n}", fields={"text": f"Message number {n:05d} to the town."}) for n in range(10_000)]
    await tab.open(push_and_place(desk.channel, LABELS, *many))
    results = "document.querySelectorAll('[data-results] li').length"
    assert await tab.run("document.querySelectorAll('*').length < 2500")
    await tab.press("/")
    assert await tab.run(results) == 200
    await tab.type("number 07321")
    assert await tab.run(results) == 1
    await tab.click("[data-results] button")
    assert await tab.run(HEADING) == "Record 7,322 of 10,000"
    await tab.press("1")
    await tab.run("dispatchEvent(new Event('pagehide'))")
    await tab.click("[data-list]")
    await tab.fill("[data-query]", " ")
    await tab.run("document.querySelector('[data-which]').value = 'draft'")
    await tab.run("document.querySelector('[data-which]').dispatchEvent(new Event('input'))")
    assert await tab.run(results) == 1


async def test_a_browser_without_storage_says_that_it_keeps_no_drafts(desk: Desk) -> None:
    tab = desk.tab
    await tab.call(
        "Page.addScriptToEvaluateOnNewDocument",
        source="Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); };",
    )
    await tab.reload()
    await tab.fill(COMMENT, "where does it go")
    await tab.press("Enter", "Control")
    assert "keeps no drafts" in await tab.run("document.querySelector('[data-warning]').textContent")
    await desk.name("Ann")
    [saved] = await desk.save(TAXONOMIES, "Ann")
    assert saved["values"]["comment"] == "where does it go"


@pytest.mark.parametrize("width", [320, 420, 768, 1280])
async def test_no_width_makes_the_page_scroll_sideways(desk: Desk, width: int) -> None:
    await desk.tab.width(width)
    fits = "document.documentElement.scrollWidth <= innerWidth"
    assert await desk.tab.run(fits)
    long = taxonomy("W" * 200).model_copy(update={"fields": {"instruction": "W" * 3000, "clusters_shown": "W" * 3000}})
    await desk.tab.open(push_and_place(desk.channel, TAXONOMIES, long))
    assert await desk.tab.run(fits)


async def test_everything_that_acts_is_reached_by_tab_and_shows_its_focus(desk: Desk) -> None:
    seen, unseen = set[str](), list[str]()
    for _ in range(24):
        await desk.tab.press("Tab")
        tag, outline, data = await desk.tab.run(
            "(e => [e.outerHTML.slice(0, 60), getComputedStyle(e.closest('.option') ?? e).outlineStyle,"
            " Object.keys(e.dataset)[0] ?? ''])(document.activeElement)"
        )
        seen.add(data)
        if outline == "none" and not tag.startswith("<body"):
            unseen.append(tag)
    assert unseen == []
    assert {"author", "list", "save", "next", "skip", "submit"} <= seen
