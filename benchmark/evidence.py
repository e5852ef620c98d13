"""What a proof looks at: the texts, tasks and examples of a built benchmark, or of its export in plain JSONL.

An export is read by content: its texts have no numbers, so each different text gets one here, by first appearance.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import orjson

from ..core.build_settings import BenchmarkSettings
from ..core.errors import BenchmarkError
from .files import MANIFEST, SPLITS, TEXTS, Benchmark, ExampleRecord, Held, Split

_HELD: dict[Split, Held] = {
    "train": "held-in",
    "distill": "held-in",
    "c0": "held-in",
    "c1": "held-in",
    "c2": "held-out",
}


class TextSource(Protocol):
    """Texts by number."""

    def __len__(self) -> int: ...

    def __getitem__(self, number: int, /) -> str: ...


class ExampleSource(Protocol):
    """Examples by split, streamed; their texts are numbers of a TextSource."""

    def records(self, split: Split) -> Iterator[ExampleRecord]: ...


class ProofTask(NamedTuple):
    """A task as a proof sees it: what it says, its clusters, and on which side it was put."""

    id: str
    instruction: str
    clusters: frozenset[str]
    held: Held


@dataclass(frozen=True)
class Evidence:
    """`benchmark` is None for an export: there are no pools, no token counts and no manifest to hold it against."""

    texts: TextSource
    tasks: tuple[ProofTask, ...]
    source: ExampleSource
    near_duplicate: float | None
    benchmark: Benchmark | None


def read_evidence(folder: Path) -> Evidence:
    """Raises BenchmarkError when the folder holds neither a benchmark nor a plain JSONL export, or is damaged."""
    if (folder / TEXTS).exists() or not any((folder / f"{split}.jsonl").exists() for split in SPLITS):
        benchmark = Benchmark(folder)
        tasks = tuple(
            ProofTask(t.id, t.instruction, frozenset(c.name for c in t.clusters), t.held)
            for t in benchmark.manifest.tasks
        )
        return Evidence(benchmark.texts, tasks, benchmark, benchmark.manifest.settings.near_duplicate, benchmark)
    export = _Export(folder)
    threshold = BenchmarkSettings().near_duplicate
    if (folder / MANIFEST).exists():
        threshold = Benchmark(folder).manifest.settings.near_duplicate
    return Evidence(export, tuple(export.tasks.values()), export, threshold, None)


class _Export:
    """A folder of SPLIT.jsonl. Of each different text 16 bytes of hash and its place in the files are kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers: dict[bytes, int] = {}
        self._lines = array("q")
        self._places = array("i")
        self._files = array("b")
        self._last: tuple[tuple[int, int], list[str]] = ((-1, -1), [])
        self.tasks: dict[tuple[str, str, Held], ProofTask] = {}
        for number, split in enumerate(SPLITS):
            for offset, row in _rows(folder / f"{split}.jsonl"):
                self._add(number, offset, row)

    def __len__(self) -> int:
        return len(self._lines)

    def __getitem__(self, number: int) -> str:
        at = (self._files[number], self._lines[number])
        if self._last[0] != at:
            with (self._folder / f"{SPLITS[at[0]]}.jsonl").open("rb") as file:
                file.seek(at[1])
                self._last = (at, orjson.loads(file.readline())["texts"])
        return self._last[1][self._places[number]]

    def records(self, split: Split) -> Iterator[ExampleRecord]:
        for _, row in _rows(self._folder / f"{split}.jsonl"):
            numbers = tuple(self._numbers[_digest(text)] for text in row["texts"])
            yield ExampleRecord(row["id"], row["task"], row.get("domain", ""), numbers, tuple(row["labels"]), 0)

    def _add(self, file: int, offset: int, row: dict[str, Any]) -> None:
        for place, text in enumerate(row["texts"]):
            digest = _digest(text)
            if digest not in self._numbers:
                self._numbers[digest] = len(self._lines)
                self._files.append(file)
                self._lines.append(offset)
                self._places.append(place)
        held = _HELD[SPLITS[file]]
        key = (row["task"], row["instruction"], held)
        before = self.tasks.get(key, ProofTask(*key[:2], frozenset(), held))
        self.tasks[key] = before._replace(clusters=before.clusters | frozenset(row["labels"]))


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Where each row begins, in bytes, and the row; nothing for a split that was not exported."""
    if not path.exists():
        return
    offset = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield offset, _row(line, f"{path}, line {number}")
            offset += len(line)


def _row(line: bytes, where: str) -> dict[str, Any]:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise BenchmarkError(f"{where} is not JSON ({error}); export the benchmark again") from error
    if not isinstance(row, dict):
        raise BenchmarkError(f"{where} is no object but {type(row).__name__}; it takes the rows of `export --to jsonl`")
    wrong = [name for name in ("id", "task", "instruction") if not isinstance(row.get(name), str)]
    for name in ("texts", "labels"):
        values = row.get(name)
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            wrong.append(name)
    if wrong:
        raise BenchmarkError(f"{where}: {wrong[0]!r} is missing or no text; it takes the rows of `export --to jsonl`")
    return row


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
