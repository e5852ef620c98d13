"""Standings: means over cells, splits and examples, the paper's tables as golden figures, intervals that cover."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Iterator
from statistics import fmean

import numpy as np
import pytest
from cluster_r1.core.agreement import Interval
from cluster_r1.core.errors import SettingsError, WorkspaceError
from cluster_r1.core.evaluation import EVALUATED, AnswerScore, Standing
from cluster_r1.core.paper_tables import ROUNDING, PaperRow, departures, paper_rows
from cluster_r1.eval.bootstrap import CellMeans
from cluster_r1.eval.standings import standing
from hypothesis import given, settings
from hypothesis import strategies as st
from leaderboards import info
from scored import answer_score, cell_scores, invalid

ECHR, CHAT = ("echr", "c0"), ("chat", "c2")


def figures(scores: list[AnswerScore], resamples: int = 200, seed: int = 0) -> Standing:
    return standing(info("x"), scores, resamples, seed=seed)


def test_cells_splits_macro_and_weighted() -> None:
    scores = cell_scores([0.2, 0.4, 0.6], ECHR) + cell_scores([1.0], ("chat", "c0")) + cell_scores([0.5, 0.7], CHAT)
    found = figures(scores)
    assert [(cell.domain, cell.split, cell.examples) for cell in found.cells] == [
        ("chat", "c0", 1),
        ("chat", "c2", 2),
        ("echr", "c0", 3),
    ]
    assert [cell.v.value for cell in found.cells] == pytest.approx([1.0, 0.6, 0.4])
    assert list(found.splits) == ["c0", "c2"]
    assert found.splits["c0"].value == pytest.approx(0.7)
    assert found.splits["c2"].value == pytest.approx(0.6)
    assert found.macro.value == pytest.approx(2 / 3)
    assert found.weighted.value == pytest.approx(3.4 / 6)
    assert (found.examples, found.answers) == (6, 6)


def test_samples_of_an_example_are_averaged_first() -> None:
    scores = [answer_score("a", v, ECHR, sample=sample) for sample, v in enumerate((0.0, 0.3, 0.6))]
    scores += [answer_score("b", 0.9, ECHR), invalid("b", "tags", ECHR, sample=1)]
    found = figures(scores)
    assert found.weighted.value == pytest.approx((0.3 + 0.45) / 2)
    assert found.valid.value == pytest.approx((1 + 0.5) / 2)
    assert (found.examples, found.answers, found.errors) == (2, 5, {"tags": 1})


def test_what_is_counted_over_answers() -> None:
    scores = [
        answer_score("a", 1.0, k_pred=3, completion_tokens=10),
        answer_score("b", 0.5, k_pred=5, ari=0.1, ami=0.2, homogeneity=0.3, completeness=0.4),
        answer_score("c", 0.5, k_pred=2),
        invalid("d", "missing", cut=True, completion_tokens=30),
        *(invalid(name, "tags") for name in "ef"),
        invalid("g", "duplicate"),
    ]
    found = figures(scores)
    assert list(found.errors.items()) == [("tags", 2), ("duplicate", 1), ("missing", 1)]
    assert (found.k_right, found.k_error, found.k_bias) == pytest.approx((1 / 7, 1.0, 1 / 3))
    assert (found.cut, found.completion_tokens, found.valid.value) == pytest.approx((1 / 7, 40 / 7, 3 / 7))
    assert (found.ari.value, found.ami.value) == pytest.approx((1.6 / 7, 1.7 / 7))
    assert (found.homogeneity, found.completeness) == pytest.approx((1.8 / 7, 1.9 / 7))


def test_without_a_valid_answer_nothing_is_said_of_k() -> None:
    found = figures([invalid("a", "tags"), invalid("b", "tags")])
    assert (found.k_right, found.k_error, found.k_bias) == (0.0, None, None)
    assert found.weighted == Interval(0.0, 0.0, 0.0)


def test_a_perfect_entry_is_exactly_perfect() -> None:
    found = figures(cell_scores([1.0] * 7, ECHR) + cell_scores([1.0] * 3, CHAT) + cell_scores([1.0], ("chat", "c1")))
    perfect = Interval(1.0, 1.0, 1.0)
    assert found.weighted == found.macro == found.ari == found.valid == found.splits["c0"] == perfect
    assert found.splits["c1"] == Interval(1.0, None, None)


def test_nothing_can_be_said_of_a_single_example() -> None:
    found = figures(cell_scores([0.3], ECHR) + cell_scores([0.2, 0.8], CHAT))
    assert {cell.domain: cell.v for cell in found.cells}["echr"] == Interval(0.3, None, None)
    assert found.weighted.low is not None
    alone = figures(cell_scores([0.3], ECHR))
    assert alone.weighted == alone.macro == alone.splits["c0"] == Interval(0.3, None, None)


def test_order_does_not_matter_and_the_seed_does() -> None:
    chance = random.Random(0)
    scores = cell_scores([chance.random() for _ in range(40)], ECHR)
    shuffled = chance.sample(scores, len(scores))
    assert figures(scores) == figures(shuffled)
    assert figures(scores).weighted != figures(scores, seed=1).weighted


def test_no_score_and_settings_out_of_bounds_are_refused() -> None:
    with pytest.raises(WorkspaceError, match="entry 'x' has no scored answer"):
        figures([])
    with pytest.raises(SettingsError, match=r"got 0 and 0\.95"):
        figures(cell_scores([0.5, 0.6]), resamples=0)
    with pytest.raises(SettingsError, match="got 10 and 95"):
        standing(info("x"), cell_scores([0.5]), 10, confidence=95)


@settings(max_examples=30)
@given(st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=8), min_size=1, max_size=4))
def test_an_interval_holds_its_value_between_the_extremes(cells: list[list[float]]) -> None:
    scores = [one for place, values in enumerate(cells) for one in cell_scores(values, (f"d{place}", "c1"))]
    found = figures(scores, resamples=50)
    for interval in (found.weighted, found.macro, found.splits["c1"], *(cell.v for cell in found.cells)):
        assert interval.value is not None
        if interval.low is not None and interval.high is not None:
            lowest, highest = min(map(min, cells)), max(map(max, cells))
            assert lowest - 1e-9 <= interval.low <= interval.high <= highest + 1e-9
    assert found.weighted.value == pytest.approx(fmean(v for values in cells for v in values))


def as_scores(row: PaperRow) -> Iterator[AnswerScore]:
    """Examples whose means are the cells as printed: as many as the paper has, half of them above, half below."""
    for cell in row.cells:
        mean, spread = cell.v / 100, min(cell.v, 100 - cell.v) / 100
        signs = [1, -1] * (cell.examples // 2) + [0] * (cell.examples % 2)
        yield from cell_scores([mean + sign * spread for sign in signs], (cell.domain, cell.split))


@pytest.mark.parametrize("row", paper_rows(), ids=lambda row: f"{row.table}-{row.group}-{row.model}")
def test_the_papers_tables_are_recomputed(row: PaperRow) -> None:
    """Every mean of Tables 1 and 2 comes out as printed, but for those that its cells do not give (`departures`)."""
    found = standing(info(row.model), as_scores(row), resamples=10)
    own = {
        one.column: one for one in departures() if (one.table, one.group, one.row) == (row.table, row.group, row.model)
    }
    printed = {f"AVG {split.upper()}": row.averages[split] for split in EVALUATED} | {"OVERALL": row.overall}
    ours = {f"AVG {split.upper()}": found.splits[split].value for split in EVALUATED} | {
        "OVERALL": found.weighted.value
    }
    assert found.examples == 2171
    for column, value in ours.items():
        assert value is not None
        if column in own:
            assert 100 * value == pytest.approx(own[column].recomputed, abs=1e-9)
            assert abs(100 * value - printed[column]) > ROUNDING
        else:
            assert 100 * value == pytest.approx(printed[column], abs=ROUNDING)


def test_memory_is_bounded_whatever_is_drawn() -> None:
    values = np.random.default_rng(0).random((10_000, 6))
    tracemalloc.start()
    try:
        CellMeans([values], 300, 0.95, 0)
        assert tracemalloc.get_traced_memory()[1] < 100_000_000
    finally:
        tracemalloc.stop()


def test_a_piece_at_a_time_gives_what_all_at_once_would() -> None:
    values = np.random.default_rng(1).random((3000, 1))
    drawn = CellMeans([values], 1000, 0.95, 0).replicates[:, 0, 0]
    assert drawn.mean() == pytest.approx(values.mean(), abs=0.001)
    assert drawn.std() == pytest.approx(values.std() / np.sqrt(3000), rel=0.1)
    assert len(np.unique(drawn)) == 1000


@pytest.mark.slow
def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(7)
    cells = {("court", "c0"): (2.0, 5.0, 60), ("court", "c1"): (8.0, 2.0, 40), ("chat", "c1"): (3.0, 3.0, 80)}
    means = [a / (a + b) for a, b, _ in cells.values()]
    truth = {"macro": fmean(means), "weighted": np.average(means, weights=[n for *_, n in cells.values()])}
    hits = dict.fromkeys(truth, 0)
    worlds = 400
    for _ in range(worlds):
        found = figures([s for cell, (a, b, n) in cells.items() for s in cell_scores(rng.beta(a, b, n).tolist(), cell)])
        for name, interval in (("macro", found.macro), ("weighted", found.weighted)):
            assert interval.low is not None
            assert interval.high is not None
            hits[name] += interval.low <= truth[name] <= interval.high
    for hit in hits.values():
        assert 0.91 <= hit / worlds <= 0.98
