"""A split's examples by place, each read from the benchmark when it is asked for."""

from __future__ import annotations

from ..core.errors import BenchmarkError
from ..core.tasks import Example
from .files import Benchmark, Split


class SplitExamples:
    """`examples[0]` is the split's first one. Numbers of texts are held, texts are not.

    Raises BenchmarkError for a split without examples.
    """

    def __init__(self, benchmark: Benchmark, split: Split) -> None:
        self._benchmark = benchmark
        self._records = list(benchmark.records(split))
        if not self._records:
            raise BenchmarkError(
                f"{benchmark.folder} has no example in its {split} split; it needs held-in tasks and"
                f" benchmark.{split} above 0, see `cluster-r1 stats` for what fell short"
            )

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, place: int) -> Example:
        return self._benchmark.example(self._records[place])
