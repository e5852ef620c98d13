"""A job: one pass over a corpus that gives texts their clusters, described so that any process can do a part of it.

A job lies in a folder of its own, on any filesystem that fsspec knows:

job.json            Job: taxonomy, model, how texts are assigned
classifier.npz      the classifier of hybrid and embed
labelled.parquet    its training texts, which the model has labelled already
00000.parquet …     the shards: rows of `core/clustering.AssignedText`

A shard is written whole or not at all; which ones are there is all that resuming needs to know.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..core.cluster_settings import Assign
from ..core.clustering import AssignedText, ClassifierQuality, assignments_schema
from ..core.errors import WorkspaceError
from ..core.settings import LabelingSettings, ModelSettings
from ..core.taxonomy import Taxonomy
from ..core.workspace import table_of

if TYPE_CHECKING:
    import pyarrow as pa

    from .classifier import Classifier

_REACH = {"base_url", "serve", "api_key_env", "concurrency", "timeout_s", "retries", "price"}
"""Of a model: how it is reached, which does not decide what it answers."""
_OPEN = b"cluster_r1.unanswered"


class Job(BaseModel):
    """All that decides where texts go, and where they lie."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    documents: str = Field(description="documents.parquet of the corpus: a path or a URL")
    corpus: str = Field(description="fingerprint of the corpus")
    count: int = Field(ge=1, description="documents in it")
    shard: int = Field(ge=1, description="documents in a shard; the last one may have fewer")
    taxonomy: Taxonomy
    model: ModelSettings
    labeling: LabelingSettings
    votes: int = 1
    assign: Assign = "llm"
    embedder: str = ""
    asked: float = Field(default=1.0, ge=0, le=1, description="share of a shard's texts that the model is asked about")
    learnt: str = Field(default="", description="what decides the classifier, in words")
    quality: ClassifierQuality | None = None
    before: str | None = Field(default=None, description="folder of the job whose texts that fit nowhere this one asks")
    ledgers: str | None = Field(default=None, description="folder for the ledgers of other processes; null: their own")
    logs: str = ""
    seed: int = 0

    @property
    def shards(self) -> int:
        return -(-self.count // self.shard)

    def rows(self, shard: int) -> range:
        return range(shard * self.shard, min(self.count, (shard + 1) * self.shard))

    @property
    def fingerprint(self) -> str:
        """16 hex digits of what decides the assignments; not of where anything lies."""
        beside = {"documents", "ledgers", "logs", "quality", "model", "before"}
        content = self.model_dump(mode="json", exclude=beside)
        content |= {"model": self.model.model_dump(mode="json", exclude=_REACH), "taxonomy": self.taxonomy.fingerprint}
        content["before"] = self.before and self.before.rstrip("/").rpartition("/")[2]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


class ShardState(NamedTuple):
    """A shard that is there: its texts, and how many of them nobody answered."""

    texts: int
    unanswered: int


class JobFolder:
    """A job's files. Raises WorkspaceError for what cannot be read, and for a URL of a filesystem that is not there."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._fs, self._root = _filesystem(self.url)

    def exists(self) -> bool:
        return self._fs.exists(self._path("job.json"))

    def put(self, job: Job, classifier: Classifier | None = None, labelled: pa.Table | None = None) -> None:
        """The job's description last: what has one is whole."""
        import pyarrow.parquet as pq

        self._fs.makedirs(self._root, exist_ok=True)
        if classifier is not None:
            with self._whole("classifier.npz") as file:
                classifier.write(file)
        if labelled is not None:
            with self._whole("labelled.parquet") as file:
                pq.write_table(labelled, file)
        with self._whole("job.json") as file:
            file.write(job.model_dump_json(indent=1).encode())

    def job(self) -> Job:
        try:
            with self._fs.open(self._path("job.json"), "rb") as file:
                return Job.model_validate_json(file.read())
        except (OSError, ValidationError) as error:
            raise WorkspaceError(f"{self.url} holds no job that can be read: {error}") from error

    def classifier(self) -> Classifier | None:
        from .classifier import read_classifier

        if not self._fs.exists(self._path("classifier.npz")):
            return None
        with self._fs.open(self._path("classifier.npz"), "rb") as file:
            return read_classifier(file)

    def labelled(self) -> dict[int, str]:
        """Clusters by document key, of the texts that the model labelled for the classifier."""
        if not self._fs.exists(self._path("labelled.parquet")):
            return {}
        table = self._table("labelled.parquet")
        return dict(zip(table["key"].to_pylist(), table["cluster"].to_pylist(), strict=True))

    def write(self, shard: int, rows: Iterable[AssignedText]) -> ShardState:
        """A shard, whole or not at all; it takes the place of an earlier one that had unanswered texts."""
        import pyarrow.parquet as pq

        table = table_of((row._asdict() for row in rows), assignments_schema())
        unanswered = sum(decided == "unanswered" for decided in table["decided"].to_pylist())
        table = table.replace_schema_metadata({_OPEN: str(unanswered).encode()})
        with self._whole(_name(shard)) as file:
            pq.write_table(table, file, compression="zstd")
        return ShardState(table.num_rows, unanswered)

    def state(self, shard: int) -> ShardState | None:
        """None where the shard is not there or is damaged."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            with self._fs.open(self._path(_name(shard)), "rb") as file:
                metadata = pq.read_metadata(file)
        except (FileNotFoundError, pa.ArrowInvalid):
            return None
        said = metadata.metadata or {}
        return ShardState(metadata.num_rows, int(said.get(_OPEN, b"0")))

    def read(self, shard: int) -> list[AssignedText]:
        """Raises WorkspaceError when the shard is not there."""
        columns = self._table(_name(shard)).to_pydict()
        return [AssignedText(*values) for values in zip(*columns.values(), strict=True)]

    def open_shards(self, job: Job) -> list[int]:
        """Shards that are missing, or hold texts that nobody answered."""
        states = ((shard, self.state(shard)) for shard in range(job.shards))
        return [shard for shard, state in states if state is None or state.unanswered]

    def rows(self, job: Job) -> Iterator[AssignedText]:
        """All rows, shard after shard."""
        for shard in range(job.shards):
            yield from self.read(shard)

    def _table(self, name: str) -> pa.Table:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            with self._fs.open(self._path(name), "rb") as file:
                return pq.read_table(file)
        except (OSError, pa.ArrowInvalid) as error:
            raise WorkspaceError(f"{self.url}/{name} cannot be read ({error}); delete it and run again") from error

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _whole(self, name: str) -> Any:
        return _Whole(self._fs, self._path(name))


class _Whole:
    """A file that appears when its block ends without an error: renamed into its place where there are renames, else
    as object stores commit an upload."""

    def __init__(self, fs: Any, path: str) -> None:
        self._file = fs.open(path, "wb", autocommit=False)

    def __enter__(self) -> Any:
        return self._file

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._file.close()
        if kind is None:
            self._file.commit()
        else:
            self._file.discard()


def local_path(url: str) -> Path | None:
    """Where a URL lies on this machine; None for one that lies elsewhere."""
    scheme, found, rest = url.partition("://")
    if not found:
        return Path(url)
    return Path(rest) if scheme in ("file", "local") else None


def copied(source: Path, url: str) -> str:
    """A file of this machine at a URL, copied there once."""
    fs, path = _filesystem(url)
    if not fs.exists(path):
        fs.makedirs(path.rpartition("/")[0], exist_ok=True)
        with _Whole(fs, path) as file, source.open("rb") as content:
            while part := content.read(1 << 22):
                file.write(part)
    return url


def fetched(url: str, folder: Path) -> Path:
    """A URL's file on this machine: where it lies, or a copy in `folder`."""
    here = local_path(url)
    if here is not None:
        return here
    fs, path = _filesystem(url)
    target = folder / path.rpartition("/")[2]
    fs.get_file(path, str(target))
    return target


def _filesystem(url: str) -> tuple[Any, str]:
    import fsspec.core

    try:
        fs, path = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise WorkspaceError(f"{url!r} cannot be opened: {error}") from error
    return fs, path.rstrip("/")


def _name(shard: int) -> str:
    return f"{shard:05}.parquet"
