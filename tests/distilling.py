"""Projects with a small benchmark, and runs of the distillation job over them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import yaml
from cluster_r1.benchmark.files import Benchmark
from cluster_r1.benchmark.split_examples import SplitExamples
from cluster_r1.core.traces import Trace, read_traces
from cluster_r1.core.workspace import Workspace
from cluster_r1.graphs.distill import DistillResult, distill
from cluster_r1.graphs.progress import Silent
from small_benchmark import COLOURS, SmallBenchmark

TASKS = 4
"""Held-in tasks of the small benchmark."""


def small_with(examples: int) -> SmallBenchmark:
    """The small benchmark with so many examples to distill for each held-in task, in parts."""
    small = SmallBenchmark()
    small.splits["distill"].clear()
    members: dict[str, dict[str, list[int]]] = {}
    for row in small.pools:
        if row.pool == "train":
            members.setdefault(row.task, {}).setdefault(row.cluster, []).append(row.text)
    for number in range(examples):
        for task, clusters in members.items():
            rng = random.Random(f"{task}/{number}")
            colours = rng.sample(COLOURS, 2 + number % 2)
            small.add("distill", task, {colour: rng.sample(clusters[colour], 3) for colour in colours})
    return small


def distilling(
    folder: Path, base_url: str, examples: int = 3, model: dict[str, Any] | None = None, **sections: Any
) -> Workspace:
    """A project with a benchmark of TASKS * `examples` examples; keywords replace whole sections of its settings."""
    small_with(examples).write(folder / "benchmark")
    default = {"base_url": base_url, "model": "stand-in", "concurrency": 8, "timeout_s": 5, **(model or {})}
    settings = {
        "corpus": {"source": "nothing.jsonl"},
        "models": {"default": default},
        "distill": {"chunk": 5},
        **sections,
    }
    (folder / "cluster-r1.yaml").write_text(yaml.safe_dump(settings))
    return Workspace(folder)


def change(workspace: Workspace, section: str, **values: Any) -> None:
    """Change keys of a section of the settings; `tracer` and `reviewer` are roles of models."""
    settings = yaml.safe_load(workspace.settings_file.read_text())
    parent = settings["models"] if section in ("default", "tracer", "reviewer") else settings
    parent.setdefault(section, {}).update(values)
    workspace.settings_file.write_text(yaml.safe_dump(settings))


async def run(workspace: Workspace, limit: int | None = None) -> DistillResult:
    examples = SplitExamples(Benchmark(workspace.benchmark), "distill")
    with workspace.lock():
        return await distill(workspace, workspace.settings(), examples, "small", Silent(), limit)


def stored(workspace: Workspace) -> dict[str, Trace]:
    """Traces by example, in the order of the files."""
    return {trace.example: trace for trace in read_traces(workspace.traces)}
