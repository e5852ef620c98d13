"""Tables of the leaderboard: every entry in every format, hostile names, bold bests, the paper apart, comparisons."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable

import pytest
from cluster_r1.core.agreement import Interval
from cluster_r1.core.evaluation import Leaderboard
from cluster_r1.core.paper_tables import paper_rows
from cluster_r1.reports.leaderboard_tables import (
    PAPER_HEADING,
    comparison_lines,
    leaderboard_csv,
    leaderboard_latex,
    leaderboard_lines,
    leaderboard_markdown,
)
from hypothesis import given
from hypothesis import strategies as st
from leaderboards import HOSTILE, board, comparison, info, standing, standings

FORMATS = [leaderboard_markdown, leaderboard_csv, leaderboard_latex, lambda found: "\n".join(leaderboard_lines(found))]


def markdown_tables(text: str) -> list[list[list[str]]]:
    """Tables of Markdown as rows of cells, without their rules; a bar behind a backslash divides nothing."""
    blocks = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    return [
        [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in (lines[0], *lines[2:])]
        for lines in blocks
    ]


def records(found: Leaderboard) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(leaderboard_csv(found))))


def latex_rows(text: str) -> list[list[str]]:
    """Rows of figures of the first table."""
    lines = text.partition(r"\end{tabular}")[0].splitlines()
    return [re.split(r" (?<!\\)& ", line.removesuffix(r" \\")) for line in lines if " & " in line]


@pytest.mark.parametrize("table", FORMATS)
def test_every_entry_is_there_and_the_same_board_makes_the_same_bytes(table: Callable[..., str]) -> None:
    text = table(board())
    assert text == table(board())
    for row in standings():
        assert row.info.name in text or row.info.name == HOSTILE


def test_the_terminal_has_a_line_an_entry_in_columns() -> None:
    head, *lines = leaderboard_lines(board())
    assert head.split()[:3] == ["#", "entry", "kind"]
    assert len(lines) == len(standings())
    assert " ".join(lines[1].split()) == (
        "2 qwen-14b model 68.76 [66.76, 70.76] 68.00 71.00 68.00 65.00 96.00 46.24 65.28 0.64 1,234"
    )
    assert "another task" in lines[0]
    assert "another task" in lines[2]
    assert "7 texts left out" in lines[3]
    assert "2 unanswered" in lines[4]
    assert " – " in lines[5]
    assert len({line.index("]") for line in lines}) == 1


def test_a_terminal_is_not_obeyed_by_a_name() -> None:
    lines = list(leaderboard_lines(board((standing(info("a\x1b[2Jb\nc"), 0.5),), left_out=("late\x07",))))
    assert lines[1].split()[1:3] == ["a?[2Jb", "c"]
    assert lines[-1] == "Without a score yet: late?"


def test_markdown_has_the_ranking_the_cells_and_the_comparisons() -> None:
    ranking, cells, compared = markdown_tables(leaderboard_markdown(board()))
    assert [row[1] for row in ranking[1:4]] == ["gold", "qwen-14b", "qwen-0.6b-constrained"]
    assert ranking[1][2:4] == ["oracle", "another task"]
    assert cells[0][:3] == ["kind", "entry", "chat C0"]
    assert cells[0][-4:] == ["AVG C0", "AVG C1", "AVG C2", "OVERALL"]
    assert cells[1][1:3] == ["qwen-14b", "71.00"]
    assert [row[1] for row in cells[1:] if row[1].endswith("†")] == [cells[2][1]]
    assert compared[2][:3] == ["qwen-14b", "qwen-0.6b-constrained", r"+16.00 \[+13.00, +19.00\]"]
    for table in (ranking, cells, compared):
        assert {len(row) for row in table} == {len(table[0])}


def test_markdown_shows_a_hostile_name_as_it_is() -> None:
    ranking, *_ = markdown_tables(leaderboard_markdown(board()))
    shown = ranking[5][1]
    assert re.sub(r"\\([^A-Za-z0-9\s])", r"\1", shown) == HOSTILE
    assert re.search(r"(?<!\\)<", shown) is None


def test_csv_has_every_figure_as_it_is() -> None:
    rows = records(board())
    for record, row in zip(rows, standings(), strict=True):
        for name, interval in (("v", row.weighted), ("macro", row.macro), ("v_c1", row.splits["c1"]), ("ari", row.ari)):
            ends = [float(record[name]), float(record[f"{name} low"]), float(record[f"{name} high"])]
            assert Interval(*ends) == interval
        assert int(record["error_missing"]) == row.errors.get("missing", 0)
        assert float(record["k_right"]) == row.k_right
        assert record["chat/c1 examples"] == "48"
    assert (rows[0]["court/c2"], rows[0]["court/c2 low"], rows[0]["court/c2 high"]) == ("1.0", "", "")
    assert (rows[5]["k_error"], rows[5]["samples"], rows[4]["unanswered"]) == ("", "3", "2")
    assert float(rows[1]["k_bias"]) < 0


def test_csv_text_is_no_formula() -> None:
    names = [HOSTILE, "+1", "-x", "@y", "a=b", "\t=1\r"]
    found = records(board(tuple(standing(info(name), 0.5) for name in names)))
    assert [record["entry"] for record in found] == ["'" + HOSTILE, "'+1", "'-x", "'@y", "a=b", "'=1"]


def test_latex_has_the_papers_layout_with_the_best_in_bold() -> None:
    text = leaderboard_latex(board())
    over, under, *rows = latex_rows(text)
    assert over == ["", *(rf"\multicolumn{{3}}{{c}}{{{name}}}" for name in ("chat", "court", "AVG")), "OVERALL"]
    assert under == ["Entry", *("C0", "C1", "C2") * 3, "V"]
    assert {len(row) for row in rows} == {11}
    assert rows[0] == ["qwen-14b", *(rf"\textbf{{{v}}}" for v in ("71.00", "68.00", "65.00") * 3), r"\textbf{68.76}"]
    assert [row for row in rows[1:] if r"\textbf" in "".join(row)] == []
    assert [rows[-1][0], rows[-1][-1]] == ["gold", "100.00"]
    groups = re.findall(r"\\textit\{(.*?)\}", text)
    assert groups == ["Model", "Constrained model", "Baseline", "Oracle"]
    assert [row[0] for row in rows if row[0].endswith(r"$^\dagger$")] == [rows[1][0]]


def test_latex_shows_equal_bests_both_bold_and_missing_cells_as_dashes() -> None:
    partial = standing(info("partial"), 0.6)
    partial = partial.model_copy(update={"cells": partial.cells[:1], "splits": {"c0": Interval(0.63, None, None)}})
    *_, first, second = latex_rows(leaderboard_latex(board((standing(info("whole"), 0.6), partial))))
    assert first[4] == second[4] == r"\textbf{63.00}"
    assert second[1:4] == ["--", "--", "--"]
    assert second[8:10] == ["--", "--"]


def test_latex_is_not_broken_by_a_name() -> None:
    text = leaderboard_latex(board((standing(info("[x]*"), 0.4), standing(info(HOSTILE), 0.3))))
    rows = latex_rows(text)
    assert rows[2][0] == "{[}x{]}{*}"
    escaped = r"=SUM(1)\textbar{}\textless{}script\textgreater{}alert(1)\textless{}/script\textgreater{}"
    assert rows[3][0] == escaped + r"\&\_\%\$\#\{x\}\textasciitilde{}\textasciicircum{}\textbackslash{}end"


@given(st.text(max_size=30))
def test_any_name_stays_in_its_cell(name: str) -> None:
    found = board((standing(info(name), 0.4), standing(info("other"), 0.3)))
    (ranking, _, _) = markdown_tables(leaderboard_markdown(found))
    assert [len(row) for row in ranking] == [14] * 3
    assert [len(row) for row in latex_rows(leaderboard_latex(found))[1:]] == [11] * 3
    assert len(list(leaderboard_lines(found))) == 3
    assert [record["rank"] for record in records(found)] == ["1", "2"]


@pytest.mark.parametrize("table", [leaderboard_markdown, leaderboard_latex])
def test_the_papers_rows_stand_apart_under_their_own_heading(table: Callable[..., str]) -> None:
    own, _, printed = table(board(), paper_rows()).partition(PAPER_HEADING)
    assert PAPER_HEADING not in table(board())
    assert "Gemini" not in own
    for row in paper_rows():
        assert row.model in printed
        assert f"{row.overall:.2f}" in printed
    assert printed.count(PAPER_HEADING) == 1
    assert r"\textbf" not in printed


@pytest.mark.parametrize("table", FORMATS)
def test_no_entry_makes_a_table_too(table: Callable[..., str]) -> None:
    assert "qwen" not in table(board(()))


def test_a_comparison_in_words() -> None:
    rows = standings()
    said = list(comparison_lines(comparison(rows[1], rows[3])))
    assert said[0] == (
        "qwen-14b is ahead of minilm-kmeans on 153 examples that both answered: qwen-14b has V 68.76, minilm-kmeans"
        " 47.76; the difference is +21.00 [+18.00, +24.00]."
    )
    assert "better on 120, equal on 3, worse on 30" in said[2]
    assert said[3] == "Two-sided p: <0.001 (permutation test), <0.001 (Wilcoxon signed-rank test)."
    assert said[4] == "Left out: 2 examples that only qwen-14b answered."
    assert said[-1].split() == ["chat", "C2", "+21.00", "[+17.00,", "+25.00]", "25"]
    assert "court   C2        +21.00 (no interval)         1" in said


def test_who_is_behind_who_is_level_and_what_may_be_chance() -> None:
    rows = standings()
    behind = comparison(rows[3], rows[1])
    assert next(comparison_lines(behind)).startswith("qwen-14b is ahead of minilm-kmeans on")
    unsure = behind.model_copy(update={"difference": Interval(-0.01, -0.03, 0.01)})
    assert next(comparison_lines(unsure)).endswith("-1.00 [-3.00, +1.00]. That may be chance.")
    level = behind.model_copy(update={"difference": Interval(0.0, 0.0, 0.0), "wilcoxon_p": None, "permutation_p": 1.0})
    said = list(comparison_lines(level))
    assert said[0].startswith("minilm-kmeans and qwen-14b are level on 153 examples")
    assert said[3] == "Two-sided p: 1.000 (permutation test), – (Wilcoxon signed-rank test)."
