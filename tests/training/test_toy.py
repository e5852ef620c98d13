"""The toy benchmark: sealed by the ordinary proof, the same bytes for a seed, traces that lead to gold."""

from __future__ import annotations

from pathlib import Path

import pytest
from cluster_r1.benchmark.exports.reasoning import read_thoughts
from cluster_r1.benchmark.files import SPLITS, Benchmark
from cluster_r1.benchmark.proof import prove
from cluster_r1.cli.app import app
from cluster_r1.core.answer import Answer, parse_answer
from cluster_r1.core.errors import BenchmarkError
from cluster_r1.core.traces import read_traces
from cluster_r1.graphs.progress import Silent
from cluster_r1.training.data import proven_benchmark
from cluster_r1.training.demo import run_demo
from cluster_r1.training.toy import VALUES, ToySizes, write_toy_benchmark, write_toy_traces
from typer.testing import CliRunner

SIZES = ToySizes(train=40, distill=60, held_out=20)


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Benchmark:
    return write_toy_benchmark(tmp_path_factory.mktemp("toy") / "benchmark", seed=1, sizes=SIZES)


@pytest.fixture(scope="module")
def traces(toy: Benchmark) -> Path:
    write_toy_traces(toy, toy.folder.parent / "traces")
    return toy.folder.parent / "traces"


def test_every_check_of_the_proof_looks_at_something_and_finds_nothing(toy: Benchmark) -> None:
    checks = prove(toy.folder)
    assert [check.name for check in checks if check.leaks or not check.looked_at] == []
    assert {"c0-combinations", "held-out-instructions", "pool-contents"} <= {check.name for check in checks}


def test_verify_and_the_trainers_take_it(toy: Benchmark) -> None:
    done = CliRunner().invoke(app, ["verify", str(toy.folder)])
    assert done.exit_code == 0, done.output
    assert "sealed" in done.output
    assert proven_benchmark(toy.folder).manifest.name == "toy"


def test_it_has_what_was_asked_for(toy: Benchmark) -> None:
    wanted = {"train": 40, "distill": 60, "c0": 20, "c1": 20, "c2": 20}
    assert toy.manifest.examples == wanted
    assert {split: sum(1 for _ in toy.records(split)) for split in SPLITS} == wanted
    tasks = {split: {record.task for record in toy.records(split)} for split in SPLITS}
    assert tasks["c2"] == {"size"}
    assert all(tasks[split] == {"color", "thing"} for split in SPLITS if split != "c2")


def test_a_label_is_a_word_of_its_text(toy: Benchmark) -> None:
    for split in SPLITS:
        for example in toy.examples(split):
            assert 3 <= len(example.texts) <= 5
            assert 2 <= len(set(example.clusters)) <= 3
            for text, label in zip(example.texts, example.clusters, strict=True):
                assert label in text.split()
                assert label in VALUES[example.task]


def test_the_same_seed_makes_the_same_bytes(toy: Benchmark, tmp_path: Path) -> None:
    again = write_toy_benchmark(tmp_path / "again", seed=1, sizes=SIZES)
    other = write_toy_benchmark(tmp_path / "other", seed=2, sizes=SIZES)
    for path in toy.folder.iterdir():
        assert path.read_bytes() == (again.folder / path.name).read_bytes(), path.name
    assert list(other.records("c1")) != list(toy.records("c1"))


def test_more_examples_than_the_texts_can_make_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="different examples of split c2 can be made for 'size'"):
        write_toy_benchmark(tmp_path / "toy", seed=0, sizes=ToySizes(train=2, distill=2, held_out=60_000))
    assert not (tmp_path / "toy").exists()


def test_reasoning_names_every_value_and_leads_to_gold(toy: Benchmark, traces: Path) -> None:
    examples = {example.id: example for example in toy.examples("distill")}
    found = list(read_traces(traces))
    assert {trace.example for trace in found} == set(examples)
    for trace in found:
        example = examples[trace.example]
        lines = [line.split() for line in trace.reasoning.splitlines()]
        assert [number for number, _, _ in lines] == [str(n) for n in range(1, len(example.texts) + 1)]
        assert tuple(value for _, value, _ in lines) == example.clusters
        assert Answer.from_labels([letter for _, _, letter in lines]) == example.gold
        assert parse_answer(trace.completion, len(example.texts)) == example.gold


def test_the_trainers_read_the_traces(toy: Benchmark, traces: Path) -> None:
    thoughts = read_thoughts(traces)
    assert all(thoughts.completion(example) for example in toy.examples("distill"))


def test_the_demonstration_leaves_other_folders_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(BenchmarkError, match="is there and is no demonstration; name another folder with --out"):
        run_demo(tmp_path, Silent())
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
