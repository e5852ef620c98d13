"""Training recipes beside the paper's rows: which entry is which recipe, and that no figure changes on the way."""

from __future__ import annotations

import leaderboards
import pytest
from cluster_r1.core.evaluation import EVALUATED, Leaderboard
from cluster_r1.core.paper_tables import paper_recipes
from cluster_r1.reports.leaderboard import leaderboard_page
from cluster_r1.reports.leaderboard_recipes import HEADING, recipe_rows
from cluster_r1.reports.leaderboard_tables import leaderboard_markdown

BOARD = leaderboards.board()
NAMES = ["mine-distilled-rl", "rl", "quarrel", "other+rl-hint"]


def renamed() -> Leaderboard:
    standings = [
        one.model_copy(update={"info": one.info.model_copy(update={"name": name})})
        for one, name in zip(BOARD.standings, NAMES, strict=False)
    ]
    return BOARD.model_copy(update={"standings": tuple(standings)})


def test_an_entry_belongs_to_the_longest_recipe_that_its_name_ends_in() -> None:
    rows = recipe_rows(renamed(), paper_recipes())
    own = {row.whose: row.recipe for row in rows if not row.whose.startswith("paper")}
    assert own == {"mine-distilled-rl": "distilled-rl", "rl": "rl", "other+rl-hint": "rl-hint"}


def test_the_papers_rows_are_all_there_as_printed() -> None:
    rows = [row for row in recipe_rows(BOARD, paper_recipes()) if row.whose.startswith("paper")]
    printed = [(figure.arm, round(figure.c0, 2), round(figure.average, 2)) for figure in paper_recipes()]
    found = [(row.recipe, *(round(100 * (row.values[place] or 0), 2) for place in (0, -1))) for row in rows]
    assert sorted(found) == sorted(printed)


def test_an_entrys_mean_is_over_the_splits_that_it_has() -> None:
    board = renamed()
    row = next(row for row in recipe_rows(board, paper_recipes()) if row.whose == "rl")
    splits = board.standings[1].splits
    known = [splits[split].value for split in EVALUATED if split in splits]
    assert row.values[-1] == pytest.approx(sum(value or 0 for value in known) / len(known))


def test_page_and_markdown_show_them_only_when_given() -> None:
    board = renamed()
    assert HEADING in leaderboard_page(board, (), paper_recipes())
    assert HEADING not in leaderboard_page(board)
    text = leaderboard_markdown(board, (), paper_recipes())
    assert "| rl | paper, 14B | 56.39 | 53.57 | 53.71 | 52.76 |" in text
    assert HEADING not in leaderboard_markdown(board)
