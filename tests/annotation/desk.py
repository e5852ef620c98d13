"""A small project on disk that is driven through the command line, in processes of its own as people do."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import yaml
from cluster_r1.annotation.audit import AuditLog
from cluster_r1.annotation.push import audit_file
from cluster_r1.core.archive import TaxonomyArchive
from cluster_r1.core.workspace import Workspace
from cluster_r1.graphs.progress import Silent
from cluster_r1.graphs.synth import synthesize

CLUSTERS = {name: f"Messages about {name}." for name in ("cards", "loans", "fees", "fraud", "transfers")}
TASK = {"id": "topic", "instruction": "Cluster by topic."}
LABELLED = {"tasks": [{**TASK, "taxonomy": "clusters.yaml"}]}
"""Settings whose task has its taxonomy, so that there are labels without a gate."""

KEY = "TEST_ARGILLA_KEY"


def processes_of(home: Path) -> list[psutil.Process]:
    """The processes of the embedded Argilla whose data lie in this folder."""
    return [p for p in psutil.process_iter(["cmdline"]) if str(home) in (p.info["cmdline"] or [])]


class Desk:
    """A project on disk with its team's Argilla, driven through the command line in processes of its own."""

    def __init__(self, root: Path, base_url: str, documents: int, key: str = "", **sections: Any) -> None:
        root.mkdir()
        topics = list(CLUSTERS)
        texts = (f"Message {n} is about {topics[n % 5]} and nothing else." for n in range(documents))
        rows = [json.dumps({"id": f"d{n}", "text": text}) for n, text in enumerate(texts)]
        (root / "texts.jsonl").write_text("\n".join(rows))
        (root / "clusters.yaml").write_text(yaml.safe_dump({"clusters": CLUSTERS}))
        settings = {
            "corpus": {"source": "texts.jsonl"},
            "tasks": [TASK],
            "models": {"default": {"base_url": base_url, "model": "stand-in", "concurrency": 16}},
            "taxonomy": {"min_clusters": 2, "max_clusters": 5, "probe": 20, "rounds": 1},
            **sections,
        }
        (root / "cluster-r1.yaml").write_text(yaml.safe_dump(settings))
        self.workspace = Workspace(root)
        self.environment = {**os.environ, KEY: key, "COLUMNS": "300"}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", "from cluster_r1.cli.app import main; main()", "-C", str(self.workspace.root)]
        return subprocess.Popen(
            [*command, *arguments], env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    async def run(self, *arguments: str, code: int = 0) -> str:
        process = self.start(*arguments)
        said, _ = await asyncio.to_thread(process.communicate)
        assert process.returncode == code, said
        return said

    async def killed(self, after_s: float, *arguments: str) -> bool:
        """Start a command and kill -9 it; whether it was still at work."""
        process = self.start(*arguments)
        await asyncio.sleep(after_s)
        at_work = process.poll() is None
        process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(process.communicate)
        return at_work

    def settings(self, **sections: Any) -> None:
        content = yaml.safe_load(self.workspace.settings_file.read_text())
        self.workspace.settings_file.write_text(yaml.safe_dump({**content, **sections}))

    def log(self, event: str) -> list[Any]:
        return [entry for entry in AuditLog(audit_file(self.workspace)).entries() if entry.event == event]

    def taxonomy(self) -> Any:
        return TaxonomyArchive(self.workspace.taxonomies).accepted("topic")

    async def label(self) -> None:
        """Label the corpus in this process, which is quicker than a command."""
        with self.workspace.lock():
            await synthesize(self.workspace, self.workspace.settings(), Silent())
