"""Building a benchmark from projects: what belongs to it, that it is sealed, the same from the same, whole or not."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from cluster_r1.benchmark.build import build_benchmark
from cluster_r1.benchmark.collecting import collect_projects
from cluster_r1.benchmark.files import EVALUATION, SPLITS, Benchmark, BenchmarkManifest
from cluster_r1.core.errors import BenchmarkError
from cluster_r1.core.tokenizer import ESTIMATE, load_tokenizer
from cluster_r1.core.workspace import Workspace
from cluster_r1.graphs.progress import Silent
from labelled import Labels, labelled_project

_WORDS = [f"{a}{b}{c}" for a in "bcdfgklmnprst" for b in "aeiou" for c in ("nder", "st", "ll", "rg", "mp")]
_SMALL = {"prompt_tokens": 1500, "c0": 12, "c1": 12, "c2": 9}


def _texts(name: str, count: int) -> dict[str, str]:
    rng = random.Random(name)
    return {f"{name}{n:03d}": " ".join(rng.choice(_WORDS) for _ in range(rng.randint(20, 60))) for n in range(count)}


def _court(root: Path, **benchmark: Any) -> Workspace:
    """Two held-in tasks and a held-out one over the same 120 texts; the last 20 are copies of the first."""
    texts = _texts("case", 100)
    texts |= {f"copy{n:02d}": text.upper() for n, text in enumerate(list(texts.values())[:20])}
    names = list(texts)

    def labels(instruction: str, clusters: int, split: str = "held-in") -> Labels:
        rng = random.Random(instruction)
        by_name = {name: f"{instruction.rsplit(maxsplit=1)[-1]} {rng.randrange(clusters)}" for name in names}
        return Labels(instruction, by_name, split, names[:5])

    tasks = {
        "state": labels("Cluster the cases by state", 4),
        "article": labels("Cluster the cases by article", 3),
        "party": labels("Cluster the cases by party", 3, "held-out"),
    }
    asked = {"train": 60, "distill": 5, "domains": {"court": _SMALL}, **benchmark}
    return labelled_project(root, texts, tasks, "court", asked)


def _build(workspace: Workspace, folder: Path, seed: int = 0) -> BenchmarkManifest:
    settings = workspace.settings().benchmark
    projects = collect_projects(workspace, settings)
    return build_benchmark(projects, settings, load_tokenizer(ESTIMATE), seed, folder, Silent())


def test_a_benchmark_of_one_project(tmp_path: Path) -> None:
    manifest = _build(_court(tmp_path / "court"), tmp_path / "out")
    assert manifest.examples == {"train": 60, "distill": 10, "c0": 12, "c1": 12, "c2": 9}
    assert manifest.shortfalls == ()
    assert manifest.groups == 15  # five of the copied texts are in conflict
    assert {task.id: task.held for task in manifest.tasks} == {
        "article": "held-in",
        "party": "held-out",
        "state": "held-in",
    }
    assert manifest.proof
    assert not any(check.leaks for check in manifest.proof)
    assert Benchmark(tmp_path / "out").manifest == manifest


def test_a_text_and_its_copies_are_in_one_pool_for_every_task(tmp_path: Path) -> None:
    _build(_court(tmp_path / "court"), tmp_path / "out")
    benchmark = Benchmark(tmp_path / "out")
    pools: dict[str, set[str]] = {}
    for row in benchmark.pools():
        pools.setdefault(benchmark.texts[row.text].casefold(), set()).add(row.pool)
    assert all(len(where) == 1 for where in pools.values())
    assert len(pools) == 100


def test_c0_is_from_the_training_pool_and_c1_and_c2_are_not(tmp_path: Path) -> None:
    _build(_court(tmp_path / "court"), tmp_path / "out")
    benchmark = Benchmark(tmp_path / "out")
    seen = {split: {text for r in benchmark.records(split) for text in r.texts} for split in SPLITS}
    in_train = {row.text for row in benchmark.pools() if row.pool == "train"}
    assert seen["train"] | seen["distill"] | seen["c0"] <= in_train
    assert not (seen["c1"] | seen["c2"]) & in_train
    tasks = {split: {record.task for record in benchmark.records(split)} for split in SPLITS}
    assert tasks["c2"] == {"party"}
    assert tasks["train"] == tasks["c0"] == tasks["c1"] == {"state", "article"}
    trained = {frozenset(r.texts) for split in ("train", "distill") for r in benchmark.records(split)}
    assert not trained & {frozenset(record.texts) for record in benchmark.records("c0")}


def test_labels_are_those_of_the_project(tmp_path: Path) -> None:
    workspace = _court(tmp_path / "court")
    _build(workspace, tmp_path / "out")
    benchmark = Benchmark(tmp_path / "out")
    for split in EVALUATION:
        for example in benchmark.examples(split):
            names = {cluster.name for cluster in benchmark.task(example.task).clusters}
            assert set(example.clusters) <= names
            assert not set(example.document_ids) & {f"case{n:03d}" for n in range(5)}


def test_the_same_seed_makes_the_same_bytes(tmp_path: Path) -> None:
    workspace = _court(tmp_path / "court")
    for name, seed in (("one", 3), ("two", 3), ("three", 4)):
        _build(workspace, tmp_path / name, seed)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == sorted(path.name for path in (tmp_path / "two").iterdir())
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert (tmp_path / "one/train.parquet").read_bytes() != (tmp_path / "three/train.parquet").read_bytes()


def test_several_projects_make_one_benchmark(tmp_path: Path) -> None:
    chat = _texts("chat", 60)
    labels = Labels("Cluster the chats by topic", {name: f"topic {n % 3}" for n, name in enumerate(chat)})
    labelled_project(tmp_path / "chat", chat, {"topic": labels}, "chat")
    both = {"court": _SMALL, "chat": _SMALL}
    workspace = _court(tmp_path / "court", projects=["../chat"], domains=both)
    manifest = _build(workspace, tmp_path / "out")
    assert [origin.project for origin in manifest.origins] == ["court", "chat"]
    records = list(Benchmark(tmp_path / "out").records("c1"))
    assert {(record.domain, record.task) for record in records} == {
        ("court", "state"),
        ("court", "article"),
        ("chat", "topic"),
    }


def test_long_texts_are_left_out_and_counted(tmp_path: Path) -> None:
    manifest = _build(
        _court(tmp_path / "court", domains={"court": {**_SMALL, "max_text_tokens": 70}}), tmp_path / "out"
    )
    benchmark = Benchmark(tmp_path / "out")
    assert max(benchmark.texts.column("tokens")) <= 70
    for task in manifest.tasks:
        inside = sum(sum(pools.values()) for pools in task.pools.values())
        assert task.too_long > 0
        assert inside + task.too_long == task.outcomes["kept"]


def test_what_cannot_be_made_is_reported(tmp_path: Path) -> None:
    texts = _texts("few", 12)
    labels = Labels("Cluster by kind", {name: f"kind {n % 2}" for n, name in enumerate(texts)})
    workspace = labelled_project(tmp_path / "few", texts, {"kind": labels}, benchmark={"domains": {"court": _SMALL}})
    manifest = _build(workspace, tmp_path / "out")
    short = {shortfall.split: shortfall for shortfall in manifest.shortfalls}
    assert {"train", "c1"} <= set(short)
    assert short["c1"].made == manifest.examples["c1"] < short["c1"].wanted
    assert manifest.examples["c2"] == 0


def test_when_nothing_can_be_made_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="no example can be made: article: 0 of 3 clusters have 90 texts"):
        _build(_court(tmp_path / "court", min_texts=90), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["court"]


def test_the_old_benchmark_is_replaced_and_anything_else_is_not(tmp_path: Path) -> None:
    workspace = _court(tmp_path / "court")
    first = _build(workspace, tmp_path / "out")
    assert _build(workspace, tmp_path / "out", seed=9) != first
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("years of work")
    with pytest.raises(BenchmarkError, match="is no benchmark"):
        _build(workspace, other)
    assert (other / "thesis.txt").read_text() == "years of work"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["court", "other", "out"]


def test_tasks_can_be_left_out_and_twins_must(tmp_path: Path) -> None:
    workspace = _court(tmp_path / "court", leave_out=["article"])
    assert {task.id for task in _build(workspace, tmp_path / "out").tasks} == {"state", "party"}
    texts = _texts("case", 30)
    twin = Labels("Cluster the  CASES by state", {name: f"{n % 2}" for n, name in enumerate(texts)})
    labelled_project(tmp_path / "twin", texts, {"land": twin})
    with pytest.raises(BenchmarkError, match="'state' and 'land' have the same instruction"):
        _build(_court(tmp_path / "court2", projects=["../twin"]), tmp_path / "out")


def test_nothing_labelled_and_labels_of_an_older_version(tmp_path: Path) -> None:
    workspace = _court(tmp_path / "court")
    taxonomy = workspace.taxonomies / "state.yaml"
    taxonomy.write_text(taxonomy.read_text().replace("Everything about", "All of"))
    with pytest.raises(BenchmarkError, match="labels of task 'state' belong to version 1"):
        _build(workspace, tmp_path / "out")
    for file in workspace.tasks.iterdir():
        file.unlink()
    with pytest.raises(BenchmarkError, match="no labelled task"):
        _build(workspace, tmp_path / "out")


def test_the_manifest_tells_no_path_and_no_time(tmp_path: Path) -> None:
    _build(_court(tmp_path / "court"), tmp_path / "out")
    content = (tmp_path / "out/manifest.json").read_text()
    assert str(tmp_path) not in content
    assert json.loads(content)["origins"][0]["source"] == "documents.jsonl"
