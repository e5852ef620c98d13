"""A benchmark's page: what it says, hostile names, and the page in a real browser in both themes at every width."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from browser import Tab, browse, needs_chromium
from cluster_r1.benchmark.files import MANIFEST
from cluster_r1.benchmark.proof import prove
from cluster_r1.benchmark.statistics import summarise
from cluster_r1.reports.benchmark import render_benchmark
from cluster_r1.reports.benchmark_summary import BenchmarkSummary, CheckRow, Histogram, PaperFigures, ShortRow, Spread
from cluster_r1.reports.charts import Part, stacks
from cluster_r1.reports.histogram import histogram
from small_benchmark import SmallBenchmark

ReadHtml = Callable[[str], Any]
HOSTILE = "<script>alert(1)</script>\"'&{{7*191}}"
ANCHORS = ["statistics", "tasks", "examples", "origins", "proof"]


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> BenchmarkSummary:
    """Of the small benchmark, with a proof and one shortfall."""
    folder = tmp_path_factory.mktemp("benchmark")
    benchmark = SmallBenchmark().write(folder)
    checked = benchmark.manifest.model_copy(update={"proof": tuple(c for c in prove(folder) if not c.leaks)})
    (folder / MANIFEST).write_text(checked.model_dump_json())
    found = summarise(type(benchmark)(folder))
    short = ShortRow(split="c2", task="court-2", wanted=140, made=2, reason="texts are too few")
    return found.model_copy(update={"shortfalls": (short,)})


def test_the_page_tells_what_there_is(summary: BenchmarkSummary, read_html: ReadHtml) -> None:
    html = read_html(render_benchmark(summary))
    assert "6 tasks (4 held-in, 2 held-out), 24 examples from 180 texts" in html.text
    assert "Sealed" in html.text
    assert "texts are too few" in html.text
    assert "0123456789ab" in html.text
    assert "licence: not stated" in html.text
    assert all(check.name in html.text for check in summary.proof)
    assert len(html.ids) == len(set(html.ids))
    assert [svg for svg in html.all("svg") if svg.get("role") == "img" and not svg.get("aria-label")] == []


def test_a_leak_is_on_top_and_no_proof_is_no_seal(summary: BenchmarkSummary, read_html: ReadHtml) -> None:
    leak = CheckRow(name="ids", says="No two.", looked_at=3, leaks=1, examples=("c1 example 'a' is there twice",))
    html = read_html(render_benchmark(summary.model_copy(update={"proof": (leak,)})))
    assert "It leaks 1 leak between" in html.text
    assert "c1 example 'a' is there twice" in html.text
    unproven = read_html(render_benchmark(summary.model_copy(update={"proof": ()})))
    assert "Not proven" in unproven.text
    assert "Sealed" not in unproven.text


def test_the_papers_values_stand_below(summary: BenchmarkSummary, read_html: ReadHtml) -> None:
    paper = summary.rows[2].model_copy(update={"paper": PaperFigures(696.4, 9872, 150)})
    html = read_html(render_benchmark(summary.model_copy(update={"rows": (paper,)})))
    assert "paper 696.4" in html.text
    assert "paper 9,872" in html.text
    assert "Figure 4" in html.text
    assert "Figure 4" not in read_html(render_benchmark(summary)).text


def test_hostile_words_stay_text(summary: BenchmarkSummary, read_html: ReadHtml) -> None:
    task = summary.tasks[0]
    clusters = tuple(cluster._replace(name=HOSTILE) for cluster in task.clusters)
    bad = task.model_copy(update={"id": HOSTILE, "instruction": HOSTILE, "clusters": clusters, "domain": HOSTILE})
    changes = {"models": {HOSTILE: HOSTILE}, "source": HOSTILE, "licence": HOSTILE, "skipped": {HOSTILE: 1}}
    origin = summary.origins[0].model_copy(update=changes)
    check = CheckRow(name=HOSTILE, says=HOSTILE, looked_at=1, leaks=1, examples=(HOSTILE,))
    changed = {"name": HOSTILE, "tasks": (bad,), "origins": (origin,), "proof": (check,), "tokenizer": HOSTILE}
    html = read_html(render_benchmark(summary.model_copy(update=changed)))
    assert len(html.all("script")) == 1
    assert "1337" not in html.text
    assert html.text.count("alert(1)") > 10


def test_an_empty_benchmark_has_a_page(summary: BenchmarkSummary, read_html: ReadHtml) -> None:
    nothing = Histogram(labels=(), counts=())
    empty = {"rows": (), "shapes": (), "tasks": (), "origins": (), "shortfalls": (), "proof": (), "overlap": nothing}
    assert "There is no example." in read_html(render_benchmark(summary.model_copy(update=empty))).text


def test_columns_are_as_tall_as_their_numbers(read_html: ReadHtml) -> None:
    shown = Histogram(labels=("1", "2", "3"), counts=(20, 5, 0), spread=Spread(1.2, 1, 2))
    html = read_html(histogram("Texts", shown))
    heights = [float(str(rect["height"])) for rect in html.all("rect")]
    assert heights == pytest.approx([96, 24, 0])
    assert html.all("svg")[0]["aria-label"] == "Texts. 1: 20; 2: 5"
    assert read_html(histogram("None", Histogram(labels=(), counts=()))).all("rect") == []


def test_stacks_share_a_scale(read_html: ReadHtml) -> None:
    rows = [("a", (Part("in", 30, "kept"), Part("out", 10, "open"))), ("b", (Part("in", 10, "kept"),))]
    html = read_html(stacks("Pools", rows))
    drawn = [(rect["x"], rect["width"]) for rect in html.all("rect") if "x" in rect]
    assert drawn == [("0.00%", "75.00%"), ("75.00%", "25.00%"), ("0.00%", "25.00%")]
    assert "a: in 30, out 10" in str(html.all("svg")[0]["aria-label"])


@pytest.fixture
async def tab(summary: BenchmarkSummary, tmp_path: Path) -> AsyncIterator[Tab]:
    """The page, open and watched; a complaint or a request fails any test."""
    page = tmp_path / "statistics.html"
    page.write_text(render_benchmark(summary), encoding="utf-8")
    async with browse(page.as_uri(), tmp_path / "profile") as tab:
        await tab.prefer("light")
        yield tab
        assert tab.complaints() == []
        assert tab.requests() == [page.as_uri()]


VISIBLE = "[...document.querySelectorAll('[role=tabpanel]')].filter(p => p.checkVisibility()).map(p => p.id)"


@pytest.mark.slow
@needs_chromium
async def test_tabs_links_and_themes_in_a_browser(tab: Tab) -> None:
    for place, anchor in enumerate(ANCHORS):
        await tab.run(f"document.querySelectorAll('[role=tab]')[{place}].click()")
        assert await tab.run(VISIBLE) == [anchor]
    await tab.run("document.querySelectorAll('[role=tab]')[0].click()")
    await tab.click(".wrap > p a[href='#proof']")
    await tab.wait(f"{VISIBLE}[0] === 'proof'")
    await tab.prefer("dark")
    assert await tab.run("getComputedStyle(document.body).backgroundColor") == "rgb(19, 22, 27)"


@pytest.mark.slow
@needs_chromium
@pytest.mark.parametrize("width", [320, 768, 1280])
async def test_no_width_makes_the_page_scroll_sideways(tab: Tab, width: int) -> None:
    await tab.width(width)
    for place, anchor in enumerate(ANCHORS):
        await tab.run(f"document.querySelectorAll('[role=tab]')[{place}].click()")
        assert await tab.run("document.documentElement.scrollWidth <= innerWidth"), anchor
