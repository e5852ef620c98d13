"""Entries of an evaluation that answer a benchmark as a test wants, written as a real run writes them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from cluster_r1.benchmark.files import Benchmark, ExampleRecord
from cluster_r1.core.answer import Answer, render_answer
from cluster_r1.core.evaluation import Completion, EntryFolder, EntryInfo, EntryKind, EvaluationFolder
from cluster_r1.eval.entries import Order, benchmark_hash, open_entry

Said = Callable[[ExampleRecord, int], Completion]
"""What an entry answers to an example, and to which sample of it."""


def partition(labels: Sequence[Hashable], think: str = "") -> str:
    """The canonical text that puts texts with equal labels together."""
    return render_answer(Answer.from_labels(labels), think)


def saying(text: Callable[[ExampleRecord], str]) -> Said:
    """Nothing but a text, the same for every sample."""
    return lambda record, sample: Completion(example=record.id, sample=sample, text=text(record))


def write_entry(
    evaluation: EvaluationFolder,
    benchmark: Benchmark,
    name: str,
    said: Said,
    kind: EntryKind = "model",
    order: Order | None = None,
    **settings: Any,
) -> tuple[EntryInfo, EntryFolder]:
    """An entry that is answered and scored."""
    plan = EntryInfo(
        name=name,
        kind=kind,
        settings=settings,
        benchmark=benchmark.manifest.name,
        benchmark_sha256=benchmark_hash(benchmark),
        splits=(),
        examples=0,
        made_from=name,
    )
    with open_entry(evaluation, plan, benchmark, order or Order()) as entry:
        for asked in entry.owed():
            entry.add(said(asked.record, asked.sample))
    return entry.info, evaluation.entry(name)


GOLD = saying(lambda record: partition(record.labels, "I sort them by colour."))
ONE_CLUSTER = saying(lambda record: partition([0] * len(record.labels)))
SINGLETONS = saying(lambda record: partition(range(len(record.labels))))
ROTATED = saying(lambda record: partition([*record.labels[2:], *record.labels[:2]]))
"""As many clusters as gold, and as large, but the first two texts swapped with the last."""


def mostly_invalid(record: ExampleRecord, sample: int) -> Completion:
    """Gold for every third example, else one of two errors."""
    number = int(record.id.rpartition("/")[2])
    if number % 3 == 0:
        return GOLD(record, sample)
    text = "I cannot do this. " * 500 if number % 3 == 1 else partition(record.labels[:-1])
    return Completion(example=record.id, sample=sample, text=text, finish="length" if number % 3 == 1 else "stop")
