"""A model's folder sampled in this process: resumed it says what it says uninterrupted."""

from __future__ import annotations

from pathlib import Path

import pytest
from cluster_r1.benchmark.files import Benchmark
from cluster_r1.core.errors import SettingsError
from cluster_r1.core.evaluation import AnswerScore, Completion, EvaluationFolder
from cluster_r1.core.json_lines import read_lines
from cluster_r1.eval.entries import Order
from cluster_r1.eval.folders import FolderEntry, run_folder
from cluster_r1.graphs.progress import Silent
from exporting import tiny_model
from small_benchmark import SmallBenchmark

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytestmark = pytest.mark.slow

ORDER = Order(samples=2)


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> Benchmark:
    return SmallBenchmark().write(tmp_path_factory.mktemp("benchmark"))


@pytest.fixture(scope="module")
def entry(tmp_path_factory: pytest.TempPathFactory) -> FolderEntry:
    folder = tiny_model(tmp_path_factory.mktemp("tiny") / "tiny-1m")
    return FolderEntry("tiny", folder, temperature=1.0, max_tokens=12, batch=8, dtype="float32")


def texts(evaluation: EvaluationFolder) -> list[str]:
    return [one.text for one in read_lines(evaluation.entry("tiny").completions, Completion)]


def test_stopped_and_resumed_equals_uninterrupted(benchmark: Benchmark, entry: FolderEntry, tmp_path: Path) -> None:
    whole, broken = EvaluationFolder(tmp_path / "whole"), EvaluationFolder(tmp_path / "broken")
    info = run_folder(entry, benchmark, whole, ORDER, Silent())
    assert (info.examples, info.calls, info.model) == (12, 24, "tiny-1m")
    assert info.completion_tokens <= 24 * 12

    class Stopping(Silent):
        left = 5

        def advance(self, steps: int = 1) -> None:
            del steps
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_folder(entry, benchmark, broken, ORDER, Stopping())
    assert 0 < len(texts(broken)) < 24
    run_folder(entry, benchmark, broken, ORDER, Silent())
    assert texts(broken) == texts(whole)
    assert len(set(texts(whole))) > 12
    errors = {score.error for score in read_lines(whole.entry("tiny").scores, AnswerScore)}
    assert errors == {"tags"}


def test_another_models_answers_are_not_mixed_in(benchmark: Benchmark, entry: FolderEntry, tmp_path: Path) -> None:
    evaluation = EvaluationFolder(tmp_path / "evals")
    run_folder(entry, benchmark, evaluation, Order(limit=1, samples=2), Silent())
    with pytest.raises(SettingsError, match=r"temperature 1.0 instead of 0.5"):
        run_folder(entry._replace(temperature=0.5), benchmark, evaluation, ORDER, Silent())
    with pytest.raises(SettingsError, match="temperature 0"):
        run_folder(entry._replace(temperature=0.0), benchmark, evaluation, ORDER, Silent())


def test_a_folder_without_a_model_is_named(benchmark: Benchmark, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(SettingsError, match=str(tmp_path)):
        run_folder(FolderEntry("none", tmp_path), benchmark, EvaluationFolder(tmp_path / "evals"), Order(), Silent())
