"""Completions that were made elsewhere (a vLLM batch, another harness) as an entry: read from a file, kept, scored."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from ..benchmark.files import EVALUATION, Benchmark
from ..core.errors import SettingsError
from ..core.evaluation import Completion, EntryInfo, EvaluationFolder
from ..training.completion_rows import BadRow, CompletionRow, read_completions
from .entries import Order, entry_plan, open_entry


class StoredCompletions(NamedTuple):
    """A file of rows with a completion and its example's id. `parameters` are billions, None where unknown."""

    file: Path
    name: str
    column: str | None = None
    parameters: float | None = None


def import_completions(
    stored: StoredCompletions, benchmark: Benchmark, evaluation: EvaluationFolder, replace: bool = False
) -> EntryInfo:
    """Make an entry of the file; several completions of an example are its samples, in the file's order.

    Examples without a completion are unanswered. Raises SettingsError for a row that cannot be read, or is about an
    example that is not of an evaluation split, before anything is written.
    """
    records = {record.id: split for split in EVALUATION for record in benchmark.records(split)}
    samples = _checked(stored, benchmark, records)
    order = Order(
        tuple(split for split in EVALUATION if split in {records[example] for example in samples}),
        samples=max(samples.values()),
    )
    with open_entry(evaluation, _info(stored, benchmark), benchmark, order, replace) as opened:
        asked = {one.record.id for one in opened.asked}
        owed = {one.key for one in opened.owed()}
        counted: Counter[str] = Counter()
        for row in read_completions(stored.file, stored.column, benchmark.folder):
            if not isinstance(row, CompletionRow):
                continue
            if (row.id, counted[row.id]) in owed:
                opened.add(Completion(example=row.id, sample=counted[row.id], text=row.text))
            counted[row.id] += 1
        opened.unanswered |= dict.fromkeys(sorted(asked - {*samples}), "no completion in the file")
    return opened.info


def _checked(stored: StoredCompletions, benchmark: Benchmark, records: dict[str, str]) -> Counter[str]:
    samples: Counter[str] = Counter()
    for row in read_completions(stored.file, stored.column, benchmark.folder):
        if isinstance(row, BadRow):
            raise SettingsError(f"{row.place}: {row.says}")
        if row.id not in records:
            raise SettingsError(
                f"{row.place} is about {row.id!r}, an example to train on; entries answer {', '.join(EVALUATION)}"
            )
        samples[row.id] += 1
    if not samples:
        raise SettingsError(f"{stored.file} has no completion")
    return samples


def _info(stored: StoredCompletions, benchmark: Benchmark) -> EntryInfo:
    with stored.file.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    settings = {"file": stored.file.name, "sha256": digest}
    return entry_plan(
        benchmark,
        stored.name,
        "model",
        f"completions of {stored.file.name}",
        settings,
        model=stored.name,
        parameters=stored.parameters,
        settings=settings,
    )
