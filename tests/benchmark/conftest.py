"""The small benchmark, in parts and written."""

from __future__ import annotations

from pathlib import Path

import pytest
from cluster_r1.benchmark.files import Benchmark
from small_benchmark import SmallBenchmark


@pytest.fixture
def small() -> SmallBenchmark:
    return SmallBenchmark()


@pytest.fixture
def small_benchmark(tmp_path: Path, small: SmallBenchmark) -> Benchmark:
    return small.write(tmp_path / "benchmark")
