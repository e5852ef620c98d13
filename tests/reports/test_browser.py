"""The run's page in a real browser: no console errors, no request, tabs by keyboard, search, themes, narrow screens."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cluster_r1.reports.run import render_run
from cluster_r1.reports.summary import RunSummary, Shown, TaskSummary

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SWITCHES = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
)
KEYS = {"ArrowRight": 39, "ArrowLeft": 37, "Home": 36, "End": 35, "Tab": 9}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH: apt-get install chromium"),
]


class Tab:
    """A tab over the DevTools protocol; what the page logs, throws and asks the network for is collected."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self.events: list[dict[str, Any]] = []

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": params})
        while True:
            message = await self._next()
            if message.get("id") == self._number:
                assert "error" not in message, message
                return message["result"]

    async def open(self, page: Path) -> None:
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            await self.call(f"{domain}.enable")
        await self.call("Page.navigate", url=page.as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            await self._next()

    async def run(self, expression: str) -> Any:
        done = await self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    async def press(self, key: str) -> None:
        for kind in ("rawKeyDown", "keyUp"):
            await self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=KEYS[key])

    async def type(self, text: str) -> None:
        await self.call("Input.insertText", text=text)

    async def prefer(self, scheme: str) -> None:
        await self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    async def width(self, pixels: int) -> None:
        size = {"width": pixels, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        await self.call("Emulation.setDeviceMetricsOverride", **size)

    def complaints(self) -> list[dict[str, Any]]:
        """Exceptions, console errors and what the browser logged itself (a refused script or style, a failed load)."""
        noisy = {"Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"}
        return [event for event in self.events if event["method"] in noisy]

    def requests(self) -> list[str]:
        sent = [e["params"]["request"]["url"] for e in self.events if e["method"] == "Network.requestWillBeSent"]
        return [url for url in sent if not url.startswith("data:")]

    async def _next(self) -> dict[str, Any]:
        message = await self._socket.receive_json(timeout=60)
        if "method" in message:
            self.events.append(message)
        return message


@asynccontextmanager
async def browse(page: Path, profile: Path) -> AsyncIterator[Tab]:
    """Chromium with the page open; ended by its own command, then by its process."""
    assert CHROMIUM is not None
    switches = (*SWITCHES, f"--user-data-dir={profile}", "about:blank")
    quiet = asyncio.subprocess.DEVNULL
    browser = await asyncio.create_subprocess_exec(CHROMIUM, *switches, stdout=quiet, stderr=quiet)
    try:
        port = await _port(profile / "DevToolsActivePort", browser)
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                target = next(t for t in json.loads(await answer.text()) if t["type"] == "page")
            async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                tab = Tab(socket)
                await tab.open(page)
                yield tab
                await tab.call("Browser.close")
    finally:
        if browser.returncode is None:
            browser.terminate()
        await browser.wait()


async def _port(file: Path, browser: asyncio.subprocess.Process) -> int:
    """The port Chromium chose, which it writes into its profile when it listens."""
    for _ in range(1200):
        lines = await asyncio.to_thread(lambda: file.read_text().splitlines() if file.exists() else [])
        if lines:
            return int(lines[0])
        assert browser.returncode is None, f"chromium ended with {browser.returncode} before it listened"
        await asyncio.sleep(0.05)
    raise AssertionError("chromium did not say where it listens within a minute")


@pytest.fixture
async def tab(desk_run: RunSummary, tmp_path: Path) -> AsyncIterator[Tab]:
    """The page of two tasks over 120 documents, open and watched; a complaint or a request fails any test."""
    page = tmp_path / "report.html"
    page.write_text(render_run(desk_run), encoding="utf-8")
    async with browse(page, tmp_path / "profile") as tab:
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
    async with browse(page, tmp_path / "profile") as tab:
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
    async with browse(page, tmp_path / "profile") as tab:
        await tab.width(420)
        assert await tab.run("document.documentElement.scrollWidth <= innerWidth")
        assert tab.complaints() == []


def documents(task: TaskSummary) -> list[Shown]:
    kept = [shown for group in task.kept.values() for shown in group]
    return [*task.conflicts, *task.none_fits, *task.unanswered, *kept]


def choose(control: str, value: str) -> str:
    place = f"document.querySelector('#task-1 [data-{control}]')"
    return f"{place}.value = '{value}'; {place}.dispatchEvent(new Event('change'));"
