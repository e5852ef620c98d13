"""The main job on real texts with gold labels: what the taxonomy, the two labelers and their consensus are worth.

    benchmarks/real_texts.py DATA.jsonl --labeling domain -n 300 --model qwen2.5-coder-1.5b

DATA has one object a line with id, text and labels {labeling: value}. The instruction is that of INSTRUCTIONS.json
beside the data, or --instruction. Clusters are the model's own; with --given they are the gold labels' names, which
measures the labelers apart from the taxonomy. Nothing is asserted. Run again to resume; the folder keeps the page.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from pathlib import Path
from typing import Any

import yaml
from cluster_r1.cli.console import PlainProgress
from cluster_r1.cli.synth import task_lines
from cluster_r1.core.workspace import Workspace
from cluster_r1.graphs.pages import write_page
from cluster_r1.graphs.synth import synthesize


def main() -> None:
    arguments = _arguments()
    workspace = Workspace(arguments.folder)
    _write_project(arguments, workspace)
    began = time.monotonic()
    with workspace.lock():
        result = asyncio.run(synthesize(workspace, workspace.settings(), PlainProgress(), yes=True))
    seconds = time.monotonic() - began
    how = "clusters given by the gold labels' names" if arguments.given else "clusters made by the model"
    print(f"{arguments.data.name} {arguments.labeling}, {arguments.n} texts, {arguments.model}, {how}")
    for task in result.tasks:
        print("\n".join(task_lines(task)))
        for bias in task.bias:
            print(f"  position bias of {bias.labeler}: {bias.bias if bias.bias is None else round(bias.bias, 3)}")
    print(f"{result.paid} calls paid in {seconds:.0f} s; page: {write_page(workspace, workspace.settings())}")


def _write_project(arguments: argparse.Namespace, workspace: Workspace) -> None:
    if workspace.settings_file.exists():
        return
    rows = [json.loads(line) for line in arguments.data.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if row["labels"].get(arguments.labeling) is not None]
    rows = random.Random(arguments.seed).sample(rows, min(arguments.n, len(rows)))
    names = sorted({str(row["labels"][arguments.labeling]) for row in rows})
    workspace.create_folders()
    (workspace.root / "texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    task: dict[str, Any] = {"id": arguments.labeling.replace("_", "-"), "gold": arguments.labeling}
    task["instruction"] = arguments.instruction or _known_instruction(arguments)
    if arguments.given:
        task["taxonomy"] = "given.yaml"
        clusters = [name.replace("_", " ") for name in names]
        (workspace.root / "given.yaml").write_text(yaml.safe_dump({"clusters": clusters}))
    reach = {"base_url": arguments.base_url} if arguments.base_url else {"serve": "embedded"}
    default = {**reach, "model": arguments.model, "concurrency": arguments.concurrency, "timeout_s": 900}
    width = {"min_clusters": max(2, len(names) // 2), "max_clusters": max(3, len(names) * 3 // 2)}
    settings = {
        "corpus": {"source": "texts.jsonl", "gold": "labels", "domain": arguments.data.stem},
        "tasks": [task],
        "models": {"default": default},
        "taxonomy": {**width, "sample_tokens": 1200, "excerpt_tokens": 60, "probe": 30, "rounds": 1},
    }
    workspace.settings_file.write_text(yaml.safe_dump(settings, sort_keys=False))


def _known_instruction(arguments: argparse.Namespace) -> str:
    known = json.loads((arguments.data.parent / "INSTRUCTIONS.json").read_text())
    return known[arguments.data.stem]["labelings"][arguments.labeling]["instruction"]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--labeling", required=True)
    parser.add_argument("-n", type=int, default=300, help="texts, drawn at random")
    parser.add_argument("--given", action="store_true", help="use the gold labels' names as clusters")
    parser.add_argument("--instruction", help="in place of the one in INSTRUCTIONS.json")
    parser.add_argument("--model", default="qwen2.5-coder-1.5b")
    parser.add_argument("--base-url", help="an endpoint in place of the embedded server")
    parser.add_argument("--concurrency", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, required=True, help="project to make or go on with")
    return parser.parse_args()


if __name__ == "__main__":
    main()
