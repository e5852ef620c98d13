"""The shell of every page: one offline HTML file, its style and script inlined, and how numbers are written on it.

What a page shows comes from models and corpora, so it is hostile until escaped: templates escape everything that is
not Markup, and the page's own policy lets a browser run nothing but this script and fetch nothing at all.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import math
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ..core.agreement import Interval

_FOLDER = Path(__file__).parent
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_MINUTE, _HOUR = 60, 3600


class Section(NamedTuple):
    """A tab of the page: `anchor` is its id, without spaces and unique on the page."""

    anchor: str
    label: str
    body: Markup


def render_page(
    title: str,
    body: str,
    *,
    kicker: str = "",
    sections: Sequence[Section] = (),
    generated_at: str = "",
    styles: Sequence[str] = (),
    scripts: Sequence[str] = (),
) -> str:
    """A whole page: `body` stands on top, the sections below it as tabs (one after the other without JavaScript).

    A `body` that is not Markup is text and gets escaped. Characters that HTML does not allow become U+FFFD.
    `styles` and `scripts` are files of this folder that this page needs beyond what every page has.
    """
    style = "\n".join(_asset(name) for name in ("page.css", *styles))
    script = "\n".join(_asset(name) for name in ("page.js", *scripts))
    page = render_part(
        "page.html",
        title=title,
        body=body,
        kicker=kicker,
        sections=sections,
        generated_at=generated_at,
        style=Markup(style),
        script=Markup(script),
        style_hash=_policy_hash(style),
        script_hash=_policy_hash(script),
    )
    return _UNPRINTABLE.sub("\ufffd", page)


def render_part(template: str, **context: Any) -> Markup:
    """A piece of a page from a template of this folder, everything in `context` escaped unless it is Markup."""
    return Markup(_environment().get_template(template).render(context))


def count(number: int) -> str:
    """1234567 -> 1,234,567."""
    return f"{number:,}"


def plural(number: int, one: str, many: str = "") -> str:
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def percent(share: float | None) -> str:
    """0.874 -> 87 %, with a decimal where rounding would claim none or all."""
    if share is None:
        return "–"
    if 0 < share < 0.001:
        return "<0.1\u00a0%"
    if 0.999 < share < 1:
        return ">99.9\u00a0%"
    digits = 1 if 0 < share < 0.01 or 0.99 < share < 1 else 0
    return f"{100 * share:.{digits}f}\u00a0%"


def decimal(value: float | None, digits: int = 2) -> str:
    if value is None:
        return "–"
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "\u2212")


def points(value: float | None) -> str:
    """0.4831 -> 48.3, as the field's tables write V-measures; a dash for what is undefined or not finite."""
    return decimal(100 * value, 1) if value is not None and math.isfinite(value) else "–"


def points_text(interval: Interval, undefined: str = "undefined") -> str:
    """48.3 [45.1, 51.6]; the reason in words where there is no value."""
    if interval.value is None:
        return undefined
    if interval.low is None or interval.high is None:
        return f"{points(interval.value)} (no interval)"
    return f"{points(interval.value)} [{points(interval.low)}, {points(interval.high)}]"


def interval_text(interval: Interval, undefined: str = "undefined") -> str:
    """0.83 [0.75, 0.90]; the reason in words where there is no value."""
    if interval.value is None:
        return undefined
    if interval.low is None or interval.high is None:
        return f"{decimal(interval.value)} (no interval)"
    return f"{decimal(interval.value)} [{decimal(interval.low)}, {decimal(interval.high)}]"


def seconds_text(seconds: float) -> str:
    """0.42 s, 12 s, 3 min 20 s, 2 h 05 min."""
    if seconds < 10:
        return f"{seconds:.2g} s" if 0 < seconds < 1 else f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02d} s"
    return f"{whole // _HOUR:,} h {whole % _HOUR // _MINUTE:02d} min"


def usd_text(usd: float) -> str:
    if usd <= 0:
        return "$0"
    if usd < 0.0001:
        return "<$0.0001"
    return f"${usd:,.4f}" if usd < 0.1 else f"${usd:,.2f}"


def moment(text: str | None) -> str:
    """An ISO 8601 time in words; what is none stays as it is."""
    try:
        at = datetime.datetime.fromisoformat(text or "")
    except ValueError:
        return text or ""
    zone = " UTC" if at.utcoffset() == datetime.timedelta(0) else f" {at:%z}".rstrip()
    return f"{at.day} {at:%B %Y, %H:%M}{zone}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": count,
        "percent": percent,
        "decimal": decimal,
        "interval": interval_text,
        "points": points,
        "points_interval": points_text,
        "seconds": seconds_text,
        "usd": usd_text,
        "moment": moment,
    }
    environment.globals["plural"] = plural
    return environment


@cache
def _asset(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _policy_hash(content: str) -> str:
    """A Content-Security-Policy source that allows exactly this inline content."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
