"""`cluster-r1 eval` as a newcomer uses it, wrong input included."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from cluster_r1.benchmark.files import Benchmark
from cluster_r1.cli.app import app
from cluster_r1.core.answer import Answer, render_answer
from cluster_r1.core.errors import ClusterR1Error, IncompleteError, SettingsError
from cluster_r1.llm.testing.process import endpoint_process
from small_benchmark import SmallBenchmark
from typer.testing import CliRunner


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> Benchmark:
    return SmallBenchmark().write(tmp_path_factory.mktemp("benchmark"))


NOBODY = "http://127.0.0.1:9/v1"


class Desk:
    """A folder where commands are typed; `says` gives what one prints."""

    def __init__(self, folder: Path, benchmark: Benchmark) -> None:
        self.folder = folder
        self._benchmark = str(benchmark.folder)

    def says(self, command: str, *arguments: str) -> str:
        given = [] if command == "compare" else ["--benchmark", self._benchmark]
        result = CliRunner().invoke(app, ["-C", str(self.folder), "eval", command, *arguments, *given])
        if isinstance(result.exception, ClusterR1Error):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout

    def write_settings(self, **models: dict[str, object]) -> None:
        settings = {
            "corpus": {"source": "x.jsonl"},
            "models": {"default": {"model": "m", "base_url": NOBODY}},
            "eval": {"models": models},
        }
        (self.folder / "cluster-r1.yaml").write_text(json.dumps(settings))


@pytest.fixture
def desk(tmp_path: Path, benchmark: Benchmark) -> Desk:
    return Desk(tmp_path, benchmark)


def test_from_a_model_and_baselines_to_a_leaderboard(desk: Desk) -> None:
    with endpoint_process() as endpoint:
        said = desk.says(
            "run", "--model", "stand-in-7b", "--base-url", endpoint.base_url, "--form", "free", "--form", "labels"
        )
    assert "stand-in-7b: 12 examples answered, 12 calls paid" in said
    assert "stand-in-7b+labels: 12 examples answered" in said
    said = desk.says("baselines", "--oracles", "--clusterer", "kmeans")
    assert "tfidf-kmeans: 12 examples answered" in said
    said = desk.says("report", "--resamples", "200")
    assert said.splitlines()[1].split()[:2] == ["1", "oracle-gold"]
    evals = desk.folder / "evals"
    rows = list(csv.DictReader((evals / "leaderboard.csv").open(encoding="utf-8", newline="")))
    assert {row["entry"] for row in rows} >= {"stand-in-7b", "stand-in-7b+labels", "tfidf-kmeans", "oracle-gold"}
    assert "Printed in the paper" in (evals / "leaderboard.md").read_text()
    assert r"\toprule" in (evals / "leaderboard.tex").read_text()
    assert json.loads((evals / "leaderboard.json").read_text())["benchmark"] == "small"
    assert "Cluster these texts of chat" in (evals / "leaderboard.html").read_text()
    assert "is ahead of" in desk.says("compare", "oracle-gold", "tfidf-kmeans", "--resamples", "200")
    assert "12 examples" in desk.says("compare", "oracle-gold", "oracle-gold", "--resamples", "200")
    forth, back = (
        desk.says("compare", *names, "--resamples", "200").splitlines()[0]
        for names in (("oracle-gold", "oracle-singletons"), ("oracle-singletons", "oracle-gold"))
    )
    assert ("the difference is +" in forth, "the difference is -" in back) == (True, True)


def test_a_model_of_the_settings(desk: Desk) -> None:
    with endpoint_process() as endpoint:
        model = {"model": "org/big", "base_url": endpoint.base_url, "parameters": 70}
        settings = {
            "corpus": {"source": "x.jsonl"},
            "models": {"default": model | {}},
            "eval": {"models": {"big": model}},
        }
        del settings["models"]["default"]["parameters"]
        (desk.folder / "cluster-r1.yaml").write_text(json.dumps(settings))
        said = desk.says("run", "--model", "big", "--split", "c2", "--limit", "1")
    assert "big: 2 examples answered" in said
    assert json.loads((desk.folder / "evals/big/entry.json").read_text())["parameters"] == 70


def test_completions_from_elsewhere(desk: Desk, benchmark: Benchmark, tmp_path: Path) -> None:
    rows = [
        {"id": example.id, "response": render_answer(Answer.from_labels(example.clusters))}
        for split in ("c0", "c1", "c2")
        for example in benchmark.examples(split)
    ]
    file = tmp_path / "batch.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert "batch: 12 examples answered" in desk.says("score", str(file), "--name", "batch")
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows[1:]))
    with pytest.raises(IncompleteError, match=r"1 examples have no answer.*no completion in the file"):
        desk.says("score", str(file), "--name", "batch", "--replace")


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["run", "--model", "gpt-9"], r"'gpt-9' is no model of eval.models.*--base-url"),
        (["run", "--model", "m", "--base-url", "localhost:8000"], r"base_url must start with http"),
        (
            ["run", "--model", "m", "--base-url", NOBODY, "--split", "train"],
            r"no evaluation split 'train'",
        ),
        (["run", "--model", "m", "--base-url", NOBODY, "--form", "json"], r"no form 'json'"),
        (["run", "--model", "m", "--base-url", NOBODY, "--samples", "2"], r"temperature 0"),
        (["baselines", "--embedder", "bert"], r"no embedder 'bert': choose minilm"),
        (["baselines", "--clusterer", "dbscan"], r"no clusterer 'dbscan': choose kmeans"),
        (["report"], r"has no entry; `cluster-r1 eval run` makes one"),
        (["compare", "a", "b"], r"has no entry"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_paid(desk: Desk, command: list[str], says: str) -> None:
    with pytest.raises(SettingsError, match=rf"(?s){says}"):
        desk.says(*command)


def test_no_entry_is_asked_when_a_later_one_cannot_be(desk: Desk) -> None:
    with endpoint_process() as endpoint:
        command = ("run", "--model", "m", "--base-url", endpoint.base_url, "--form", "free", "--form", "grammar")
        with pytest.raises(SettingsError, match="not known to constrain by a grammar"):
            desk.says(*command)
        assert endpoint.stats().calls == 0


def test_an_endpoint_that_is_not_there_ends_with_its_exit_code(desk: Desk, benchmark: Benchmark) -> None:
    command = [sys.executable, "-m", "cluster_r1", "-C", str(desk.folder), "eval", "run", "--model", "m"]
    command += ["--benchmark", str(benchmark.folder)]
    desk.write_settings(m={"model": "m", "base_url": NOBODY, "retries": 0})
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (4, 5), done.stderr
    assert "cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr
