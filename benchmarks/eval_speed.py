"""Stored completions scored and put on a leaderboard: seconds and peak memory of a process, for two numbers of them.

    benchmarks/eval_speed.py [--texts 30] [--completions 1000 10000]

The floor is scikit-learn's V-measure, ARI and AMI of the same labels in the same process: nothing else is done there.
Completions reason for 1,500 words, as the paper's models do, and nine of ten are valid.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cluster_r1.benchmark.files import (
    TEXTS,
    Benchmark,
    BenchmarkManifest,
    ExampleRecord,
    TextRow,
    data_hashes,
    text_writer,
    write_examples,
    write_manifest,
    write_pools,
)
from cluster_r1.core.answer import Answer, render_answer
from cluster_r1.core.build_settings import BenchmarkSettings

EXAMPLES = 100
CLUSTERS = 5
WORDS = 1_500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=30)
    parser.add_argument("--completions", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--child", type=Path)
    arguments = parser.parse_args()
    if arguments.child:
        _measure(arguments.child)
        return
    print(f"{arguments.texts} texts an example, load average {os.getloadavg()[0]:.2f}")
    print("completions    score   a second    floor   score/floor   report   peak")
    for count in arguments.completions:
        with tempfile.TemporaryDirectory() as folder:
            _write(Path(folder), arguments.texts, count)
            child = [sys.executable, __file__, "--child", folder]
            found = json.loads(subprocess.run(child, check=True, capture_output=True, text=True).stdout)
        print(
            f"{count:>11,} {found['score']:>6.1f} s {count / found['score']:>10,.0f} {found['floor']:>6.1f} s"
            f" {found['score'] / found['floor']:>13.2f} {found['report']:>6.1f} s {found['peak']:>4.0f} MB"
        )


def _write(folder: Path, texts: int, count: int) -> None:
    """A benchmark of EXAMPLES examples, and `count` completions of them in a file."""
    rng = random.Random(0)
    benchmark = folder / "benchmark"
    benchmark.mkdir()
    with text_writer(benchmark / TEXTS) as add:
        add([TextRow(f"d{place}", "made-up", 12, f"text {place}") for place in range(texts)])
    write_pools(benchmark / "pools.parquet", ())
    gold = {f"c1/t/{place}": [str(rng.randrange(CLUSTERS)) for _ in range(texts)] for place in range(EXAMPLES)}
    for split in ("train", "distill", "c0", "c1", "c2"):
        own = gold.items() if split == "c1" else ()
        records = [ExampleRecord(id, "t", "made-up", tuple(range(texts)), tuple(labels), 400) for id, labels in own]
        write_examples(benchmark / f"{split}.parquet", records)
    manifest = BenchmarkManifest(
        name="made-up",
        version="0",
        seed=0,
        settings=BenchmarkSettings(),
        tokenizer="estimate",
        tasks=(),
        origins=(),
        examples={"c1": EXAMPLES},
        texts=texts,
        groups=0,
        sha256=data_hashes(benchmark),
    )
    write_manifest(benchmark, manifest)
    names = list(gold)
    with (folder / "completions.jsonl").open("w") as file:
        for place in range(count):
            name = names[place % EXAMPLES]
            file.write(json.dumps({"id": name, "completion": _completion(gold[name], rng)}) + "\n")


def _completion(gold: list[str], rng: random.Random) -> str:
    labels = [label if rng.random() < 0.7 else str(rng.randrange(CLUSTERS + 1)) for label in gold]
    text = render_answer(Answer.from_labels(labels), "because " * WORDS)
    return text if rng.random() < 0.9 else text.replace("[1, ", "[1, 1, ")


def _measure(folder: Path) -> None:
    """In a process of its own: what is timed, then the floor, whose labels are only read after the peak is taken."""
    from cluster_r1.core.evaluation import EvaluationFolder
    from cluster_r1.eval.leaderboard import leaderboard
    from cluster_r1.eval.stored import StoredCompletions, import_completions

    benchmark, evaluation = Benchmark(folder / "benchmark"), EvaluationFolder(folder / "evals")
    stored = StoredCompletions(folder / "completions.jsonl", "stored")
    score = _timed(lambda: import_completions(stored, benchmark, evaluation))
    report = _timed(lambda: leaderboard(evaluation, None))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"score": score, "report": report, "peak": peak, "floor": _floor(folder, benchmark)}))


def _floor(folder: Path, benchmark: Benchmark) -> float:
    from cluster_r1.core.answer import AnswerError, parse_answer
    from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score, v_measure_score

    gold = {record.id: [int(label) for label in record.labels] for record in benchmark.records("c1")}
    pairs: list[tuple[list[int], list[int]]] = []
    for line in (folder / "completions.jsonl").open():
        row = json.loads(line)
        labels = gold[row["id"]]
        try:
            pairs.append((labels, parse_answer(row["completion"], len(labels)).labels()))
        except AnswerError:
            continue

    def measure() -> None:
        for labels, predicted in pairs:
            v_measure_score(labels, predicted)
            adjusted_rand_score(labels, predicted)
            adjusted_mutual_info_score(labels, predicted)

    return _timed(measure)


def _timed(work: Callable[[], object]) -> float:
    """Seconds of CPU time."""
    began = time.process_time()
    work()
    return time.process_time() - began


if __name__ == "__main__":
    main()
