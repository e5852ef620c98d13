"""A picture of an offline page for the docs: `python tests/take_picture.py PAGE PICTURE [TAB]`, TAB the id of a tab."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from browser import browse


async def take(page: str, picture: Path, tab_id: str = "") -> None:
    """The page at an address, in its whole length, in the light theme, 1,200 pixels wide."""
    with tempfile.TemporaryDirectory() as profile:
        async with browse(page, Path(profile)) as tab:
            await tab.width(1200, 900)
            await tab.prefer("light")
            if tab_id:
                await tab.click(f"#tab-{tab_id}")
            await tab.run("scrollTo(0, 0)")
            await tab.screenshot(picture, whole=True)


if __name__ == "__main__":
    asyncio.run(take(Path(sys.argv[1]).resolve().as_uri(), Path(sys.argv[2]), *sys.argv[3:4]))
