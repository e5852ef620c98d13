"""A benchmark's files: what was written is read back, and what is no benchmark says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from cluster_r1.benchmark.files import SPLITS, Benchmark
from cluster_r1.core.errors import BenchmarkError
from small_benchmark import SmallBenchmark


def test_what_was_written_is_read_back(small: SmallBenchmark, small_benchmark: Benchmark) -> None:
    assert [len(list(small_benchmark.records(split))) for split in SPLITS] == [8, 4, 4, 4, 4]
    for split in SPLITS:
        assert list(small_benchmark.records(split)) == small.splits[split]
    assert list(small_benchmark.pools()) == small.pools
    assert len(small_benchmark.texts) == len(small.texts)
    assert small_benchmark.texts.column("tokens") == [row.tokens for row in small.texts]


def test_an_example_has_its_texts_in_order(small: SmallBenchmark, small_benchmark: Benchmark) -> None:
    record = small.splits["c1"][0]
    example = next(small_benchmark.examples("c1"))
    assert example.texts == tuple(small.texts[number].text for number in record.texts)
    assert example.clusters == record.labels
    assert example.gold.size == len(record.texts)
    assert example.instruction == small.tasks[0].instruction


def test_what_is_no_benchmark_says_so(tmp_path: Path, small_benchmark: Benchmark) -> None:
    with pytest.raises(BenchmarkError, match=r"no benchmark: it has no manifest\.json"):
        Benchmark(tmp_path)
    (small_benchmark.folder / "manifest.json").write_text('{"format": 1}')
    with pytest.raises(BenchmarkError, match="damaged"):
        Benchmark(small_benchmark.folder)


@pytest.mark.parametrize("name", ["c0.parquet", "texts.arrow"])
def test_a_damaged_file_says_so(small_benchmark: Benchmark, name: str) -> None:
    (small_benchmark.folder / name).write_bytes(b"not what it should be")
    with pytest.raises(BenchmarkError, match="damaged"):
        list(small_benchmark.examples("c0"))
