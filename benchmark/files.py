"""A benchmark on disk, and reading it.

manifest.json    BenchmarkManifest: tasks, settings, counts, where everything came from, the proof that nothing leaks
texts.arrow      every text of the pools, by number: document_id, domain, tokens, text (Arrow IPC, memory-mapped)
pools.parquet    task, cluster, text, group (of near-duplicates), pool: which text may be used where
SPLIT.parquet    train, distill, c0, c1, c2: examples that name their texts by number
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..core.agreement import Interval
from ..core.build_settings import BenchmarkSettings
from ..core.errors import BenchmarkError
from ..core.evaluation import EVALUATED
from ..core.tasks import Example
from ..core.taxonomy import Cluster
from ..core.workspace import write_text

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1
MANIFEST = "manifest.json"
TEXTS = "texts.arrow"
POOLS = "pools.parquet"
_ROWS_AT_ONCE = 8192

Split = Literal["train", "distill", "c0", "c1", "c2"]
SPLITS: tuple[Split, ...] = get_args(Split)
TRAINING: tuple[Split, ...] = ("train", "distill")
EVALUATION: tuple[Split, ...] = EVALUATED

Pool = Literal["train", "eval"]
Held = Literal["held-in", "held-out"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BenchmarkTask(_Frozen):
    """A task of the benchmark and how its labels came to be."""

    id: str
    domain: str
    instruction: str
    held: Held
    clusters: tuple[Cluster, ...]
    project: str = Field(description="name of the project's folder")
    parent: tuple[str, str] | None = Field(default=None, description="coarse task and cluster that it lies in")
    fingerprint: str = Field(description="of the taxonomy")
    documents: int
    outcomes: dict[str, int]
    sizes: dict[str, int] = Field(description="kept documents by cluster")
    human: int = Field(default=0, description="labels by people")
    agreement: Interval
    kappa: Interval
    alpha: Interval
    pools: dict[str, dict[Pool, int]] = Field(description="texts of each cluster by pool, after length and duplicates")
    too_long: int = Field(description="kept documents left out because they are too long")


class Origin(_Frozen):
    """Where a project's documents and labels came from: corpus, models by role, hashes of prompts."""

    project: str
    domain: str
    source: str
    fingerprint: str
    read: int
    kept: int
    skipped: dict[str, int]
    models: dict[str, str]
    prompts: dict[str, str]
    licence: str = "not stated"


class Shortfall(_Frozen):
    """Examples that could not be made, and why."""

    split: Split
    task: str
    wanted: int
    made: int
    reason: str


class Check(_Frozen):
    """One thing that was proven on the written files: how much was looked at, what was found."""

    name: str
    says: str
    looked_at: int
    leaks: int
    examples: tuple[str, ...] = Field(default=(), description="the first leaks, in words")


class BenchmarkManifest(_Frozen):
    """All of a benchmark but its texts and examples. It holds no time: the same inputs make the same bytes."""

    format: int = FORMAT
    name: str
    version: str = Field(description="of the program that built it")
    seed: int
    settings: BenchmarkSettings
    tokenizer: str
    tasks: tuple[BenchmarkTask, ...]
    origins: tuple[Origin, ...]
    examples: dict[Split, int]
    texts: int
    groups: int = Field(description="groups of near-duplicates with more than one text")
    shortfalls: tuple[Shortfall, ...] = ()
    proof: tuple[Check, ...] = ()
    sha256: dict[str, str] = Field(default_factory=dict, description="of each data file")


class ExampleRecord(NamedTuple):
    """An example as it is stored: `texts` are numbers of texts, in the prompt's order, `labels` their gold clusters."""

    id: str
    task: str
    domain: str
    texts: tuple[int, ...]
    labels: tuple[str, ...]
    tokens: int


class PoolRow(NamedTuple):
    """A text's place in a task."""

    task: str
    cluster: str
    text: int
    group: int
    pool: Pool


class Texts:
    """The texts by number, memory-mapped: any of them is read at once and none is held."""

    def __init__(self, path: Path) -> None:
        import pyarrow as pa

        try:
            self._table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        except FileNotFoundError:
            raise BenchmarkError(f"there is no {path}; `cluster-r1 build` writes a benchmark") from None
        except pa.ArrowInvalid as error:
            raise BenchmarkError(f"{path} is damaged ({error}); build the benchmark again") from error

    def __len__(self) -> int:
        return self._table.num_rows

    def __getitem__(self, number: int) -> str:
        return self._table["text"][number].as_py()

    def document_id(self, number: int) -> str:
        return self._table["document_id"][number].as_py()

    def domain(self, number: int) -> str:
        return self._table["domain"][number].as_py()

    def column(self, name: Literal["tokens", "domain", "document_id"]) -> list[Any]:
        """A whole column, in order of number."""
        return self._table[name].to_pylist()


class Benchmark:
    """A built benchmark. Raises BenchmarkError for a folder that is none, or is of another version or damaged."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = _manifest(folder)
        self._tasks = {task.id: task for task in self.manifest.tasks}

    @cached_property
    def texts(self) -> Texts:
        return Texts(self.folder / TEXTS)

    def task(self, task_id: str) -> BenchmarkTask:
        return self._tasks[task_id]

    def records(self, split: Split) -> Iterator[ExampleRecord]:
        """The examples of a split in order, streamed."""
        for batch in _batches(self.folder / f"{split}.parquet"):
            for row in batch.to_pylist():
                yield ExampleRecord(**{**row, "texts": tuple(row["texts"]), "labels": tuple(row["labels"])})

    def examples(self, split: Split) -> Iterator[Example]:
        """The examples of a split with their texts, streamed."""
        for record in self.records(split):
            yield self.example(record)

    def example(self, record: ExampleRecord) -> Example:
        return Example(
            id=record.id,
            task=record.task,
            instruction=self.task(record.task).instruction,
            document_ids=tuple(map(self.texts.document_id, record.texts)),
            texts=tuple(self.texts[number] for number in record.texts),
            clusters=record.labels,
        )

    def pools(self) -> Iterator[PoolRow]:
        """Every text's place in every task, streamed."""
        for batch in _batches(self.folder / POOLS):
            yield from (PoolRow(**row) for row in batch.to_pylist())


def example_schema() -> pa.Schema:
    import pyarrow as pa

    texts, labels = pa.list_(pa.int32()), pa.list_(pa.string())
    columns = {"id": pa.string(), "task": pa.string(), "domain": pa.string(), "texts": texts, "labels": labels}
    return pa.schema(columns | {"tokens": pa.int32()})


def pool_schema() -> pa.Schema:
    import pyarrow as pa

    columns = {"task": pa.string(), "cluster": pa.string(), "text": pa.int32(), "group": pa.int32()}
    return pa.schema(columns | {"pool": pa.string()})


def text_schema() -> pa.Schema:
    import pyarrow as pa

    columns = {"document_id": pa.string(), "domain": pa.string(), "tokens": pa.int32(), "text": pa.large_string()}
    return pa.schema(columns)


class TextRow(NamedTuple):
    """A text as it is stored; `tokens` are its own, without the prompt's frame."""

    document_id: str
    domain: str
    tokens: int
    text: str


@contextmanager
def text_writer(path: Path) -> Iterator[Callable[[Sequence[TextRow]], None]]:
    """Write texts batch by batch; the first one gets number 0. The file is there when the block ends."""
    import pyarrow as pa

    from ..core.workspace import atomic_path

    schema = text_schema()
    with atomic_path(path) as temporary, pa.OSFile(str(temporary), "wb") as file, pa.ipc.new_file(file, schema) as out:
        yield lambda rows: out.write_batch(
            pa.record_batch(
                [pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), schema, strict=True)],
                schema=schema,
            )
        )


def write_pools(path: Path, rows: Iterable[PoolRow]) -> None:
    """The pools' file, written in small pieces."""
    import pyarrow.parquet as pq

    from ..core.workspace import atomic_path, table_of

    schema, coming = pool_schema(), iter(rows)
    with atomic_path(path) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
        while batch := list(itertools.islice(coming, _ROWS_AT_ONCE)):
            writer.write_table(table_of((row._asdict() for row in batch), schema))


def write_examples(path: Path, records: Sequence[ExampleRecord]) -> None:
    """A split's file."""
    from ..core.workspace import table_of, write_table

    write_table(path, table_of((record._asdict() for record in records), example_schema()))


def write_manifest(folder: Path, manifest: BenchmarkManifest) -> None:
    write_text(folder / MANIFEST, manifest.model_dump_json(indent=1) + "\n")


def data_hashes(folder: Path) -> dict[str, str]:
    """The sha256 of each data file, as a manifest holds them."""
    hashes: dict[str, str] = {}
    for name in (TEXTS, POOLS, *(f"{split}.parquet" for split in SPLITS)):
        with (folder / name).open("rb") as file:
            hashes[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return hashes


def _manifest(folder: Path) -> BenchmarkManifest:
    path = folder / MANIFEST
    try:
        return BenchmarkManifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise BenchmarkError(f"{folder} is no benchmark: it has no {MANIFEST}; `cluster-r1 build` writes one") from None
    except ValidationError as error:
        raise BenchmarkError(f"{path} is damaged or of another version: {error.errors()[0]['msg']}") from None


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:  # else it keeps all that it has read
            yield from file.iter_batches(batch_size=1024)
    except FileNotFoundError:
        raise BenchmarkError(f"there is no {path}; build the benchmark again") from None
    except pa.ArrowInvalid as error:
        raise BenchmarkError(f"{path} is damaged ({error}); build the benchmark again") from error
