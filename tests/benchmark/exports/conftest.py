"""A benchmark that may be exported, and what the libraries that load exports must not touch."""

from __future__ import annotations

from pathlib import Path

import datasets
import pytest
from cluster_r1.benchmark.files import Benchmark
from exporting import proven


@pytest.fixture
def benchmark(tmp_path: Path) -> Benchmark:
    return proven(tmp_path / "benchmark")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`load_dataset` writes to a cache in the home folder otherwise."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
