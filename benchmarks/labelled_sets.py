"""A benchmark of short texts out of real labelled sets: their gold labels adopted, some instructions held out.

It reads a folder with NAME.jsonl files ({"id", "text", "labels": {labeling: label}}) and INSTRUCTIONS.json
({NAME: {"labelings": {labeling: {"instruction": ...}}}}); no model is asked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml
from cluster_r1.benchmark.build import build_benchmark
from cluster_r1.benchmark.collecting import collect_projects
from cluster_r1.benchmark.files import Benchmark
from cluster_r1.core.answer import Answer
from cluster_r1.core.tasks import Example
from cluster_r1.core.tokenizer import TokenCounter
from cluster_r1.core.workspace import Workspace
from cluster_r1.graphs.adopt import adopt_gold
from cluster_r1.graphs.progress import Progress


class LabelledTask(NamedTuple):
    """A labeling of a set, as a task."""

    corpus: str
    labeling: str
    split: str


TASKS = (
    LabelledTask("banking77", "intent", "held-in"),
    LabelledTask("clinc150", "domain", "held-in"),
    LabelledTask("clinc150", "intent", "held-in"),
    LabelledTask("hwu64", "scenario", "held-in"),
    LabelledTask("hwu64", "operation", "held-out"),
    LabelledTask("fewrel_val", "relation", "held-out"),
)


class Sizes(NamedTuple):
    """Examples: `train` and `held_out` (of each domain and split) in all, `distill` of each held-in task."""

    train: int
    distill: int
    held_out: int
    prompt_tokens: int
    max_clusters: int


class LabelledTexts(NamedTuple):
    """The texts of a set that a labeling has a label for, and these labels."""

    texts: list[str]
    labels: list[str]


def labelled_texts(data: Path, corpus: str, labeling: str) -> LabelledTexts:
    """In the file's order."""
    rows = [json.loads(line) for line in (data / f"{corpus}.jsonl").read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if row["labels"].get(labeling) is not None]
    return LabelledTexts([row["text"] for row in rows], [str(row["labels"][labeling]) for row in rows])


def instruction_of(data: Path, corpus: str, labeling: str) -> str:
    known = json.loads((data / "INSTRUCTIONS.json").read_text(encoding="utf-8"))
    return known[corpus]["labelings"][labeling]["instruction"]


def labelled_benchmark(data: Path, folder: Path, sizes: Sizes, counter: TokenCounter, progress: Progress) -> Benchmark:
    """Build it below `folder`, once; what is there is read."""
    built = folder / "benchmark"
    if (built / "manifest.json").exists():
        return Benchmark(built)
    instructions = json.loads((data / "INSTRUCTIONS.json").read_text())
    names = list(dict.fromkeys(task.corpus for task in TASKS))
    for name in names:
        _project(data, folder / name, instructions[name]["labelings"], sizes, names)
        workspace = Workspace(folder / name)
        with workspace.lock():
            adopt_gold(workspace, workspace.settings(), progress)
    first = Workspace(folder / names[0])
    settings = first.settings().benchmark
    build_benchmark(collect_projects(first, settings), settings, counter, 0, built, progress)
    return Benchmark(built)


def _project(data: Path, folder: Path, labelings: dict[str, dict[str, str]], sizes: Sizes, names: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    tasks = [task for task in TASKS if task.corpus == folder.name]
    domain = {"prompt_tokens": sizes.prompt_tokens, **dict.fromkeys(("c0", "c1", "c2"), sizes.held_out)}
    settings = {
        "corpus": {"source": str((data / f"{folder.name}.jsonl").resolve()), "gold": "labels", "domain": folder.name},
        "tasks": [
            {
                "id": f"{task.corpus.replace('_', '-')}-{task.labeling}",
                "instruction": labelings[task.labeling]["instruction"],
                "gold": task.labeling,
                "split": task.split,
            }
            for task in tasks
        ],
        "models": {"default": {"model": "nobody", "base_url": "http://127.0.0.1:9/v1"}},
        "benchmark": {
            "name": "labelled-sets",
            "projects": [f"../{name}" for name in names if name != folder.name],
            "train": sizes.train,
            "distill": sizes.distill,
            "max_clusters": sizes.max_clusters,
            "domains": dict.fromkeys(names, domain),
        },
    }
    (folder / "cluster-r1.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))


def ruled_reasoning(examples: Iterator[Example]) -> dict[str, str]:
    """A trace by rule for each example: every text's first words and its label, then the groups. No model thinks here.

    It teaches the order of work (look at each text, name the groups, assign), not how to see what a text is about.
    """
    return {example.id: _reasoning(example) for example in examples}


def _reasoning(example: Example) -> str:
    names = [label.replace("_", " ").lower() for label in example.clusters]
    seen = [
        f'{number}. "{" ".join(text.split()[:6])}": {name}'
        for number, (text, name) in enumerate(zip(example.texts, names, strict=True), start=1)
    ]
    groups = Answer.from_labels(names).clusters
    listed = [f"- {names[items[0] - 1]}: {', '.join(map(str, items))}" for items in groups]
    return "\n".join(
        [f"I look at each text. {example.instruction}", *seen, f"That makes {len(groups)} clusters:", *listed]
    )
