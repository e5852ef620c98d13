"""Clustering from Python: `cluster_r1.cluster(texts, "Cluster by topic.", model=…)`.

It runs what `cluster-r1 cluster` runs. Texts go to disk as they come; with `out` they and everything paid stay there.
"""

from __future__ import annotations

import asyncio
import filecmp
import os
import sys
import warnings
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Any, TypeVar

import orjson

from ..core.cluster_settings import Assign
from ..core.clustering import AssignedText, ClusteringResult, ResultFolder
from ..core.errors import CorpusError, SettingsError, WorkspaceError
from ..core.settings import EvalSettings, ModelSettings, Settings
from ..core.taxonomy import Cluster
from ..core.workspace import Workspace
from ..corpora.store import DocumentStore, ingest
from ..eval.model_choice import Choice, model_by_name
from ..graphs.progress import Progress, Silent
from .adding import assign_to
from .corpus import cluster_corpus
from .outputs import read_assignments
from .plan import Request, keep_plan, planned
from .preparing import Corpus

_Result = TypeVar("_Result")
_TEXTS = "texts.jsonl"
_NUMBER = "id"
_NOWHERE = -1


@dataclass(frozen=True)
class Clustering:
    """Where texts went.

    labels: a place in `clusters` for each text, -1 where none fits, nobody answered, or the text is blank.
    assignments: how each text was decided; blank texts have none. `document_id` is the text's number.
    folder: where the result lies, None for one that was not kept.
    """

    labels: list[int]
    clusters: tuple[Cluster, ...]
    assignments: list[AssignedText]
    result: ClusteringResult
    folder: Path | None


def cluster(
    texts: Iterable[str],
    instruction: str,
    *,
    model: str | ModelSettings | None = None,
    base_url: str | None = None,
    api_key_env: str | None = None,
    serve: str | None = None,
    clusters: int | tuple[int, int] | None = None,
    assign: Assign = "llm",
    out: str | Path | None = None,
    progress: bool | Progress = False,
    **settings: Any,
) -> Clustering:
    """Cluster texts by an instruction.

    model: an endpoint's model with its `base_url`, a local one such as "qwen2.5-coder-0.5b", a .gguf file, or
    ModelSettings, which have all the other options too. api_key_env: the environment variable with the key.
    clusters: how many, or (least, most). out: a folder for the result; the same call again goes on there, for free
    where it was done. progress: True writes stages to standard error. settings: other fields of ClusterSettings.

    Raises CorpusError for what is no list of texts, SettingsError for wrong options, and what `cluster_corpus` raises.
    """
    if isinstance(texts, str | bytes):
        raise CorpusError("texts is one string; give a list of strings, as in cluster([text], …)")
    cluster_settings = {"assign": assign, **settings, **_range(clusters)}
    chosen = chosen_model(model, base_url, api_key_env, serve)
    watcher = progress if not isinstance(progress, bool) else _Lines() if progress else Silent()
    with _kept_or_passing(out) as folder, Workspace(folder).lock():
        source = folder / _TEXTS
        plan = planned(Request(str(source), instruction, chosen, id=_NUMBER, cluster=cluster_settings))
        result_folder = ResultFolder(folder)
        keep_plan(result_folder, plan)
        count = _write_texts(source, texts)
        result = in_a_loop(lambda: cluster_corpus(result_folder, plan, watcher, page=out is not None))
        if result is None:
            raise WorkspaceError(f"{folder} holds no finished result")
        rows = list(read_assignments(result_folder.assignments))
    if result.unanswered:
        warnings.warn(f"{result.unanswered} texts got no answer and have the label {_NOWHERE}", stacklevel=2)
    found = tuple(Cluster(name=one.name, description=one.description) for one in result.clusters)
    return Clustering(labels_of(rows, found, count), found, rows, result, folder if out is not None else None)


def assign_texts(
    texts: Iterable[str], instruction: str, clusters: Sequence[Cluster], model: ModelSettings, **settings: Any
) -> list[int]:
    """Labels of other texts in clusters that are there already, as in `Clustering`; nothing is kept of the run."""
    with _kept_or_passing(None) as folder:
        source = folder / _TEXTS
        plan = planned(Request(str(source), instruction, model, id=_NUMBER, cluster=settings))
        count = _write_texts(source, texts)
        rows = in_a_loop(lambda: _assigned(folder, plan, clusters))
    return labels_of(rows, clusters, count)


def chosen_model(
    model: str | ModelSettings | None, base_url: str | None, api_key_env: str | None, serve: str | None
) -> ModelSettings:
    """Raises SettingsError where it is not clear which model is meant, or how it is reached."""
    if isinstance(model, ModelSettings):
        if base_url or api_key_env or serve:
            raise SettingsError("model is ModelSettings: base_url, api_key_env and serve belong in there")
        return model
    if not model:
        raise SettingsError(
            "no model is named: give model='NAME' with base_url='http://…/v1', or a local one such as"
            " model='qwen2.5-coder-0.5b'"
        )
    return model_by_name(model, Choice(base_url=base_url, api_key_env=api_key_env, serve=serve), EvalSettings())


def labels_of(rows: Iterable[AssignedText], clusters: Sequence[Cluster], count: int) -> list[int]:
    """A label for each of `count` texts, whose numbers are the ids of the rows."""
    places = {one.name: place for place, one in enumerate(clusters)}
    labels = [_NOWHERE] * count
    for row in rows:
        labels[int(row.document_id)] = _NOWHERE if row.cluster is None else places[row.cluster]
    return labels


def in_a_loop(job: Callable[[], Coroutine[Any, Any, _Result]]) -> _Result:
    """What a coroutine returns, on the one loop of this process: LangChain keeps connections that belong to a loop.

    The loop has a thread of its own, so that it runs beside the loop of a notebook, too.
    """
    ended = Event()

    async def whole() -> _Result:
        try:
            return await job()
        finally:
            ended.set()

    future = asyncio.run_coroutine_threadsafe(whole(), _loop(os.getpid()))
    try:
        return future.result()
    except KeyboardInterrupt:
        future.cancel()
        ended.wait()
        raise


@cache
def _loop(_process: int) -> asyncio.AbstractEventLoop:
    """By process, since a fork leaves threads behind."""
    loop = asyncio.new_event_loop()
    Thread(target=loop.run_forever, name="cluster-r1", daemon=True).start()
    return loop


def checked_text(number: int, text: Any) -> str:
    """Raises CorpusError for what is no string, or none that can be written."""
    if not isinstance(text, str):
        raise CorpusError(f"texts[{number}] is {text!r:.80}, of type {type(text).__name__}; give strings alone")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise CorpusError(f"texts[{number}] is no valid Unicode ({error.reason} at {error.start})") from error
    return str(text)


async def _assigned(folder: Path, plan: Settings, clusters: Sequence[Cluster]) -> list[AssignedText]:
    workspace = Workspace(folder)
    report = await asyncio.to_thread(ingest, plan.corpus, workspace)
    corpus = Corpus(workspace.documents, report.fingerprint)
    documents = DocumentStore(workspace.documents)
    return list((await assign_to(clusters, documents, corpus, ResultFolder(folder), plan, Silent()))())


@contextmanager
def _kept_or_passing(out: str | Path | None) -> Iterator[Path]:
    if out is not None:
        yield Path(out).expanduser().absolute()
        return
    with TemporaryDirectory(prefix="cluster-r1-") as folder:
        yield Path(folder)


def _range(clusters: int | tuple[int, int] | None) -> dict[str, int]:
    if clusters is None:
        return {}
    pair = (clusters, clusters) if isinstance(clusters, int) else tuple(clusters)
    if len(pair) != 2:
        raise SettingsError(f"clusters must be a number or (least, most), got {clusters!r}")
    return {"min_clusters": pair[0], "max_clusters": pair[1]}


def _write_texts(path: Path, texts: Iterable[str]) -> int:
    """The texts as JSONL, numbered; how many they are. A file of the same texts stays as it is, so that it counts as
    unchanged. Raises CorpusError for what is no text, SettingsError where the file holds others."""
    fresh = path.with_suffix(".new")
    count = 0
    try:
        with fresh.open("wb") as file:
            for count, text in enumerate(texts, start=1):
                line = {_NUMBER: count - 1, "text": checked_text(count - 1, text)}
                file.write(orjson.dumps(line) + b"\n")
        if not count:
            raise CorpusError("texts is empty: there is nothing to cluster")
        if not path.exists():
            fresh.replace(path)
        elif not filecmp.cmp(path, fresh, shallow=False):
            raise SettingsError(f"{path.parent} holds a result of other texts; give another out, or remove that folder")
    finally:
        fresh.unlink(missing_ok=True)
    return count


class _Lines(Silent):
    """Stages and notes as lines on standard error."""

    def stage(self, name: str, total: int | None) -> None:
        sys.stderr.write(f"{name}: {total:,}\n" if total else f"{name}\n")

    def note(self, text: str) -> None:
        sys.stderr.write(f"  {text}\n")
