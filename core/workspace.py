"""Workspace: the folder of one project on disk. Artifacts appear whole or not at all; one writer at a time.

cluster-r1.yaml        settings, written by people
corpus/                documents.parquet, report.json (what was skipped and why)
taxonomies/            one YAML file a task (people may edit it), history/ holds every version
reviews/               what waits for a person, decided/ what people decided, audit.jsonl who did what and when,
                       offline/ reviews without a server, labels-TASK.json what people say about a task's labels
labels/                TASK/FINGERPRINT/*.parquet: votes and outcomes, one file a chunk; human.jsonl: people's labels;
                       carry.json: what was taken over from another taxonomy version
tasks/                 TASK.json: the labelled task with its agreement statistics; _hierarchy.json: both levels of a
                       hierarchical run
traces/                TASK.jsonl: reasoning traces for distillation; _verdicts.jsonl: what people say about them;
                       _report.json, report.html: figures of `cluster-r1 distill`
runs/                  NAME: training runs, see core/training_runs.py
evals/                 what models and baselines answered to a benchmark, see core/evaluation.py
benchmark/             what `cluster-r1 build` makes: manifest.json, texts, pools, a file for each split, exports/
state/                 ledger.sqlite, checkpoints.sqlite, gates/ (what open gates ask), pushed/ (what was shown to
                       people), argilla/ (the embedded server's data and secrets), logs/
"""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from .errors import WorkspaceError, WorkspaceLocked
from .registry import with_registry
from .settings import SETTINGS_FILE, Settings, load_settings

if TYPE_CHECKING:
    import pyarrow as pa


class Workspace:
    """Paths and atomic writes below one root folder."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.settings_file = self.root / SETTINGS_FILE
        self.corpus = self.root / "corpus"
        self.documents = self.corpus / "documents.parquet"
        self.taxonomies = self.root / "taxonomies"
        self.reviews = self.root / "reviews"
        self.labels = self.root / "labels"
        self.tasks = self.root / "tasks"
        self.traces = self.root / "traces"
        self.benchmark = self.root / "benchmark"
        self.runs = self.root / "runs"
        self.evals = self.root / "evals"
        self.state = self.root / "state"
        self.ledger = self.state / "ledger.sqlite"
        self.checkpoints = self.state / "checkpoints.sqlite"
        self.gates = self.state / "gates"
        self.logs = self.state / "logs"

    def settings(self) -> Settings:
        """The project's settings, with the tasks of their registry where they name one and no tasks."""
        return with_registry(load_settings(self.settings_file), self.root)

    def create_folders(self) -> None:
        for folder in (self.corpus, self.taxonomies, self.reviews, self.labels, self.tasks, self.logs):
            folder.mkdir(parents=True, exist_ok=True)

    def resolve(self, path: str) -> Path:
        """A path from the settings, relative to the workspace."""
        return self.root / Path(path).expanduser()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the workspace for writing; see `folder_lock`."""
        with folder_lock(self.state, str(self.root)):
            yield


@contextmanager
def folder_lock(folder: Path, name: str, instead: str = "wait for it or stop it") -> Iterator[None]:
    """Hold a folder for writing. The kernel frees it when the process dies, kill -9 included.

    Raises WorkspaceLocked at once, naming the holder and `name`, what is held; `instead` is what to do then.
    """
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    holder = folder / ".lock.holder"
    lock = FileLock(folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        who = holder.read_text() if holder.exists() else "another process"
        raise WorkspaceLocked(f"{name} is in use by {who}; {instead}") from None
    try:
        holder.write_text(f"process {os.getpid()} on {socket.gethostname()}")
        yield
    finally:
        lock.release()


def write_bytes(path: Path, content: bytes) -> None:
    """Write whole or not at all: a temporary file in the same folder, renamed over the target."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_text(path: Path, content: str) -> None:
    write_bytes(path, content.encode())


def write_json(path: Path, content: Any) -> None:
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Raises WorkspaceError when the file is missing or not JSON."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise WorkspaceError(f"there is no {path}; the stage that writes it has not run") from None
    except OSError as error:
        raise WorkspaceError(f"{path} cannot be read: {error}") from error
    except (ValueError, RecursionError) as error:
        raise WorkspaceError(f"{path} is not valid JSON ({error}); delete it and run the stage again") from error


def table_of(records: Iterable[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Records as a table, through pyarrow's JSON reader.

    Its conversions from Python lists and to NumPy import pandas where that is installed: 40 MB and half a second in
    every process that labels.
    """
    import pyarrow.json as pj

    lines = b"\n".join(orjson.dumps(record) for record in records)
    if not lines:
        return schema.empty_table()
    read = pj.ReadOptions(use_threads=False, block_size=len(lines) + 1)
    return pj.read_json(io.BytesIO(lines), read, pj.ParseOptions(explicit_schema=schema))


def write_table(path: Path, table: pa.Table) -> None:
    """A Parquet file, whole or not at all."""
    import pyarrow.parquet as pq

    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path that becomes `path` when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """An empty folder that takes the place of `path` when the block ends without an error.

    A crash between the last two moves leaves the old folder beside, as `.NAME.before`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.building")
    before = path.with_name(f".{path.name}.before")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
        shutil.rmtree(before, ignore_errors=True)
        if path.exists():
            path.rename(before)
        temporary.rename(path)
        shutil.rmtree(before, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
