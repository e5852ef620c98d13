"""The page of a clustered corpus in a real browser: map by pointer and keyboard, search, filters, themes, widths."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from browser import Tab, browse, needs_chromium
from cluster_r1.reports.clustering import clustering_page
from cluster_r1.reports.clustering_view import ClusteringView
from made_clustering import desk_view, drift_view, many_view

pytestmark = [pytest.mark.slow, needs_chromium]

SELECTED = "document.querySelector('[aria-selected=true]').textContent"
VISIBLE_DOCS = "[...document.querySelectorAll('#texts .doc')].filter(d => !d.hidden).length"
STATUS = "document.querySelector('#texts [data-status]').textContent"
SAID = "document.querySelector('[data-said]').textContent"
ON = "document.querySelectorAll('use.on').length"


@pytest.fixture(scope="module")
def desk() -> ClusteringView:
    return desk_view(900)


@pytest.fixture
async def tab(desk: ClusteringView, tmp_path: Path) -> AsyncIterator[Tab]:
    """The page of eight clusters, open and watched; a complaint or a request fails any test."""
    page = tmp_path / "report.html"
    page.write_text(clustering_page(desk), encoding="utf-8")
    async with browse(page.as_uri(), tmp_path / "profile") as tab:
        await tab.prefer("light")
        yield tab
        assert tab.complaints() == []
        assert {url.partition("#")[0] for url in tab.requests()} == {page.as_uri()}


async def show(tab: Tab, section: str) -> None:
    await tab.run(f"document.getElementById('tab-{section}').click()")


async def choose(tab: Tab, facet: str, value: str) -> None:
    place = f"document.querySelector('#texts [data-facet={facet}]')"
    await tab.run(f"{place}.value = '{value}'; {place}.dispatchEvent(new Event('change'))")


async def test_the_legend_highlights_a_cluster_and_lets_it_go(tab: Tab, desk: ClusteringView) -> None:
    await show(tab, "map")
    largest = max(desk.result.clusters, key=lambda cluster: cluster.texts).name
    expected = sum(text.cluster == largest for text in desk.texts)
    fill = "getComputedStyle(document.querySelector('use:not(.on)')).fill"
    before = await tab.run(fill)
    await tab.click("[data-pick=c1] button")
    assert await tab.run(ON) == expected > 0
    assert await tab.run(fill) == "rgb(134, 141, 152)" != before
    assert await tab.run("document.querySelector('[data-pick=c1] button').getAttribute('aria-pressed')") == "true"
    await tab.click("[data-pick=borderline] button")
    assert await tab.run(ON) == sum(text.borderline for text in desk.texts) > 0
    await tab.click("[data-pick=borderline] button")
    assert await tab.run("document.querySelector('.map').classList.contains('picked')") is False


async def test_pointing_at_a_text_shows_it_and_a_click_leads_to_it(tab: Tab) -> None:
    await show(tab, "texts")
    await choose(tab, "cluster", "c2")
    await show(tab, "map")
    await tab.run("document.querySelector('.map').append(document.querySelector('.map a'))")
    use = ".map > a:last-child use"
    told = await tab.run(f"document.querySelector('{use} title').textContent")
    await tab.run("document.querySelector('.map').scrollIntoView({block: 'center', behavior: 'instant'})")
    x, y = await tab.run(
        f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])"
        f"(document.querySelector('{use}').getBoundingClientRect())"
    )
    await tab.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    await tab.wait(f"{SAID}.startsWith({json.dumps(told.split(chr(10))[0])})")
    anchor = await tab.run("document.querySelector('.map > a:last-child').getAttribute('href')")
    for kind in ("mousePressed", "mouseReleased"):
        await tab.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
    await tab.wait(f"{SELECTED} === 'Texts'")
    await tab.wait(f"document.activeElement.id === '{anchor[1:]}'")
    assert await tab.run(f"document.querySelector('{anchor}').checkVisibility()")


async def test_the_map_is_one_stop_and_the_arrows_walk_on_it(tab: Tab) -> None:
    await show(tab, "map")
    assert await tab.run("[...document.querySelectorAll('.map *')].every(e => e.tabIndex === -1)")
    await tab.run("document.querySelector('[data-pick=c3] button').click()")
    await tab.run("document.querySelector('.map-frame').focus()")
    seen = set()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp"):
        await tab.press(key)
        seen.add(await tab.run("[...document.querySelectorAll('use')].indexOf(document.querySelector('use.now'))"))
        assert await tab.run("document.querySelector('use.now').dataset.kinds.startsWith('c3')")
    assert len(seen) > 2
    assert "confidence" in await tab.run(SAID)


async def test_everything_that_acts_is_reached_by_tab_and_shows_its_focus(tab: Tab) -> None:
    await show(tab, "map")
    unseen, reached = [], set()
    for _ in range(24):
        await tab.press("Tab")
        place = await tab.run(
            "(e => [e === document.body ? 'body' : getComputedStyle(e).outlineStyle, e.className, e.value ?? ''])"
            "(document.activeElement)"
        )
        reached.add(place[2])
        if place[0] == "none":
            unseen.append(place)
    assert unseen == []
    assert {f"c{n}" for n in range(1, 9)} | {"nowhere", "borderline"} <= reached


async def test_search_and_filters_narrow_the_list(tab: Tab, desk: ClusteringView) -> None:
    await show(tab, "texts")
    listed = [text for text in desk.texts if text.listed]
    assert await tab.run(STATUS) == f"{len(listed)} of {len(listed)} shown texts match."
    await choose(tab, "role", "borderline")
    assert await tab.run(VISIBLE_DOCS) == sum(text.borderline for text in listed) > 0
    await choose(tab, "decided", "by-classifier")
    assert await tab.run(VISIBLE_DOCS) == sum(t.borderline and t.decided == "classifier" for t in listed)
    await tab.click("#texts [data-clear]")
    await tab.type("TRANSFER landlord")
    wanted = sum("transfer" in (t.text + str(t.cluster)).lower() and "landlord" in t.text.lower() for t in listed)
    assert await tab.run(VISIBLE_DOCS) == wanted > 0
    await tab.type(" zyzzyva")
    assert await tab.run("document.querySelector('#texts [data-nothing]').checkVisibility()")


async def test_a_clusters_name_leads_to_its_texts(tab: Tab, desk: ClusteringView) -> None:
    name = await tab.run("document.querySelector('[data-show=c2]').textContent")
    await tab.click("[data-show=c2]")
    await tab.wait(f"{SELECTED} === 'Texts'")
    assert await tab.run(VISIBLE_DOCS) == sum(t.listed and t.cluster == name for t in desk.texts) > 0


async def test_a_link_to_a_text_that_is_filtered_away_shows_it(tab: Tab) -> None:
    await show(tab, "texts")
    hidden = await tab.run("document.querySelector('#texts .doc').id")
    await choose(tab, "cluster", "c5")
    assert await tab.run(f"document.getElementById('{hidden}').hidden")
    await tab.run(f"location.hash = '{hidden}'")
    await tab.wait(f"document.activeElement.id === '{hidden}'")


async def test_dark_mode_changes_the_points(tab: Tab) -> None:
    fill = "getComputedStyle(document.querySelector('use.mark-1')).fill"
    light = await tab.run(fill)
    await tab.prefer("dark")
    assert [light, await tab.run(fill)] == ["rgb(47, 111, 179)", "rgb(106, 165, 230)"]


@pytest.mark.parametrize("make", [drift_view, many_view])
async def test_no_width_makes_any_page_scroll_sideways(make: Callable[[], ClusteringView], tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text(clustering_page(make()), encoding="utf-8")
    async with browse(page.as_uri(), tmp_path / "profile") as tab:
        for width in (320, 420, 768, 1280):
            await tab.width(width)
            for index in range(await tab.run("document.querySelectorAll('[role=tab]').length")):
                await tab.run(f"document.querySelectorAll('[role=tab]')[{index}].click()")
                assert await tab.run("document.documentElement.scrollWidth <= innerWidth"), (width, index)
        assert tab.complaints() == []


async def test_without_javascript_the_map_is_a_picture_and_everything_is_there(
    desk: ClusteringView, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    page.write_text(clustering_page(desk).replace("<script>", "<script>/* refused by the policy */"), encoding="utf-8")
    async with browse(page.as_uri(), tmp_path / "profile") as tab:
        assert await tab.run("[...document.querySelectorAll('.panel')].filter(p => p.checkVisibility()).length") == 4
        assert await tab.run("document.querySelector('.map').checkVisibility()")
        assert await tab.run("document.querySelectorAll('.map-legend button').length") == 0
        assert not await tab.run("document.querySelector('.controls').checkVisibility()")
        assert not await tab.run("document.querySelector('[data-said]').checkVisibility()")
        assert await tab.run("document.documentElement.scrollWidth <= innerWidth")


async def test_on_paper_all_sections_are_there(tab: Tab) -> None:
    await tab.call("Emulation.setEmulatedMedia", media="print")
    assert await tab.run("[...document.querySelectorAll('.panel')].filter(p => p.checkVisibility()).length") == 4
    await tab.width(720)
    assert await tab.run("document.documentElement.scrollWidth <= innerWidth")
