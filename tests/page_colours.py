"""The pages' colours and how well they stand out from each other (WCAG 2)."""

from __future__ import annotations

import re
from pathlib import Path

from cluster_r1.reports import page

FOLDER = Path(page.__file__).parent


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def palette(theme: int) -> dict[str, str]:
    pairs = re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", (FOLDER / "page.css").read_text())
    return {name: colours[theme] for name, *colours in pairs}
