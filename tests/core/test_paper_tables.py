"""The paper's tables: every figure as printed, their sizes, and which means they do not give."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from cluster_r1.core.paper_tables import ROUNDING, departures, paper_recipes, paper_rows

TEXT = Path(__file__).resolve().parents[3] / "shared" / "paper" / "cluster-r1-paper.txt"
"""The paper as text; its tables are lines of cells between bars."""


def printed(columns: int) -> list[tuple[str, tuple[float, ...]]]:
    """The rows of the text with so many figures."""
    rows = []
    for line in TEXT.read_text(encoding="utf-8").splitlines():
        head, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        figures = [cell for cell in cells if re.fullmatch(r"\d+\.\d\d", cell)]
        if len(figures) == columns == len(list(filter(None, cells))):
            rows.append((head, tuple(map(float, figures))))
    return rows


@pytest.mark.skipif(not TEXT.exists(), reason="the paper's text is not on this machine")
def test_tables_1_and_2_are_the_papers() -> None:
    ours = [(row.model, (*(cell.v for cell in row.cells), *row.averages.values(), row.overall)) for row in paper_rows()]
    assert ours == printed(13)


@pytest.mark.skipif(not TEXT.exists(), reason="the paper's text is not on this machine")
def test_tables_3_and_4_are_the_papers() -> None:
    ours = [(figure.c0, figure.c1, figure.c2, figure.average) for figure in paper_recipes()]
    assert ours == [figures for _, figures in printed(4)]


def test_rows_stand_in_the_papers_groups() -> None:
    assert Counter((row.table, row.group) for row in paper_rows()) == {
        (1, "Reasoning Models"): 7,
        (1, "General Models"): 4,
        (1, "Our Models"): 2,
        (2, "K-means"): 5,
        (2, "Gaussian Mixture"): 5,
        (2, "Our Models"): 2,
    }
    assert Counter((figure.table, figure.model) for figure in paper_recipes()) == {
        (3, "7B"): 3,
        (4, "7B"): 3,
        (4, "14B"): 3,
    }


def test_cells_know_the_papers_numbers_of_examples() -> None:
    for row in paper_rows():
        assert [cell.examples for cell in row.cells] == [500, 500, 250, 150, 150, 132, 179, 170, 140]
        assert [(cell.domain, cell.split) for cell in row.cells][:4] == [
            ("lmsy", "c0"),
            ("lmsy", "c1"),
            ("lmsy", "c2"),
            ("echr", "c0"),
        ]


def test_the_means_that_the_papers_own_figures_do_not_give_are_named() -> None:
    found = departures()
    assert [(one.table, one.group, one.row, one.column) for one in found] == [
        (1, "Reasoning Models", "o3", "OVERALL"),
        (1, "Reasoning Models", "Gemini 2.5 Pro", "AVG C2"),
        (1, "Reasoning Models", "Gemini 2.5 Pro", "OVERALL"),
        (1, "Reasoning Models", "DeepSeek-R1", "OVERALL"),
        (1, "General Models", "GPT-4o", "OVERALL"),
        (1, "General Models", "GPT-4.1", "AVG C2"),
        (1, "General Models", "Qwen2.5-72B-Instruct", "OVERALL"),
        (1, "Our Models", "C1-Qwen-7B", "OVERALL"),
        (2, "K-means", "InBedder", "OVERALL"),
        (2, "K-means", "OpenAI-Embedding", "OVERALL"),
        (2, "Gaussian Mixture", "InBedder", "OVERALL"),
        (2, "Gaussian Mixture", "OpenAI-Embedding", "OVERALL"),
        (2, "Our Models", "C1-Qwen-7B", "OVERALL"),
        (4, "7B", "rl", "Ave."),
        (4, "7B", "rl-hint", "Ave."),
        (4, "7B", "distilled-rl-hint", "Ave."),
        (4, "14B", "rl", "Ave."),
        (4, "14B", "rl-hint", "Ave."),
        (4, "14B", "distilled-rl-hint", "Ave."),
    ]
    assert all(abs(one.printed - one.recomputed) > ROUNDING for one in found)
    furthest = max(found, key=lambda one: abs(one.printed - one.recomputed))
    assert (furthest.row, furthest.printed, round(furthest.recomputed, 2)) == ("GPT-4o", 41.26, 36.66)
