"""A million documents from raw rows to a proven benchmark: time and memory of each step; run: benchmarks/build_scale.py

The steps are the commands that a user types, each in a process of its own: `corpus prepare`, the ingest that `synth`
begins with, `build`, `verify`. In between stand labels that no model made: eight held-in and four held-out tasks, each
over a random third of the documents. Then the sampler alone: the time for 8,500 training examples from the pools.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

HELD_IN, HELD_OUT, CLUSTERS = 8, 4, 9
WORDS = 30_000
TEXT_WORDS = (40, 240)
TWIN_EVERY = 50
"""One text in so many is an earlier one with a changed word."""


class Step(NamedTuple):
    """A finished step: wall seconds, its process' memory at its highest, and of that its own, without mapped files."""

    name: str
    seconds: float
    peak_mb: float
    own_mb: float


def main() -> None:
    arguments = _arguments()
    if arguments.ingest or arguments.sample:
        _alone(arguments)
        return
    folder = Path(tempfile.mkdtemp(dir=arguments.scratch))
    try:
        print(
            f"{arguments.documents:,} documents, tokenizer {arguments.tokenizer}, {os.cpu_count()} cores,"
            f" load average {os.getloadavg()[0]:.2f}"
        )
        _write_raw(folder / "raw.jsonl", arguments.documents)
        size = (folder / "raw.jsonl").stat().st_size
        print(f"raw rows: {size / 1e9:.2f} GB; below: time, peak memory, and of that without mapped files")
        steps = [
            _step(
                "prepare",
                _command(
                    folder, "corpus", "prepare", "files", f"{folder}/raw.jsonl", "--out", f"{folder}/corpus.parquet"
                ),
            )
        ]
        _write_project(folder, arguments.tokenizer)
        steps.append(_step("ingest", [sys.executable, __file__, "--ingest", str(folder)]))
        _write_labels(folder)
        steps.append(_step("build", _command(folder, "build")))
        steps.append(_step("verify", _command(folder, "verify")))
        steps.append(_step("sampler alone", [sys.executable, __file__, "--sample", str(folder)]))
        written = sum(path.stat().st_size for path in (folder / "benchmark").iterdir() if path.is_file())
        print(f"benchmark: {written / 1e9:.2f} GB")
        if arguments.json:
            print(json.dumps([step._asdict() for step in steps]))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--tokenizer", default="estimate", help="as benchmark.tokenizer")
    parser.add_argument("--scratch", type=Path, default=None, help="folder for some gigabytes of temporary files")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--ingest", help=argparse.SUPPRESS)
    parser.add_argument("--sample", help=argparse.SUPPRESS)
    return parser.parse_args()


def _command(folder: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "cluster_r1", "-C", str(folder), *words]


def _step(name: str, command: list[str]) -> Step:
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        own = 0
        while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
            own = max(own, _anonymous_kb(process.pid))
            time.sleep(0.1)
        _, status, usage = os.wait4(process.pid, 0)
        output.seek(0)
        said = output.read()
    step = Step(name, time.perf_counter() - began, usage.ru_maxrss / 1024, own / 1024)
    if status:
        raise SystemExit(f"{name} ended with {os.waitstatus_to_exitcode(status)}:\n{said}")
    figures = f"{step.seconds:>9.1f} s{step.peak_mb:>9.0f} MB{step.own_mb:>9.0f} MB"
    print(f"{name:<14}{figures}   {said.strip().splitlines()[-1]}", flush=True)
    return step


def _anonymous_kb(process: int) -> int:
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    return int(status.split("RssAnon:")[1].split()[0]) if "RssAnon:" in status else 0


def _write_raw(path: Path, documents: int) -> None:
    """Random words, the frequent ones as frequent as in a language (Zipf)."""
    rng = np.random.default_rng(0)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = ["".join(rng.choice(letters, rng.integers(2, 11))) for _ in range(WORDS)]
    chances = 1 / np.arange(10, WORDS + 10)
    edges = np.cumsum(chances / chances.sum())
    last = ""
    with path.open("w") as file:
        for number in range(documents):
            if number % TWIN_EVERY == TWIN_EVERY - 1:
                text = f"{last} {words[number % WORDS]}"
            else:
                drawn = np.searchsorted(edges, rng.random(rng.integers(*TEXT_WORDS)))
                text = last = " ".join([words[place] for place in np.minimum(drawn, WORDS - 1)])
            file.write(json.dumps({"id": f"d{number}", "text": text}) + "\n")


def _write_project(folder: Path, tokenizer: str) -> None:
    tasks = [
        {
            "id": f"task-{number:02d}",
            "instruction": f"Cluster the texts by aspect number {number}.",
            "split": "held-in" if number < HELD_IN else "held-out",
        }
        for number in range(HELD_IN + HELD_OUT)
    ]
    settings = {
        "corpus": {"source": "corpus.parquet", "domain": "lmsy"},
        "models": {"default": {"model": "nobody", "base_url": "http://127.0.0.1:9/v1"}},
        "tasks": tasks,
        "benchmark": {"tokenizer": tokenizer},
    }
    (folder / "cluster-r1.yaml").write_text(yaml.safe_dump(settings))


def _write_labels(folder: Path) -> None:
    """Accepted taxonomies, labels and results of every task; of the labels the columns that `build` reads."""
    import pyarrow as pa
    from cluster_r1.core.agreement import confusion_matrix, measure_agreement
    from cluster_r1.core.archive import TaxonomyArchive
    from cluster_r1.core.labels import label_store
    from cluster_r1.core.tasks import ClusteringTask
    from cluster_r1.core.taxonomy import Cluster, Taxonomy
    from cluster_r1.core.workspace import Workspace, write_json, write_table
    from cluster_r1.corpora.store import DocumentStore
    from cluster_r1.graphs.results import TaskResult

    workspace = Workspace(folder)
    workspace.create_folders()
    keys = DocumentStore(workspace.documents).keys()
    rng = np.random.default_rng(1)
    for task in workspace.settings().tasks:
        clusters = tuple(Cluster(name=f"{task.id} cluster {number}") for number in range(CLUSTERS))
        names = pa.array([cluster.name for cluster in clusters])
        taxonomy = TaxonomyArchive(workspace.taxonomies).add(
            Taxonomy(task=task.id, instruction=task.instruction, clusters=clusters)
        )
        TaxonomyArchive(workspace.taxonomies).accept(taxonomy)
        rows = np.flatnonzero(rng.random(len(keys)) < 1 / 3)
        kept = pa.DictionaryArray.from_arrays(rng.integers(0, CLUSTERS, rows.size).astype(np.int32), names)
        columns: dict[str, Any] = {
            "key": keys[rows],
            "outcome": ["kept"] * rows.size,
            "cluster": kept.cast(pa.string()),
        }
        write_table(label_store(workspace, taxonomy).folder / "labels.parquet", pa.table(columns))
        agreement = measure_agreement(confusion_matrix([], ["none"]), ["none"])
        made = ClusteringTask(
            id=task.id, domain="lmsy", taxonomy=taxonomy, documents=rows.size, outcomes={"kept": rows.size}
        )
        result = TaskResult(task=made, agreement=agreement, bias=(), gold=(), cut=0)
        write_json(workspace.tasks / f"{task.id}.json", result.model_dump(mode="json"))


def _alone(arguments: argparse.Namespace) -> None:
    """A step that is no command of its own."""
    from cluster_r1.core.workspace import Workspace

    if arguments.ingest:
        from cluster_r1.corpora.store import ingest

        workspace = Workspace(Path(arguments.ingest))
        report = ingest(workspace.settings().corpus, workspace)
        print(f"{report.kept:,} of {report.read:,} rows kept")
        return
    print(_sample(Workspace(Path(arguments.sample)).benchmark))


def _sample(folder: Path) -> str:
    from cluster_r1.benchmark.files import Benchmark
    from cluster_r1.benchmark.sampling import TaskPool, TextCosts, sample_examples
    from cluster_r1.core.build_settings import SplitSize

    benchmark = Benchmark(folder)
    members: dict[str, dict[str, list[int]]] = {}
    groups = np.zeros(len(benchmark.texts), dtype=np.int32)
    for row in benchmark.pools():
        groups[row.text] = row.group
        if row.pool == "train":
            members.setdefault(row.task, {}).setdefault(row.cluster, []).append(row.text)
    costs = TextCosts(np.array(benchmark.texts.column("tokens"), dtype=np.int32), groups)
    size = SplitSize(-(-8500 // len(members)), 9000)
    began, count = time.perf_counter(), 0
    for task, clusters in members.items():
        arrays = tuple(np.array(numbers, dtype=np.int32) for numbers in clusters.values())
        pool = TaskPool(task, "lmsy", tuple(clusters), arrays)
        count += len(sample_examples("train", pool, size, costs, 200, benchmark.manifest.settings, 1, set()).examples)
    return f"{count:,} examples in {time.perf_counter() - began:.1f} s"


if __name__ == "__main__":
    main()
