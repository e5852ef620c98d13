"""The tasks as mteb runs them, offline: what an encoder is given, and what perfect embeddings score."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from cluster_r1.benchmark.exports.formats import export_benchmark
from cluster_r1.benchmark.exports.order import ExportOrder
from cluster_r1.benchmark.files import Benchmark
from cluster_r1.core.errors import BenchmarkError
from exporting import proven
from small_benchmark import SmallBenchmark


def test_the_data_are_the_evaluation_pools(benchmark: Benchmark, tmp_path: Path) -> None:
    written = export_benchmark(benchmark, "mteb", tmp_path / "out")
    assert written.rows == {"court-0": 12, "court-1": 12, "court-2": 30, "chat-0": 12, "chat-1": 12, "chat-2": 30}
    trained = {record_text for example in benchmark.examples("train") for record_text in example.texts}
    for task, count in written.rows.items():
        table = pq.read_table(tmp_path / "out" / "data" / f"{task}.parquet")
        pool = [row for row in benchmark.pools() if row.task == task and row.pool == "eval"]
        assert table["labels"].to_pylist() == [row.cluster for row in pool]
        assert table["sentences"].to_pylist() == [benchmark.texts[row.text] for row in pool]
        assert table.num_rows == count
        assert not trained & set(table["sentences"].to_pylist())


def test_one_split_is_one_kind_of_task(benchmark: Benchmark, tmp_path: Path) -> None:
    assert list(export_benchmark(benchmark, "mteb", tmp_path / "out", ExportOrder(("c2",))).rows) == [
        "court-2",
        "chat-2",
    ]
    told = json.loads((tmp_path / "out" / "tasks.json").read_text())
    assert {task["split"] for task in told} == {"c2"}


def test_no_text_for_evaluation_is_an_error(small: SmallBenchmark, tmp_path: Path) -> None:
    small.pools[:] = [row._replace(pool="train") for row in small.pools]
    with pytest.raises(BenchmarkError, match="no text for evaluation"):
        export_benchmark(proven(tmp_path / "b", small), "mteb", tmp_path / "out")


@pytest.fixture
def mteb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("MTEB_CACHE", str(tmp_path / "mteb"))
    return pytest.importorskip("mteb", reason="mteb is not installed: pip install mteb")


class Knowing:
    """An encoder that knows each text's cluster; `blind` ones put all texts at one place."""

    def __init__(self, clusters: dict[str, int], blind: bool, meta: Any) -> None:
        self._clusters = clusters
        self._blind = blind
        self.mteb_model_meta = meta
        self.prompts: list[str] = []

    def encode(self, inputs: Any, *, task_metadata: Any, **_: Any) -> np.ndarray:
        self.prompts.append(task_metadata.prompt)
        texts = [text for batch in inputs for text in batch["text"]]
        return np.eye(3)[[0 if self._blind else self._clusters[text] for text in texts]]

    def similarity(self, first: Any, second: Any) -> Any:
        return first @ second.T

    def similarity_pairwise(self, first: Any, second: Any) -> Any:
        return (first * second).sum(1)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_mteb_runs_the_tasks(mteb: ModuleType, benchmark: Benchmark, tmp_path: Path) -> None:
    from mteb.models.model_meta import ModelMeta

    export_benchmark(benchmark, "mteb", tmp_path / "out")
    spec = importlib.util.spec_from_file_location("mteb_tasks", tmp_path / "out" / "mteb_tasks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert [task.metadata.name for task in module.tasks("c2")] == ["small.court-2", "small.chat-2"]
    numbers = {"red": 0, "green": 1, "blue": 2}
    clusters = {benchmark.texts[row.text]: numbers[row.cluster] for row in benchmark.pools()}

    def scores(encoder: Knowing) -> dict[str, float]:
        quiet = {"cache": None, "show_progress_bar": False, "co2_tracker": False}
        results = mteb.evaluate(encoder, module.tasks(), **quiet)
        return {result.task_name: float(result.get_score()) for result in results.task_results}

    knowing = Knowing(clusters, blind=False, meta=ModelMeta.create_empty())
    assert scores(knowing) == {f"small.{task.id}": pytest.approx(1) for task in benchmark.manifest.tasks}
    assert knowing.prompts == [task.instruction for task in benchmark.manifest.tasks]
    blind = scores(Knowing(clusters, blind=True, meta=ModelMeta.create_empty()))
    assert set(blind.values()) == {0.0}
