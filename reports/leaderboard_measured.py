"""The leaderboard's tab on how it was measured: what each entry was asked, of whom, at what cost; what numbers mean."""

from __future__ import annotations

from typing import Any

import orjson
from markupsafe import Markup

from ..core.evaluation import EntryInfo, Leaderboard
from .leaderboard_rows import badges, finite, number, order
from .page import count, moment, plural, render_part, seconds_text, usd_text

_MOST_UNANSWERED = 50
_MOST_VALUE = 2000


def measured_section(board: Leaderboard) -> Markup:
    """A table of costs, each entry's settings, and what the measures are."""
    infos = [row.info for row in board.standings]
    entries = [(info, badges(info), _facts(info), list(info.unanswered.items())[:_MOST_UNANSWERED]) for info in infos]
    return render_part(
        "leaderboard_measured.html",
        board=board,
        entries=entries,
        more={info.name: len(info.unanswered) - _MOST_UNANSWERED for info in infos},
        costs=[(info, _seconds(info.seconds), _usd(info.usd)) for info in infos],
        kinds={info.kind for info in infos},
        confidence=number(100 * board.confidence, 0),
        order=order,
    )


def _facts(info: EntryInfo) -> list[tuple[str, str]]:
    """Everything that decided the answers, by name; what is empty is left out."""
    size = f"{number(info.parameters)} billion" if finite(info.parameters) is not None else ""
    facts = [
        ("model", info.model),
        ("parameters", size),
        *((name.replace("_", " "), _value(value)) for name, value in info.settings.items()),
        ("splits", ", ".join(info.splits)),
        ("examples", count(info.examples)),
        ("at most in a cell", "" if info.limit is None else plural(info.limit, "example")),
        ("answers for each example", count(info.samples)),
        ("benchmark", f"{info.benchmark} {info.benchmark_sha256[:12]}"),
        ("made from", info.made_from),
        ("versions", ", ".join(f"{name} {version}" for name, version in sorted(info.versions.items()))),
        ("began", moment(info.started)),
        ("ended", moment(info.ended)),
    ]
    return [(name, value) for name, value in facts if value]


def _value(value: Any) -> str:
    """A setting as a person writes it: text as it is, the rest as JSON, both shortened."""
    text = value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    return text if len(text) <= _MOST_VALUE else text[:_MOST_VALUE] + "…"


def _seconds(seconds: float) -> str:
    known = finite(seconds)
    return "–" if known is None else seconds_text(known)


def _usd(usd: float) -> str:
    known = finite(usd)
    return "–" if known is None else usd_text(known)
