"""The run's page in a real browser: no console errors, no request, tabs by keyboard, search, themes, narrow screens."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from browser import Tab, browse, needs_chromium
from cluster_r1.reports.run import render_run
from cluster_r1.reports.summary import RunSummary, Shown, TaskSummary

pytestmark = [pytest.mark.slow, needs_chromium]


@pytest.fixture
async def tab(desk_run: RunSummary, tmp_path: Path) -> AsyncIterator[Tab]:
    """The page of two tasks over 120 documents, open and watched; a complaint or a request fails any test."""
    page = tmp_path / "report.html"
    page.write_text(render_run(desk_run), encoding="utf-8")
    async with browse(page.as_uri(), tmp_path / "profile") as tab:
        await tab.prefer("light")
        yield tab
        assert tab.complaints() == []
        assert tab.requests() == [page.as_uri()]


SELECTED = "document.querySelector('[aria-selected=true]').textContent"
VISIBLE_PANELS = "[...document.querySelectorAll('[role=tabpanel]')].filter(p => p.checkVisibility()).map(p => p.id)"
VISIBLE_DOCS = "[...document.querySelectorAll('#task-1 .doc')].filter(d => d.checkVisibility()).length"
GROUND = "getComputedStyle(document.body).backgroundColor"
LIGHT, DARK = "rgb(247, 247, 245)", "rgb(19, 22, 27)"


async def test_tabs_work_by_keyboard(tab: Tab) -> None:
    await tab.run("document.querySelector('[role=tab]').focus()")
    seen = [await tab.run(SELECTED)]
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft", "Home", "End"):
        await tab.press(key)
        seen.append(await tab.run(SELECTED))
    assert seen == ["subject", "purpose", "Cost and corpus", "subject", "Cost and corpus", "subject", "Cost and corpus"]
    assert await tab.run(VISIBLE_PANELS) == ["run"]
    assert await tab.run("document.activeElement.id") == "tab-run"
    assert await tab.run("document.querySelectorAll('[role=tab][tabindex=\"0\"]').length") == 1


async def test_everything_that_acts_is_reached_by_tab_and_shows_its_focus(tab: Tab) -> None:
    unseen = []
    for _ in range(60):
        await tab.press("Tab")
        place = await tab.run(
            "(e => e === document.body ? '' : getComputedStyle(e).outlineStyle + ' ' + e.outerHTML.slice(0, 60))"
            "(document.activeElement)"
        )
        if place.startswith("none"):
            unseen.append(place)
    assert unseen == []
    reached = "document.activeElement.closest('#task-1, footer') !== null || document.activeElement === document.body"
    assert await tab.run(reached)


async def test_search_filters_the_documents_and_clears(tab: Tab, desk_run: RunSummary) -> None:
    texts = [s.text for s in documents(desk_run.tasks[0])]
    assert await tab.run(VISIBLE_DOCS) == 0
    await tab.run("document.querySelector('#task-1 [data-query]').focus()")
    await tab.type("LIBRARY card")
    shown = await tab.run(VISIBLE_DOCS)
    assert 0 < sum("library" in t.lower() and "card" in t.lower() for t in texts) <= shown < 60
    status = "document.querySelector('#task-1 [data-status]').textContent"
    assert await tab.run(status) == f"{shown} of 120 shown documents match."
    await tab.type(" zyzzyva")
    assert await tab.run(VISIBLE_DOCS) == 0
    assert await tab.run("document.querySelector('#task-1 [data-nothing]').checkVisibility()")
    await tab.run("document.querySelector('#task-1 [data-clear]').click()")
    assert await tab.run(status) == "120 documents shown of 120."


async def test_outcome_and_cluster_filter_together(tab: Tab, desk_run: RunSummary) -> None:
    task = desk_run.tasks[0]
    first = task.taxonomy.names[0]
    expected = sum(first in {v.cluster for v in s.consensus.votes} for s in task.conflicts)
    await tab.run(choose("outcome", "conflict") + choose("cluster", "1"))
    assert await tab.run(VISIBLE_DOCS) == expected > 0


async def test_a_confused_pair_leads_to_its_documents(tab: Tab) -> None:
    pair = "document.querySelector('#task-1 [data-pair]')"
    expected = int(await tab.run(f"{pair}.closest('tr').cells[1].textContent"))
    await tab.run(f"{pair}.click()")
    assert await tab.run(VISIBLE_DOCS) == expected > 0


async def test_a_link_into_another_tab_opens_it_and_its_group(tab: Tab) -> None:
    await tab.run("location.hash = '#task-2-kept-1'")
    await tab.run("new Promise(requestAnimationFrame)")
    assert await tab.run(SELECTED) == "purpose"
    assert await tab.run("document.getElementById('task-2-kept-1').open")


async def test_a_column_sorts_both_ways_and_says_so(tab: Tab) -> None:
    head = "document.querySelector('#task-1 table thead').rows[0].cells[2]"
    sizes = "[...document.querySelector('#task-1 table').tBodies[0].rows].map(row => +row.cells[2].dataset.value)"
    await tab.run(f"{head}.querySelector('button').click()")
    down = await tab.run(sizes)
    assert down == sorted(down, reverse=True)
    assert await tab.run(f"{head}.getAttribute('aria-sort')") == "descending"
    await tab.run(f"{head}.querySelector('button').click()")
    assert await tab.run(sizes) == sorted(down)


async def test_dark_mode_follows_the_system_and_the_button(tab: Tab) -> None:
    assert await tab.run(GROUND) == LIGHT
    await tab.prefer("dark")
    assert await tab.run(GROUND) == DARK
    await tab.run("document.querySelector('[data-theme-toggle]').click()")
    assert await tab.run(GROUND) == LIGHT
    assert await tab.run("document.querySelector('[data-theme-toggle]').getAttribute('aria-pressed')") == "false"


@pytest.mark.parametrize("width", [320, 420, 768, 1280])
async def test_no_width_makes_the_page_scroll_sideways(tab: Tab, width: int) -> None:
    await tab.width(width)
    for index in range(3):
        await tab.run(f"document.querySelectorAll('[role=tab]')[{index}].click()")
        await tab.run("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert await tab.run("document.documentElement.scrollWidth <= innerWidth"), index


async def test_on_paper_all_sections_are_there_without_controls(tab: Tab) -> None:
    await tab.call("Emulation.setEmulatedMedia", media="print")
    assert await tab.run(VISIBLE_PANELS) == ["task-1", "task-2", "run"]
    assert not await tab.run("document.querySelector('.controls').checkVisibility()")
    await tab.width(720)
    assert await tab.run("document.documentElement.scrollWidth <= innerWidth")


async def test_without_javascript_everything_is_there(desk_run: RunSummary, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text(render_run(desk_run).replace("<script>", "<script>/* refused by the policy */"), encoding="utf-8")
    async with browse(page.as_uri(), tmp_path / "profile") as tab:
        panels = "[...document.querySelectorAll('.panel')].filter(p => p.checkVisibility()).length"
        assert await tab.run(panels) == 3
        assert not await tab.run("document.querySelector('.controls').checkVisibility()")
        assert any("Content Security Policy" in json.dumps(event) for event in tab.complaints())


async def test_thirty_clusters_and_hostile_names_break_no_layout(
    make_task: Callable[..., TaskSummary], make_run: Callable[..., RunSummary], tmp_path: Path
) -> None:
    task = make_task(30)
    wide = task.model_copy(update={"id": "W" * 200})
    page = tmp_path / "report.html"
    page.write_text(render_run(make_run(wide)), encoding="utf-8")
    async with browse(page.as_uri(), tmp_path / "profile") as tab:
        await tab.width(420)
        assert await tab.run("document.documentElement.scrollWidth <= innerWidth")
        assert tab.complaints() == []


def documents(task: TaskSummary) -> list[Shown]:
    kept = [shown for group in task.kept.values() for shown in group]
    return [*task.conflicts, *task.none_fits, *task.unanswered, *kept]


def choose(control: str, value: str) -> str:
    place = f"document.querySelector('#task-1 [data-{control}]')"
    return f"{place}.value = '{value}'; {place}.dispatchEvent(new Event('change'));"
