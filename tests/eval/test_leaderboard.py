"""The leaderboard of entries on disk."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cluster_r1.benchmark.files import Benchmark
from cluster_r1.core.errors import SettingsError, WorkspaceError
from cluster_r1.core.evaluation import EvaluationFolder, Leaderboard
from cluster_r1.eval.entries import Order
from cluster_r1.eval.leaderboard import leaderboard
from made_entries import GOLD, ONE_CLUSTER, ROTATED, SINGLETONS, mostly_invalid, write_entry
from small_benchmark import SmallBenchmark


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> tuple[EvaluationFolder, Benchmark]:
    """Five entries, one of them an oracle; not to be changed."""
    folder = tmp_path_factory.mktemp("evaluation")
    benchmark = SmallBenchmark().write(folder / "benchmark")
    evaluation = EvaluationFolder(folder / "evals")
    write_entry(evaluation, benchmark, "oracle-gold", GOLD, "oracle")
    write_entry(evaluation, benchmark, "rotated", ROTATED)
    write_entry(evaluation, benchmark, "lump", ONE_CLUSTER, "baseline")
    write_entry(evaluation, benchmark, "splitter", SINGLETONS, "baseline")
    write_entry(evaluation, benchmark, "babbler", mostly_invalid, order=Order(samples=2))
    return evaluation, benchmark


@pytest.fixture(scope="module")
def whole(answered: tuple[EvaluationFolder, Benchmark]) -> Leaderboard:
    """Of all of them."""
    return board(answered)


@pytest.fixture
def copied(answered: tuple[EvaluationFolder, Benchmark], tmp_path: Path) -> tuple[EvaluationFolder, Benchmark]:
    """The same, to be changed."""
    shutil.copytree(answered[0].folder, tmp_path / "evals")
    return EvaluationFolder(tmp_path / "evals"), answered[1]


def board(answered: tuple[EvaluationFolder, Benchmark], *entries: str) -> Leaderboard:
    return leaderboard(*answered, entries, resamples=100, generated_at="2026-01-01T00:00:00+00:00")


def names(found: Leaderboard) -> list[str]:
    return [standing.info.name for standing in found.standings]


def test_all_entries_stand_best_first(whole: Leaderboard) -> None:
    values = [standing.weighted.value for standing in whole.standings]
    assert names(whole)[0] == "oracle-gold"
    assert set(names(whole)) == {"oracle-gold", "rotated", "lump", "splitter", "babbler"}
    assert values[0] == 1.0
    assert values == sorted(values, key=lambda value: -(value or 0))
    assert {standing.examples for standing in whole.standings} == {12}
    assert (whole.benchmark, whole.resamples, whole.left_out) == ("small", 100, ())
    assert whole.generated_at == "2026-01-01T00:00:00+00:00"


def test_the_best_entry_that_is_no_oracle_is_compared_with_every_other(whole: Leaderboard) -> None:
    best = next(name for name in names(whole) if name != "oracle-gold")
    assert [comparison.second for comparison in whole.comparisons] == [name for name in names(whole) if name != best]
    assert {comparison.first for comparison in whole.comparisons} == {best}
    assert {comparison.examples for comparison in whole.comparisons} == {12}


def test_each_entry_is_broken_down_along_each_axis(whole: Leaderboard) -> None:
    assert [(one.entry, one.axis) for one in whole.breakdowns] == [
        (name, axis) for name in names(whole) for axis in ("texts", "clusters", "tokens", "task")
    ]
    assert {sum(bin_.examples for bin_ in one.bins) for one in whole.breakdowns} == {12}


def test_mixings_are_of_all_tasks_that_are_asked(whole: Leaderboard) -> None:
    together = {(mixing.entry, mixing.task): mixing.together for mixing in whole.mixings}
    for task in ("court-0", "court-1", "court-2", "chat-0", "chat-1", "chat-2"):
        assert together["oracle-gold", task] == ((1, 0, 0), (0, 1, 0), (0, 0, 1))
        assert together["lump", task] == ((1, 1, 1),) * 3
        assert together["splitter", task] == ((0, 0, 0),) * 3


def test_examples_show_all_entries_but_oracles(whole: Leaderboard) -> None:
    assert whole.examples
    for example in whole.examples:
        assert [answer.entry for answer in example.answers] == [name for name in names(whole) if name != "oracle-gold"]


def test_where_there_are_only_oracles_they_are_shown(answered: tuple[EvaluationFolder, Benchmark]) -> None:
    found = board(answered, "oracle-gold")
    assert [answer.entry for example in found.examples for answer in example.answers][:1] == ["oracle-gold"]
    assert found.comparisons == ()


def test_without_the_benchmark_there_are_figures_only(
    answered: tuple[EvaluationFolder, Benchmark], whole: Leaderboard
) -> None:
    without = leaderboard(answered[0], resamples=100)
    assert without.standings == whole.standings
    assert without.breakdowns == whole.breakdowns
    assert (without.mixings, without.examples) == ((), ())


def test_the_same_entries_give_the_same_leaderboard(
    answered: tuple[EvaluationFolder, Benchmark], whole: Leaderboard
) -> None:
    assert board(answered).model_dump_json() == whole.model_dump_json()


def test_named_entries_stand_alone(answered: tuple[EvaluationFolder, Benchmark]) -> None:
    assert names(board(answered, "lump", "rotated")) == ["rotated", "lump"]


def test_an_unknown_name_is_told_what_there_is(answered: tuple[EvaluationFolder, Benchmark]) -> None:
    with pytest.raises(SettingsError, match=r"no entry 'lumps'.*babbler, lump, oracle-gold, rotated, splitter"):
        board(answered, "lumps")


def test_folders_that_are_no_entries_are_passed_over(copied: tuple[EvaluationFolder, Benchmark]) -> None:
    evaluation, _ = copied
    shutil.copytree(evaluation.entry("lump").folder, evaluation.replaced / "lump-1")
    (evaluation.folder / "notes").mkdir()
    (evaluation.folder / "leaderboard.md").write_text("old")
    assert len(names(board(copied))) == 5


def test_a_copied_entry_is_called_as_its_folder(copied: tuple[EvaluationFolder, Benchmark]) -> None:
    evaluation, _ = copied
    shutil.copytree(evaluation.entry("rotated").folder, evaluation.entry("rotated-again").folder)
    assert [name for name in names(board(copied)) if name.startswith("rotated")] == ["rotated", "rotated-again"]


def test_an_entry_without_answers_is_left_out_and_named(copied: tuple[EvaluationFolder, Benchmark]) -> None:
    evaluation, _ = copied
    entry = evaluation.entry("splitter")
    entry.completions.unlink()
    entry.scores.unlink()
    found = board(copied)
    assert found.left_out == ("splitter",)
    assert "splitter" not in names(found)
    with pytest.raises(SettingsError, match=r"no entry in .* has a score yet, neither of splitter"):
        board(copied, "splitter")


def test_an_evaluation_without_entries_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="has no entry; `cluster-r1 eval run` makes one"):
        leaderboard(EvaluationFolder(tmp_path / "evals"))


def test_an_entry_that_was_killed_before_it_was_scored_is_left_out_and_named(
    copied: tuple[EvaluationFolder, Benchmark],
) -> None:
    copied[0].entry("lump").scores.unlink()
    found = board(copied)
    assert found.left_out == ("lump",)
    assert "lump" not in names(found)


def test_damaged_scores_are_named_with_what_to_do(copied: tuple[EvaluationFolder, Benchmark]) -> None:
    scores = copied[0].entry("lump").scores
    scores.write_text(scores.read_text().replace('"example"', '"exam', 3))
    with pytest.raises(WorkspaceError, match=r"scores.jsonl line 1 .* run its `cluster-r1 eval` command again"):
        board(copied)


def test_entries_of_different_benchmarks_do_not_mix(copied: tuple[EvaluationFolder, Benchmark], tmp_path: Path) -> None:
    small = SmallBenchmark()
    small.tasks[0] = small.tasks[0].model_copy(update={"instruction": "Cluster them by something else."})
    other = small.write(tmp_path / "other")
    write_entry(copied[0], other, "stranger", GOLD)
    with pytest.raises(SettingsError, match=r"different benchmarks .*'small', .*stranger.*; choose those of one with"):
        board(copied)
    assert names(leaderboard(copied[0], other, ["stranger"], resamples=10)) == ["stranger"]
    with pytest.raises(SettingsError, match=r"is not what the entries answered \('small'"):
        leaderboard(copied[0], other, ["lump"], resamples=10)


def test_entries_without_a_common_example_stand_side_by_side_uncompared(
    copied: tuple[EvaluationFolder, Benchmark],
) -> None:
    evaluation, benchmark = copied
    write_entry(evaluation, benchmark, "here", ROTATED, order=Order(("c0",)))
    write_entry(evaluation, benchmark, "there", ONE_CLUSTER, order=Order(("c2",)))
    found = board(copied, "here", "there")
    assert len(found.standings) == 2
    assert found.comparisons == ()
