"""verl's rows by the schema of its RLHFDataset, and the reward called as its naive reward manager does."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pyarrow.parquet as pq
from cluster_r1.benchmark.exports.formats import export_benchmark
from cluster_r1.benchmark.exports.verl import row_schema
from cluster_r1.benchmark.files import Benchmark, Split
from cluster_r1.core.answer import render_answer
from cluster_r1.core.prompt import example_prompt
from datasets import load_dataset

SPLITS: tuple[Split, ...] = ("train", "c0", "c1", "c2")


def test_rows_are_those_of_verl(benchmark: Benchmark, tmp_path: Path) -> None:
    export_benchmark(benchmark, "verl", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").glob("*.parquet")) == sorted(f"{s}.parquet" for s in SPLITS)
    for split in SPLITS:
        assert pq.read_schema(tmp_path / "out" / f"{split}.parquet").equals(row_schema())
        rows = load_dataset("parquet", data_files=str(tmp_path / "out" / f"{split}.parquet"))["train"]
        records = list(benchmark.records(split))
        assert len(rows) == len(records)
        for index, (row, record) in enumerate(zip(rows, records, strict=True)):
            assert isinstance(row, dict)
            example = benchmark.example(record)
            assert set(row) == {"data_source", "prompt", "ability", "reward_model", "extra_info"}
            assert row["data_source"] == f"small/{split}"
            assert row["prompt"] == example_prompt(example.instruction, example.texts).messages()
            assert row["reward_model"]["style"] == "rule"
            told = {"split": split, "index": index, "id": record.id, "task": record.task, "domain": record.domain}
            assert row["extra_info"] == told | {"n": len(record.texts), "k": len(set(record.labels))}


def test_the_reward_scores_the_rows(benchmark: Benchmark, tmp_path: Path) -> None:
    export_benchmark(benchmark, "verl", tmp_path / "out")
    spec = importlib.util.spec_from_file_location("custom_module", tmp_path / "out" / "compute_score.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    rows = pq.read_table(tmp_path / "out" / "c2.parquet").to_pylist()
    for row, example in zip(rows, benchmark.examples("c2"), strict=True):
        labels = json.loads(row["reward_model"]["ground_truth"])["labels"]
        assert len(labels) == row["extra_info"]["n"]

        def score(text: str, row: dict = row) -> dict:
            extra = row["extra_info"] | {"num_turns": 2, "rollout_reward_scores": {}}
            truth = row["reward_model"]["ground_truth"]
            return module.compute_score(
                data_source=row["data_source"], solution_str=text, ground_truth=truth, extra_info=extra
            )

        assert score(render_answer(example.gold, "by colour"))["score"] == 1
        assert score("I do not know")["score"] == 0
        assert score(render_answer(example.gold)).keys() == score("").keys()
