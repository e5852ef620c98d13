"""`cluster-r1 verify` and `stats` as a newcomer uses them, wrong input included."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from small_benchmark import SmallBenchmark


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "cluster_r1", *arguments], capture_output=True, text=True, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with the small benchmark, whose held-out tasks have cluster names of held-in ones: a leak."""
    SmallBenchmark().write(tmp_path / "benchmark")
    return tmp_path


def test_a_leak_is_told_and_ends_with_eight(folder: Path) -> None:
    done = command("-C", str(folder), "verify")
    assert done.returncode == 8
    assert "held-out-clusters" in done.stdout
    assert "held-out task 'court-2' has the same cluster names as held-in task 'court-0'" in done.stderr
    assert "what to do: give both tasks one split" in done.stderr


def test_a_sealed_benchmark_ends_with_zero(folder: Path) -> None:
    small = SmallBenchmark()
    for split in ("train", "distill", "c0", "c1"):
        small.splits[split] = []
    small.tasks = [task for task in small.tasks if task.held == "held-out"]
    small.pools = [row for row in small.pools if row.task.endswith("-2")]
    small.write(folder / "benchmark")
    done = command("verify", str(folder / "benchmark"), "--tokenizer", "estimate")
    assert done.returncode == 0, done.stderr
    assert "sealed, 22 checks" in done.stdout


@pytest.mark.parametrize("name", ["verify", "stats"])
def test_what_is_no_benchmark_ends_with_two(tmp_path: Path, name: str) -> None:
    done = command(name, str(tmp_path / "nowhere"))
    assert done.returncode == 2
    assert "is no benchmark: it has no manifest.json; `cluster-r1 build` writes one" in done.stderr


def test_stats_in_every_form(folder: Path) -> None:
    done = command("-C", str(folder), "stats")
    assert "small: 6 tasks (4 held-in, 2 held-out), 24 examples, 180 texts" in done.stdout
    assert "proof: none in the manifest; run `cluster-r1 verify`" in done.stdout
    assert json.loads(command("-C", str(folder), "stats", "--json").stdout)["funnel"]["examples"] == 24
    assert command("-C", str(folder), "stats", "--markdown").stdout.startswith("| domain | split | tasks |")
    assert command("-C", str(folder), "stats", "--html").returncode == 0
    assert "<title>small · Benchmark</title>" in (folder / "benchmark/statistics.html").read_text()
    assert command("-C", str(folder), "stats", "--html", "--out", str(folder / "page.html")).returncode == 0
    assert (folder / "page.html").read_bytes() == (folder / "benchmark/statistics.html").read_bytes()


def test_forms_exclude_each_other(folder: Path) -> None:
    done = command("-C", str(folder), "stats", "--json", "--html")
    assert done.returncode == 2
    assert "exclude each other" in done.stderr
    assert command("-C", str(folder), "stats", "--out", "page.html").returncode == 2
