"""A real Chromium over the DevTools protocol, for tests of pages: open, type, click, wait, download, take pictures."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

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
KEYS = {
    "Backspace": 8,
    "Tab": 9,
    "Enter": 13,
    "Escape": 27,
    "End": 35,
    "Home": 36,
    "ArrowLeft": 37,
    "ArrowUp": 38,
    "ArrowRight": 39,
    "ArrowDown": 40,
    "Delete": 46,
}
MODIFIERS = {"Alt": 1, "Control": 2, "Meta": 4, "Shift": 8}
PATIENCE_S = 60.0

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH: apt-get install chromium")


class BrowserError(Exception):
    """The browser refused a command, e.g. because the page it was meant for is being replaced."""


class Tab:
    """A tab over the DevTools protocol; what the page logs, throws, asks people and asks the network is collected.

    A dialog (alert, confirm, "leave this page?") is accepted at once, and its message kept in `dialogs`.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self.events: list[dict[str, Any]] = []
        self.dialogs: list[str] = []

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        number = await self._send(method, **params)
        while True:
            message = await self._next()
            if message.get("id") == number:
                if "error" in message:
                    raise BrowserError(f"{method}: {message['error']}")
                return message["result"]

    async def open(self, url: str) -> None:
        """Go to the address and wait until it is loaded; opening the address shown already reloads it."""
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            await self.call(f"{domain}.enable")
        before = len(self.events)
        done = await self.call("Page.navigate", url=url)
        assert "errorText" not in done, done
        if "loaderId" in done:  # absent when only the part behind # changed: nothing is loaded then
            await self._event("Page.loadEventFired", before)

    async def reload(self) -> None:
        before = len(self.events)
        await self.call("Page.reload")
        await self._event("Page.loadEventFired", before)

    async def run(self, expression: str) -> Any:
        """The value of an expression in the page, a promise's when it settles."""
        done = await self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    async def wait(self, condition: str, patience: float = PATIENCE_S) -> None:
        """Until the expression is true; one that throws (nothing there yet) is not true."""
        guarded = f"(() => {{ try {{ return Boolean({condition}); }} catch {{ return false; }} }})()"
        end = time.monotonic() + patience
        while time.monotonic() < end:
            try:
                if await self.run(guarded):
                    return
            except BrowserError:  # the page was left while the expression ran
                pass
            await asyncio.sleep(0.05)
        raise AssertionError(f"not true within {patience:g} s: {condition}")

    async def click(self, selector: str) -> None:
        """A real click on the middle of the first visible element that matches, waiting for it to be there."""
        found = f"[...document.querySelectorAll({json.dumps(selector)})].find(e => e.checkVisibility())"
        await self.wait(found)
        await self.run(f"{found}.scrollIntoView({{block: 'center', behavior: 'instant'}})")
        box = await self.run(
            f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])({found}.getBoundingClientRect())"
        )
        place = {"x": box[0], "y": box[1], "button": "left", "clickCount": 1}
        for kind in ("mousePressed", "mouseReleased"):
            await self.call("Input.dispatchMouseEvent", type=kind, **place)

    async def press(self, key: str, *held: str) -> None:
        """A key by its name (`ArrowRight`, `Enter`, `a`), with the names of the modifiers that are held down."""
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        typed = text if not set(held) - {"Shift"} else ""
        code = KEYS[key] if key in KEYS else ord(key.upper())
        pressed = {
            "key": key,
            "code": key if key in KEYS else f"Digit{key}" if key.isdigit() else f"Key{key.upper()}",
            "windowsVirtualKeyCode": code,
            "modifiers": sum(MODIFIERS[name] for name in held),
        }
        await self.call("Input.dispatchKeyEvent", type="keyDown" if typed else "rawKeyDown", text=typed, **pressed)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **pressed)

    async def type(self, text: str) -> None:
        """Text into whatever has the focus, as one insertion at the caret."""
        await self.call("Input.insertText", text=text)

    async def fill(self, selector: str, text: str) -> None:
        """Click the field, select what stands in it and type over it."""
        await self.click(selector)
        await self.press("a", "Control")
        await self.type(text)

    async def prefer(self, scheme: str) -> None:
        await self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    async def width(self, pixels: int, height: int = 800) -> None:
        size = {"width": pixels, "height": height, "deviceScaleFactor": 1, "mobile": False}
        await self.call("Emulation.setDeviceMetricsOverride", **size)

    async def screenshot(self, file: Path, *, whole: bool = False) -> None:
        """A PNG of what is seen, or of the whole length of the page."""
        shot = await self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        await asyncio.to_thread(_write, file, base64.b64decode(shot["data"]))

    async def save_downloads(self, folder: Path) -> None:
        """Let the page's downloads land in the folder, which is made when it is missing."""
        await self.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder), eventsEnabled=True)

    def complaints(self) -> list[dict[str, Any]]:
        """Exceptions, console errors and what the browser logged itself (a refused script or style, a failed load)."""
        noisy = {"Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"}
        return [event for event in self.events if event["method"] in noisy]

    def requests(self) -> list[str]:
        """Addresses asked for, in order; what never leaves the page (data: and blob:) is left out."""
        sent = [e["params"]["request"]["url"] for e in self.events if e["method"] == "Network.requestWillBeSent"]
        return [url for url in sent if not url.startswith(("data:", "blob:"))]

    async def _event(self, method: str, after: int) -> None:
        while not any(event["method"] == method for event in self.events[after:]):
            await self._next()

    async def _send(self, method: str, **params: Any) -> int:
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": params})
        return self._number

    async def _next(self) -> dict[str, Any]:
        message = await self._socket.receive_json(timeout=PATIENCE_S)
        if "method" in message:
            self.events.append(message)
        if message.get("method") == "Page.javascriptDialogOpening":
            self.dialogs.append(f"{message['params']['type']}: {message['params']['message']}")
            await self._send("Page.handleJavaScriptDialog", accept=True)
        return message


async def downloaded(file: Path, patience: float = PATIENCE_S) -> Path:
    """The file, once a download has written the whole of it (Chromium renames it then)."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if await asyncio.to_thread(file.exists):
            return file
        await asyncio.sleep(0.05)
    raise AssertionError(f"{file} was not downloaded within {patience:g} s")


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


@asynccontextmanager
async def browse(url: str, profile: Path, switches: Sequence[str] = ()) -> AsyncIterator[Tab]:
    """Chromium with the address open; ended by its own command, then by its process.

    The profile folder keeps cookies and storage, so that the same folder opened again is the same person returning.
    """
    assert CHROMIUM is not None
    (profile / "DevToolsActivePort").unlink(missing_ok=True)
    quiet = asyncio.subprocess.DEVNULL
    browser = await asyncio.create_subprocess_exec(
        CHROMIUM, *SWITCHES, *switches, f"--user-data-dir={profile}", "about:blank", stdout=quiet, stderr=quiet
    )
    try:
        port = await _port(profile / "DevToolsActivePort", browser)
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                target = next(t for t in json.loads(await answer.text()) if t["type"] == "page")
            async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                tab = Tab(socket)
                await tab.open(url)
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
