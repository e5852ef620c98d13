"""Completions from elsewhere as an entry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cluster_r1.benchmark.files import Benchmark
from cluster_r1.core.answer import render_answer
from cluster_r1.core.errors import SettingsError
from cluster_r1.core.evaluation import AnswerScore, EvaluationFolder
from cluster_r1.core.json_lines import read_lines
from cluster_r1.eval.stored import StoredCompletions, import_completions
from small_benchmark import SmallBenchmark


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> Benchmark:
    return SmallBenchmark().write(tmp_path_factory.mktemp("benchmark"))


@pytest.fixture
def evaluation(tmp_path: Path) -> EvaluationFolder:
    return EvaluationFolder(tmp_path / "evals")


def stored(path: Path, rows: list[dict[str, Any]]) -> StoredCompletions:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return StoredCompletions(path, "batch", parameters=7)


def golden(benchmark: Benchmark) -> list[dict[str, Any]]:
    return [{"id": example.id, "completion": render_answer(example.gold)} for example in benchmark.examples("c1")]


def scores(evaluation: EvaluationFolder) -> list[AnswerScore]:
    return list(read_lines(evaluation.entry("batch").scores, AnswerScore))


def test_a_file_of_completions_is_scored(benchmark: Benchmark, evaluation: EvaluationFolder, tmp_path: Path) -> None:
    rows = golden(benchmark)
    info = import_completions(stored(tmp_path / "f.jsonl", rows), benchmark, evaluation)
    assert (info.splits, info.examples, info.unanswered, info.parameters) == (("c1",), len(rows), {}, 7)
    assert [score.v for score in scores(evaluation)] == [1.0] * len(rows)


def test_several_completions_of_an_example_are_samples(
    benchmark: Benchmark, evaluation: EvaluationFolder, tmp_path: Path
) -> None:
    rows = golden(benchmark)
    worse = [{**row, "completion": "no idea"} for row in rows]
    info = import_completions(stored(tmp_path / "f.jsonl", rows + worse), benchmark, evaluation)
    found = scores(evaluation)
    assert (info.samples, info.examples) == (2, len(rows))
    assert [(score.sample, score.v) for score in found] == [(0, 1.0), (1, 0.0)] * len(rows)


def test_examples_without_a_completion_are_told(
    benchmark: Benchmark, evaluation: EvaluationFolder, tmp_path: Path
) -> None:
    rows = golden(benchmark)
    info = import_completions(stored(tmp_path / "f.jsonl", rows[1:]), benchmark, evaluation)
    assert info.unanswered == {rows[0]["id"]: "no completion in the file"}
    assert len(scores(evaluation)) == len(rows) - 1


def test_another_file_is_another_entry(benchmark: Benchmark, evaluation: EvaluationFolder, tmp_path: Path) -> None:
    rows = golden(benchmark)
    first = stored(tmp_path / "f.jsonl", rows)
    import_completions(first, benchmark, evaluation)
    import_completions(first, benchmark, evaluation)
    other = stored(tmp_path / "g.jsonl", rows[:1])
    with pytest.raises(SettingsError, match="--replace"):
        import_completions(other, benchmark, evaluation)
    import_completions(other, benchmark, evaluation, replace=True)
    assert len(scores(evaluation)) == 1


def test_bad_rows_are_named_before_anything_is_written(
    benchmark: Benchmark, evaluation: EvaluationFolder, tmp_path: Path
) -> None:
    rows = golden(benchmark)
    train = next(benchmark.examples("train"))
    for bad, says in (
        ({"id": "c1/nobody/00000", "completion": "x"}, "no example 'c1/nobody/00000'"),
        ({"id": rows[0]["id"]}, "no column 'completion'"),
        ({"id": train.id, "completion": "x"}, "an example to train on"),
    ):
        with pytest.raises(SettingsError, match=says):
            import_completions(stored(tmp_path / "f.jsonl", [*rows, bad]), benchmark, evaluation)
        assert not evaluation.folder.exists()
