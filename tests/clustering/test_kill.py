"""kill -9 of `cluster-r1 cluster` at random points, then a clean finish; and parts done by processes of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cluster_r1.clustering.outputs import read_assignments
from cluster_r1.core.clustering import ResultFolder
from cluster_r1.llm.testing.process import endpoint_process
from killing import kill_and_finish
from topic_messages import INSTRUCTION, write_clusters, write_messages

TEXTS = 1200
CONCURRENCY = 8
KILLS = 6


def command(folder: Path, base_url: str, *more: str) -> list[str]:
    texts = folder / "texts.jsonl"
    if not texts.exists():
        write_messages(texts, TEXTS)
        write_clusters(folder / "c.yaml")
    plain = [sys.executable, "-m", "cluster_r1", "cluster", str(texts), "--instruction", INSTRUCTION]
    plain += ["--taxonomy", str(folder / "c.yaml"), "--out", str(folder / "result"), "--model", "m"]
    return [*plain, "--base-url", base_url, "--concurrency", str(CONCURRENCY), *more]


def ids(folder: Path) -> list[str]:
    return [row.document_id for row in read_assignments(ResultFolder(folder / "result").assignments)]


@pytest.mark.slow
def test_kills_lose_no_answer_and_pay_again_only_what_was_in_flight(tmp_path: Path) -> None:
    faults = {"every_429": 50, "retry_after_ms": 20, "every_garbage": 60}
    with endpoint_process(latency_s=0.05, slots=CONCURRENCY, **faults) as endpoint:

        def start() -> subprocess.Popen[bytes]:
            line = command(tmp_path, endpoint.base_url)
            return subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

        stats = kill_and_finish(start, endpoint.stats, KILLS, 0.4, 20267)
    assert ids(tmp_path) == [f"t{number}" for number in range(TEXTS)]
    assert stats.duplicates <= KILLS * CONCURRENCY


@pytest.mark.slow
def test_parts_side_by_side_do_every_shard_once(tmp_path: Path) -> None:
    (tmp_path / "cluster-r1.yaml").write_text(
        "corpus: {source: texts.jsonl}\ncluster: {shard: 100}\n"
        "models: {default: {model: m, base_url: 'http://127.0.0.1:9/v1'}}\n"
    )
    with endpoint_process(latency_s=0.01) as endpoint:
        settings = (tmp_path / "cluster-r1.yaml").read_text().replace("http://127.0.0.1:9/v1", endpoint.base_url)
        (tmp_path / "cluster-r1.yaml").write_text(settings)
        write_messages(tmp_path / "texts.jsonl", TEXTS)
        write_clusters(tmp_path / "c.yaml")
        line = [sys.executable, "-m", "cluster_r1", "-C", str(tmp_path), "cluster", str(tmp_path / "texts.jsonl")]
        line += [
            "--instruction",
            INSTRUCTION,
            "--taxonomy",
            str(tmp_path / "c.yaml"),
            "--out",
            str(tmp_path / "result"),
        ]
        subprocess.run([*line, "--prepare"], check=True, stdout=subprocess.DEVNULL)
        parts = [subprocess.Popen([*line, "--shard", f"{part}/3"], stdout=subprocess.DEVNULL) for part in (1, 2, 3)]
        assert [part.wait() for part in parts] == [0, 0, 0]
        assert endpoint.stats().calls == TEXTS
        subprocess.run(line, check=True, stdout=subprocess.DEVNULL)
        assert endpoint.stats().calls == TEXTS
    assert ids(tmp_path) == [f"t{number}" for number in range(TEXTS)]
