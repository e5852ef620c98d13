"""Small projects on disk, and the bundled endpoint to run them against."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from cluster_r1.core.workspace import Workspace
from cluster_r1.graphs.progress import Silent
from cluster_r1.graphs.synth import SynthResult, synthesize

TOPICS = ("cards", "loans", "fees", "fraud", "transfers")
CLUSTERS = {name: f"Messages about {name}." for name in TOPICS}


def write_documents(path: Path, count: int, start: int = 0, mode: str = "w") -> None:
    with path.open(mode) as file:
        for n in range(start, start + count):
            topic = TOPICS[n % len(TOPICS)]
            row = {"id": f"d{n}", "text": f"Message number {n} is about {topic} and nothing else.", "topic": topic}
            file.write(json.dumps(row) + "\n")


Project = Callable[..., Workspace]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project of so many documents with a given taxonomy; keywords replace whole sections of its settings."""

    def make(base_url: str, documents: int = 60, model: dict[str, Any] | None = None, **sections: Any) -> Workspace:
        write_documents(tmp_path / "texts.jsonl", documents)
        (tmp_path / "clusters.yaml").write_text(yaml.safe_dump({"clusters": CLUSTERS}))
        default = {"base_url": base_url, "model": "stand-in", "concurrency": 16, "timeout_s": 5, **(model or {})}
        settings = {
            "corpus": {"source": "texts.jsonl", "gold": "topic"},
            "tasks": [{"id": "topic", "instruction": "Cluster by topic.", "taxonomy": "clusters.yaml"}],
            "models": {"default": default},
            "labeling": {"chunk": 20},
            **sections,
        }
        (tmp_path / "cluster-r1.yaml").write_text(yaml.safe_dump(settings))
        return Workspace(tmp_path)

    return make


async def run(workspace: Workspace, **options: Any) -> SynthResult:
    with workspace.lock():
        return await synthesize(workspace, workspace.settings(), Silent(), **options)
