"""The run's page in a real browser: no console errors, no request, tabs by keyboard, search, themes, narrow screens."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cluster_r1.reports.run import render_run
from cluster_r1.reports.summary import RunSummary, TaskSummary

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
    log = subprocess.DEVNULL
    browser = subprocess.Popen([CHROMIUM, *SWITCHES, f"--user-data-dir={profile}", "about:blank"], stdout=log, stderr=log)
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
        browser.terminate()
        await asyncio.to_thread(browser.wait, 60)


async def _port(file: Path, browser: subprocess.Popen[bytes]) -> int:
    for _ in range(1200):
        if file.exists() and (lines := file.read_text().splitlines()):
            return int(lines[0])
        assert browser.poll() is None, f"chromium ended with {browser.returncode} before it listened"
        await asyncio.sleep(0.05)
    raise AssertionError("chromium did not say where it listens within a minute")
