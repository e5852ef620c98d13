"""The labelled tasks of one or several projects, as a benchmark takes them in."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..agents.prompting import load_prompt
from ..core.archive import TaxonomyArchive
from ..core.build_settings import BenchmarkSettings
from ..core.consensus import GOLD
from ..core.errors import BenchmarkError
from ..core.kept import KeptLabels, kept_labels
from ..core.labels import label_store
from ..core.registry import load_registry, split_of
from ..core.settings import ROLES, Settings
from ..core.taxonomy import Taxonomy
from ..core.workspace import Workspace, read_json
from ..corpora.store import DocumentStore
from ..graphs.results import TaskResult
from ..graphs.summarising import labelled_tasks, read_result
from ..graphs.task_documents import TaskDocuments
from .files import Held, Origin

_PROMPTS = ("generation", "clusters", "merging", "refinement", "extension", "labeling_a", "labeling_b")


class SourceTask(NamedTuple):
    """A labelled task, whether it is held in, and its kept documents as rows of the project's corpus."""

    result: TaskResult
    held: Held
    kept: KeptLabels

    @property
    def id(self) -> str:
        return self.result.task.id


class SourceProject(NamedTuple):
    """A project's documents and the tasks that the benchmark takes from it."""

    name: str
    domain: str
    documents: DocumentStore
    tasks: tuple[SourceTask, ...]
    origin: Origin


def collect_projects(workspace: Workspace, settings: BenchmarkSettings) -> tuple[SourceProject, ...]:
    """The workspace itself, if it has a corpus, and the projects that its settings name.

    Raises BenchmarkError when there is no labelled task, when two have one id or one instruction, or when labels are
    those of an older taxonomy version; SettingsError for a folder that is no project.
    """
    spaces = [workspace, *(Workspace(workspace.resolve(folder)) for folder in settings.projects)]
    projects = [_project(space, space.settings(), settings) for space in spaces if space.documents.exists()]
    found = tuple(project for project in projects if project.tasks)
    missing = [str(space.root) for space in spaces[1:] if not space.documents.exists()]
    if missing:
        raise BenchmarkError(f"{missing[0]} has no documents; run `cluster-r1 -C {missing[0]} synth` first")
    if not found:
        raise BenchmarkError(f"{workspace.root} has no labelled task to build from; run `cluster-r1 synth` first")
    _refuse_twins([task for project in found for task in project.tasks])
    return found


def _project(workspace: Workspace, settings: Settings, asked: BenchmarkSettings) -> SourceProject:
    documents = DocumentStore(workspace.documents)
    registry = load_registry(settings.registry, workspace.root) if settings.registry else None
    results = {task: read_result(workspace, task) for task in labelled_tasks(workspace)}
    coarse = {result.task.parent.task for result in results.values() if result.task.parent is not None}
    left_out = {*asked.leave_out, *(coarse if not asked.coarse else ())}
    about = TaskDocuments(workspace, documents)
    tasks = tuple(
        SourceTask(result, split_of(settings, registry, task), _kept(workspace, documents, result, about))
        for task, result in results.items()
        if task not in left_out
    )
    asked_models = any(not _from_corpus(task.result.task.taxonomy) for task in tasks)
    origin = _origin(workspace, settings, documents, asked_models)
    return SourceProject(workspace.root.name, settings.corpus.domain, documents, tasks, origin)


def _kept(workspace: Workspace, documents: DocumentStore, result: TaskResult, about: TaskDocuments) -> KeptLabels:
    """A task's kept documents; of one inside a coarse cluster those that are in that cluster now."""
    task = result.task
    accepted = TaxonomyArchive(workspace.taxonomies).accepted(task.id)
    if accepted is None or accepted.fingerprint != task.taxonomy.fingerprint:
        raise BenchmarkError(
            f"the labels of task {task.id!r} belong to version {task.taxonomy.version} of its taxonomy, not to the"
            f" accepted one; run `cluster-r1 -C {workspace.root} synth`, or name the task in benchmark.leave_out"
        )
    keys = documents.keys()
    kept = kept_labels(label_store(workspace, task.taxonomy), task.taxonomy, keys)
    if about.parent(task.id) is None:
        return kept
    there = np.isin(keys[kept.rows], about.of(task.id).keys())
    return KeptLabels(kept.rows[there], kept.clusters[there])


def _refuse_twins(tasks: Sequence[SourceTask]) -> None:
    ids: set[str] = set()
    instructions: dict[str, str] = {}
    for task in tasks:
        said = " ".join(task.result.task.instruction.casefold().split())
        if task.id in ids:
            raise BenchmarkError(f"two projects have a task {task.id!r}; rename one, or name it in benchmark.leave_out")
        if said in instructions:
            raise BenchmarkError(
                f"the tasks {instructions[said]!r} and {task.id!r} have the same instruction, so one would give the"
                " other's answers away; name one in benchmark.leave_out"
            )
        ids.add(task.id)
        instructions[said] = task.id


def _from_corpus(taxonomy: Taxonomy) -> bool:
    """Clusters and labels came with the corpus (`cluster-r1 adopt`)."""
    return taxonomy.provenance is not None and taxonomy.provenance.author == GOLD


def _origin(workspace: Workspace, settings: Settings, documents: DocumentStore, asked_models: bool) -> Origin:
    """Where a project's texts and labels come from; no models and prompts where the labels came with the corpus."""
    report = read_json(workspace.corpus / "report.json")
    source = settings.corpus.source
    return Origin(
        project=workspace.root.name,
        domain=settings.corpus.domain,
        source=Path(source).name if Path(source).is_absolute() else source,
        fingerprint=hashlib.blake2b(documents.keys().tobytes(), digest_size=8).hexdigest(),
        read=report["read"],
        kept=report["kept"],
        skipped=report["skipped"],
        models={role: settings.models.role(role).model for role in ROLES} if asked_models else {},
        prompts={name: load_prompt(name).fingerprint for name in _PROMPTS} if asked_models else {},
        licence=settings.corpus.licence,
    )
