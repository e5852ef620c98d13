"""Rows to train on, from a benchmark and from exported files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cluster_r1.benchmark.exports.formats import export_benchmark
from cluster_r1.benchmark.files import Benchmark
from cluster_r1.core.answer import parse_answer
from cluster_r1.core.errors import BenchmarkError
from cluster_r1.core.prompt import REASONING_HINT, SYSTEM_PROMPT
from cluster_r1.core.workspace import write_text
from cluster_r1.training.data import TrainingRow, proven_benchmark, read_rows, training_rows
from cluster_r1.training.recipe import PromptSettings
from exporting import proven

PLAIN = PromptSettings()


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> Benchmark:
    return proven(tmp_path_factory.mktemp("data") / "benchmark")


def lines(path: Path, *rows: Any) -> Path:
    write_text(path, "".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows))
    return path


def test_answers_alone_think_nothing_and_are_gold(benchmark: Benchmark) -> None:
    rows = list(training_rows(benchmark, "train", PLAIN, None))
    assert [row.id for row in rows] == [record.id for record in benchmark.records("train")]
    for row, example in zip(rows, benchmark.examples("train"), strict=True):
        assert row.task == example.task
        assert row.completion is not None
        assert row.completion.startswith("<think>\n\n</think>")
        assert parse_answer(row.completion, len(example.texts)).labels() == row.labels == example.gold.labels()


def test_reasoning_stands_before_the_answer_and_what_has_none_has_no_completion(benchmark: Benchmark) -> None:
    first, *others = training_rows(benchmark, "distill", PLAIN, None)
    rows = list(training_rows(benchmark, "distill", PLAIN, {first.id: "Colours it is."}))
    assert rows[0].completion is not None
    assert rows[0].completion.startswith("<think>\nColours it is.\n</think>")
    assert [row.completion for row in rows[1:]] == [None] * len(others)


def test_the_prompt_is_as_the_recipe_wants_it(benchmark: Benchmark) -> None:
    def first(**settings: bool) -> list[dict[str, str]]:
        return next(training_rows(benchmark, "train", PromptSettings(**settings), None)).prompt

    assert [message["role"] for message in first()] == ["system", "user"]
    assert first()[0]["content"] == SYSTEM_PROMPT
    assert first(system=False) == first()[1:]
    hinted = first(hint=True)
    assert hinted[0] == first()[0]
    assert hinted[1]["content"] == f"{first()[1]['content']}\n\n{REASONING_HINT}"


@pytest.mark.parametrize("name", ["trl-sft", "trl-grpo"])
def test_exported_files_give_the_benchmarks_rows(benchmark: Benchmark, tmp_path: Path, name: str) -> None:
    export_benchmark(benchmark, name, tmp_path / name)
    read = list(read_rows(tmp_path / name / "train.jsonl"))
    expected = list(training_rows(benchmark, "train", PLAIN, None))
    without = {"labels": []} if name == "trl-sft" else {"completion": None}
    assert read == [row._replace(**without) for row in expected]


def test_labels_may_be_names_and_a_prompt_a_text(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "rows.jsonl",
        {"prompt": "Group.", "labels": ["b", "a", "b"]},
        "\n",
        {"prompt": "x", "labels": [7, 7]},
    )
    assert list(read_rows(path)) == [
        TrainingRow("1", "", [{"role": "user", "content": "Group."}], [0, 1, 0], None),
        TrainingRow("3", "", [{"role": "user", "content": "x"}], [0, 0], None),
    ]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("no json\n", "is not JSON"),
        ("[1]\n", "is not an object"),
        ({"prompt": "x"}, "neither labels"),
        ({"labels": [1]}, "prompt must be messages"),
        ({"prompt": [], "labels": [1]}, "prompt must be messages"),
        ({"prompt": [{"role": "boss", "content": "x"}], "labels": [1]}, "is no message"),
        ({"prompt": [{"role": "user"}], "labels": [1]}, "is no message"),
        ({"prompt": "x", "labels": []}, "labels must list"),
        ({"prompt": "x", "labels": "aab"}, "labels must list"),
        ({"prompt": "x", "labels": [[1], [2]]}, "labels must list"),
        ({"prompt": "x", "completion": []}, "completion must be"),
        ({"prompt": "x", "completion": [{"role": "assistant"}]}, "completion must be"),
        ({"prompt": "x", "completion": ["text"]}, "completion must be"),
    ],
)
def test_a_line_that_cannot_be_trained_on_is_named(tmp_path: Path, row: Any, says: str) -> None:
    path = lines(tmp_path / "rows.jsonl", {"prompt": "fine", "labels": [1]}, row)
    with pytest.raises(BenchmarkError, match=f"line 2.*{says}"):
        list(read_rows(path))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match=r"none\.jsonl cannot be read"):
        list(read_rows(tmp_path / "none.jsonl"))


def test_a_benchmark_that_nothing_proves_is_not_trained_on(tmp_path: Path) -> None:
    folder = tmp_path / "benchmark"
    proven(folder, proof=())
    with pytest.raises(BenchmarkError, match="nothing proves"):
        proven_benchmark(folder)
