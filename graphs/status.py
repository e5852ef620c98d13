"""Where a project stands, read from its files alone: stages, progress, agreement, cost, what waits for a person."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from ..core.archive import TaxonomyArchive
from ..core.costs import RoleCost
from ..core.hierarchy import Hierarchy, read_hierarchy
from ..core.labels import label_store
from ..core.settings import Settings
from ..core.tasks import Parent
from ..core.taxonomy import Taxonomy
from ..core.workspace import Workspace, read_json
from ..corpora.store import DocumentStore
from ..corpora.subset import Documents
from ..llm.ledger import Ledger
from .pending import pending_rows
from .results import TaskResult
from .summarising import read_result
from .task_documents import TaskDocuments


class TaskStatus(BaseModel):
    """A task's stage: waiting (at a gate), taxonomy (none accepted yet), labeling, labelled; or retired, where a
    hierarchical run does not make it any more. `documents` counts those that the task is about."""

    model_config = ConfigDict(frozen=True)

    id: str
    stage: str
    version: int | None
    labelled: int
    documents: int
    result: TaskResult | None
    parent: Parent | None = None


class Status(BaseModel):
    """A project's state as `status --json` prints it."""

    model_config = ConfigDict(frozen=True)

    corpus_read: int
    corpus_kept: int
    corpus_skipped: dict[str, int]
    tasks: tuple[TaskStatus, ...]
    waiting: tuple[str, ...]
    cost: tuple[RoleCost, ...]
    failures: dict[str, int]
    hierarchy: Hierarchy | None = None


def project_status(workspace: Workspace, settings: Settings) -> Status:
    """Read the status; works while a run goes on, and before the first one."""
    report_file = workspace.corpus / "report.json"
    corpus = read_json(report_file) if report_file.exists() else {"read": 0, "kept": 0, "skipped": {}}
    documents = TaskDocuments(workspace, DocumentStore(workspace.documents)) if workspace.documents.exists() else None
    archive = TaxonomyArchive(workspace.taxonomies)
    waiting = tuple(sorted(str(path) for path in workspace.reviews.glob("*.yaml")))
    hierarchy = read_hierarchy(workspace)
    ids = dict.fromkeys([*(task.id for task in settings.tasks), *archive.tasks(), *_undropped(hierarchy)])
    cost, failures = _cost(workspace)
    return Status(
        corpus_read=corpus["read"],
        corpus_kept=corpus["kept"],
        corpus_skipped=corpus["skipped"],
        tasks=tuple(_task(workspace, archive, documents, hierarchy, task) for task in ids),
        waiting=waiting,
        cost=cost,
        failures=failures,
        hierarchy=hierarchy,
    )


def _undropped(hierarchy: Hierarchy | None) -> list[str]:
    """Tasks inside coarse clusters that a person did not drop, those without a taxonomy yet included."""
    clusters = hierarchy.clusters if hierarchy is not None else ()
    return [task.id for cluster in clusters for task in cluster.tasks if task.stage != "dropped"]


def _task(
    workspace: Workspace,
    archive: TaxonomyArchive,
    all_documents: TaskDocuments | None,
    hierarchy: Hierarchy | None,
    task: str,
) -> TaskStatus:
    documents = all_documents.of(task) if all_documents is not None else None
    parent = all_documents.parent(task) if all_documents is not None else None
    total = len(documents) if documents is not None else 0
    taxonomy = archive.accepted(task)
    if taxonomy is None or documents is None:
        waits = (workspace.reviews / f"taxonomy-{task}.yaml").exists()
        stage = "waiting" if waits else "taxonomy"
        return TaskStatus(id=task, stage=stage, version=None, labelled=0, documents=total, result=None, parent=parent)
    result = read_result(workspace, task) if (workspace.tasks / f"{task}.json").exists() else None
    if result is not None and result.task.taxonomy.fingerprint != taxonomy.fingerprint:
        result = None
    labelled = _labelled(workspace, taxonomy, documents)
    stage = "labelled" if labelled == total else "labeling"
    if hierarchy is not None and task in hierarchy.retired:
        stage = "retired"
    return TaskStatus(
        id=task,
        stage=stage,
        version=taxonomy.version,
        labelled=labelled,
        documents=total,
        result=result,
        parent=parent,
    )


def _labelled(workspace: Workspace, taxonomy: Taxonomy, documents: Documents) -> int:
    return len(documents) - len(pending_rows(documents.keys(), label_store(workspace, taxonomy).decided()))


def _cost(workspace: Workspace) -> tuple[tuple[RoleCost, ...], dict[str, int]]:
    if not workspace.ledger.exists():
        return (), {}
    ledger = Ledger(workspace.ledger)
    try:
        return tuple(ledger.totals()), ledger.failure_kinds()
    finally:
        ledger.close()
