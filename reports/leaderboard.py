"""The page of an evaluation: the ranking with intervals, what lies behind it, examples to read, how it was measured."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.evaluation import Leaderboard
from ..core.paper_tables import PaperRow
from ..core.training_runs import PaperFigure
from .leaderboard_breakdowns import breakdowns_section
from .leaderboard_examples import examples_section
from .leaderboard_format import format_section
from .leaderboard_measured import measured_section
from .leaderboard_mixings import mixings_section
from .leaderboard_ranking import ranking_section
from .leaderboard_rows import best_of_kinds, sure
from .page import Section, render_page, render_part

_SCRIPTS = ("browse.js",)
_STYLES = ("training.css", "leaderboard.css")


def leaderboard_page(
    board: Leaderboard, reference: Sequence[PaperRow] = (), recipes: Sequence[PaperFigure] = ()
) -> str:
    """The whole page as one HTML file's text. `reference` and `recipes` are printed rows of the paper, shown apart."""
    sections = [
        Section("leaderboard", "Leaderboard", ranking_section(board, reference)),
        Section("format", "Format", format_section(board)),
        Section("breakdown", "Breakdown", breakdowns_section(board, recipes)),
        Section("confusion", "Confusion", mixings_section(board)),
        Section("examples", "Examples", examples_section(board)),
        Section("measured", "How it was measured", measured_section(board)),
    ]
    body = render_part("leaderboard.html", board=board, best=best_of_kinds(board.standings), sure=sure)
    return render_page(
        board.benchmark,
        body,
        kicker="Leaderboard",
        sections=sections,
        generated_at=board.generated_at,
        styles=_STYLES,
        scripts=_SCRIPTS,
    )
