"""Completions and their gold labels, from files as TRL, verl and this project write them; one row is held at a time."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..benchmark.files import SPLITS, Benchmark, Split
from ..benchmark.reward_functions import completion_text, labels_of_ground_truth
from ..core.errors import SettingsError
from ..core.settings import CorpusSettings
from ..corpora.json_rows import read_json
from ..corpora.report import Skip
from ..corpora.rows import Row, SourceFile, read_jsonl
from ..corpora.tables import read_parquet

COMPLETION_COLUMNS = ("completion", "response", "output", "messages", "completions", "text", "answer")
_TRUTH_COLUMNS = ("ground_truth", "gts")
_ID_COLUMNS = ("example", "id")
_READERS = {".jsonl": read_jsonl, ".ndjson": read_jsonl, ".json": read_json, ".parquet": read_parquet}


class CompletionRow(NamedTuple):
    """A completion to score. place: file and line or row; values: all its columns."""

    place: str
    id: str
    text: str
    gold: Sequence[Hashable]
    values: Mapping[str, Any]


class BadRow(NamedTuple):
    """A row that cannot be scored, why, and what to do."""

    place: str
    says: str


def read_completions(
    path: Path, column: str | None = None, benchmark: Path | None = None
) -> Iterator[CompletionRow | BadRow]:
    """Rows in order. The gold labels are a column `labels`, verl's ground truth, or those of a benchmark's example.

    column: where the completion is; None takes the first of COMPLETION_COLUMNS that the first row has.
    Raises SettingsError for a file that cannot be read and for a first row without the columns, which says what it has;
    BenchmarkError for what is no benchmark.
    """
    gold = _Gold(benchmark)
    chosen = ""
    for row in _rows(path):
        if isinstance(row, Skip):
            yield BadRow(row.place, f"{row.detail} ({row.reason}); mend or delete it")
            continue
        if not chosen:
            chosen = _column(row, column)
            _refuse_without_gold(row, gold)
        yield _completion(row, chosen, gold)


def _rows(path: Path) -> Iterator[Row | Skip]:
    read = _READERS.get(path.suffix.lower())
    if read is None:
        raise SettingsError(f"{path} must end in {', '.join(_READERS)}, by which its format is told")
    if not path.is_file():
        raise SettingsError(f"there is no file {path}")
    name = str(path)
    return iter(read(SourceFile(path, name, name, path.suffix[1:].lower()), CorpusSettings(source=name)))  # pyright: ignore[reportArgumentType]


def _column(row: Row, column: str | None) -> str:
    if column is None:
        column = next((name for name in COMPLETION_COLUMNS if name in row.values), None)
        if column is None:
            raise SettingsError(
                f"{row.place} has none of the columns {', '.join(COMPLETION_COLUMNS)}; name the completion's with"
                f" --column, one of {_names(row)}"
            )
    if column not in row.values:
        raise SettingsError(f"{row.place} has no column {column!r}; give --column one of {_names(row)}")
    return column


def _names(row: Row) -> str:
    return ", ".join(row.values) or "none, for it has no columns"


def _refuse_without_gold(row: Row, gold: _Gold) -> None:
    if not gold.knows(row.values):
        raise SettingsError(
            f"{row.place} has no gold labels: give it a column labels (a list: the gold cluster of each text), verl's"
            f" ground_truth, or an example's id and --benchmark; its columns are {_names(row)}"
        )


def _completion(row: Row, column: str, gold: _Gold) -> CompletionRow | BadRow:
    if column not in row.values:
        return BadRow(row.place, f"no column {column!r}; it has {_names(row)}")
    value = row.values[column]
    if isinstance(value, Mapping):
        value = [value]
    if not isinstance(value, str) and not (isinstance(value, list) and value and isinstance(value[-1], Mapping)):
        return BadRow(row.place, f"{column} must be a text or a list of messages, not {value!r:.60}")
    try:
        text, labels = completion_text(value), gold.of(row.values)
    except KeyError as error:
        return BadRow(row.place, f"the last message of {column} has no {error}")
    except (ValueError, TypeError) as error:
        return BadRow(row.place, str(error))
    return CompletionRow(row.place, _id(row.values), text, labels, row.values)


def _id(values: Mapping[str, Any]) -> str:
    return next((str(values[name]) for name in _ID_COLUMNS if values.get(name) is not None), "")


class _Gold:
    """Where a row's gold labels are."""

    def __init__(self, benchmark: Path | None) -> None:
        self._folder = benchmark
        self._examples: dict[str, tuple[Hashable, ...]] = {}
        if benchmark is not None:
            built = Benchmark(benchmark)
            splits: list[Split] = [split for split in SPLITS if built.manifest.examples.get(split)]
            self._examples = {record.id: record.labels for split in splits for record in built.records(split)}

    def knows(self, values: Mapping[str, Any]) -> bool:
        if self._folder is not None:
            return bool(_id(values))
        return "labels" in values or _truth(values) is not None

    def of(self, values: Mapping[str, Any]) -> Sequence[Hashable]:
        """Raises ValueError saying what is wrong with them."""
        if self._folder is not None:
            return self._of_example(_id(values))
        labels: Any = values.get("labels")
        if labels is None:
            truth = _truth(values)
            if truth is None:
                raise ValueError("no gold labels: neither labels nor ground_truth")
            labels = truth.get("labels") if isinstance(truth, Mapping) else labels_of_ground_truth(truth)
        if not isinstance(labels, list) or not all(isinstance(label, str | int) for label in labels):
            raise ValueError(f"labels must be a list of names or numbers, one for each text, not {labels!r:.60}")
        if not labels:
            raise ValueError("labels is empty; it needs the gold cluster of each text")
        return labels

    def _of_example(self, example: str) -> Sequence[Hashable]:
        if not example:
            raise ValueError(f"no example's id in {' or '.join(_ID_COLUMNS)}, which --benchmark asks for")
        if example not in self._examples:
            some = next(iter(self._examples), "none")
            raise ValueError(f"{self._folder} has no example {example!r}; its ids look like {some!r}")
        return self._examples[example]


def _truth(values: Mapping[str, Any]) -> Any:
    nested = values.get("reward_model")
    places = (nested if isinstance(nested, Mapping) else {}, values)
    return next((place[name] for place in places for name in _TRUTH_COLUMNS if place.get(name) is not None), None)
