"""The leaderboard's tab on format: how many answers can be read at all, and why the others cannot."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from ..core.evaluation import Leaderboard, Standing
from .charts import Part, Tone, stacks
from .leaderboard_rows import KIND_WORDS, LOOKS, order, sure
from .page import points_text, render_part
from .scatter import Spot, scatter, shape, share_axis, spot_list
from .training_completions import error_words

_TONES: tuple[Tone, ...] = ("conflict", "none", "kept")
"""Of the most frequent kinds of error over all entries; the others together are hollow."""


def format_section(board: Leaderboard) -> Markup:
    """V against the share of valid answers (paper Fig. 16), and invalid answers by kind."""
    spots = [
        Spot(row.info.name, sure(row.valid), sure(row.weighted), LOOKS[row.info.kind], _format_words(row))
        for row in board.standings
    ]
    kinds = {row.info.kind for row in board.standings}
    return render_part(
        "leaderboard_format.html",
        picture=scatter("V against valid answers", spots, share_axis("valid answers, %"), share_axis("V"), tall=320),
        who=spot_list(spots),
        shapes=[(shape(LOOKS[kind]), words) for kind, words in KIND_WORDS.items() if kind in kinds],
        errors=_errors(board.standings),
        rows=[
            (row, [(error_words(kind), found) for kind, found in row.errors.items() if found])
            for row in board.standings
        ],
        order=order,
        sure=sure,
    )


def _format_words(row: Standing) -> str:
    return f"V {points_text(sure(row.weighted))} at {points_text(sure(row.valid))} % valid answers"


def _errors(standings: Sequence[Standing]) -> Markup | None:
    """Invalid answers of each entry that has some, divided into the most frequent kinds of all."""
    totals: dict[str, int] = {}
    for row in standings:
        for kind, found in row.errors.items():
            totals[kind] = totals.get(kind, 0) + found
    if not sum(totals.values()):
        return None
    named = sorted(totals, key=lambda kind: (-totals[kind], kind))[: len(_TONES)]
    rows = []
    for row in standings:
        if sum(row.errors.values()):
            parts = [
                Part(error_words(kind), row.errors.get(kind, 0), tone)
                for kind, tone in zip(named, _TONES, strict=False)
            ]
            rest = sum(found for kind, found in row.errors.items() if kind not in named)
            rows.append((row.info.name, [*parts, *([Part("other kinds", rest, "open")] if len(totals) > 3 else [])]))
    return stacks("Invalid answers by kind", rows)
