"""A workspace as the page shows it: results, taxonomies with their history, and documents to look at."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from ..core.archive import TaxonomyArchive
from ..core.consensus import OUTCOMES
from ..core.gold import gold_label
from ..core.hierarchy import read_hierarchy
from ..core.label_review import LabelReview
from ..core.labels import LabelRow, label_store
from ..core.moments import now
from ..core.settings import ROLES, Settings
from ..core.taxonomy import Taxonomy
from ..core.tokens import cut_to_tokens
from ..core.workspace import Workspace, read_json
from ..corpora.store import DocumentStore
from ..corpora.subset import Documents
from ..llm.ledger import Ledger
from ..reports.summary import RunSummary, Shown, TaskSummary
from .results import TaskResult, rows_of
from .task_documents import TaskDocuments

_SHOWN = 900
_SHOWN_A_GROUP = 60
_SHOWN_TOKENS = 300


def run_summary(workspace: Workspace, settings: Settings) -> RunSummary:
    """Everything the page needs, read from the workspace; no model is called."""
    archive = TaxonomyArchive(workspace.taxonomies)
    documents = TaskDocuments(workspace, DocumentStore(workspace.documents))
    tasks = [_task_summary(workspace, settings, archive, documents, task) for task in labelled_tasks(workspace)]
    corpus = read_json(workspace.corpus / "report.json")
    ledger = Ledger(workspace.ledger)
    try:
        cost = tuple(ledger.totals())
        failures = ledger.failure_kinds()
    finally:
        ledger.close()
    return RunSummary(
        title=workspace.root.name,
        generated_at=now(),
        corpus_source=settings.corpus.source,
        corpus_read=corpus["read"],
        corpus_kept=corpus["kept"],
        corpus_skipped=corpus["skipped"],
        models={role: _model_name(settings, role) for role in ROLES},
        tasks=tuple(tasks),
        waiting=tuple(sorted(path.name for path in workspace.reviews.glob("*.yaml"))),
        cost=cost,
        cost_failures=failures,
        hierarchy=read_hierarchy(workspace),
    )


def labelled_tasks(workspace: Workspace) -> list[str]:
    return sorted(path.stem for path in workspace.tasks.glob("[!._]*.json"))


def read_result(workspace: Workspace, task: str) -> TaskResult:
    return TaskResult.model_validate(read_json(workspace.tasks / f"{task}.json"))


def _model_name(settings: Settings, role: Any) -> str:
    model = settings.models.role(role)
    return f"{model.model} ({model.serve or model.base_url})"


def _task_summary(
    workspace: Workspace, settings: Settings, archive: TaxonomyArchive, all_documents: TaskDocuments, task: str
) -> TaskSummary:
    result = read_result(workspace, task)
    taxonomy = result.task.taxonomy
    history = archive.history(task)
    documents = all_documents.of(task)
    shown = _shown_documents(workspace, settings, documents, taxonomy)
    return TaskSummary(
        id=task,
        taxonomy=taxonomy,
        history=tuple(history),
        checks=tuple(check for t in history if (check := archive.check(task, t.version)) is not None),
        documents=result.task.documents,
        pool=len(documents),
        parent=result.task.parent,
        outcomes={outcome: result.outcomes.get(outcome, 0) for outcome in OUTCOMES},
        sizes=result.task.sizes,
        agreement=result.agreement,
        bias=result.bias,
        gold=result.gold,
        kept={name: tuple(shown["kept", name]) for name in taxonomy.names},
        conflicts=tuple(shown["conflict", ""]),
        none_fits=tuple(shown["none_fits", ""]),
        unanswered=tuple(shown["unanswered", ""]),
        cut=result.cut,
        human=result.human,
        corrected=result.corrected,
        carried=result.carried,
        review=_label_review(workspace, taxonomy),
    )


def _label_review(workspace: Workspace, taxonomy: Taxonomy) -> LabelReview | None:
    """What people said about this version's labels, if they were asked."""
    path = label_review_file(workspace, taxonomy.task)
    review = LabelReview.model_validate(read_json(path)) if path.exists() else None
    return review if review is not None and review.taxonomy == taxonomy.fingerprint else None


def label_review_file(workspace: Workspace, task: str) -> Path:
    return workspace.reviews / f"labels-{task}.json"


def _shown_documents(
    workspace: Workspace, settings: Settings, documents: Documents, taxonomy: Taxonomy
) -> dict[tuple[str, str], list[Shown]]:
    """The first documents of each outcome, kept ones by cluster; fewer of each where there are many clusters."""
    most = max(3, min(_SHOWN_A_GROUP, _SHOWN // len(taxonomy.clusters)))
    chosen: dict[tuple[str, str], list[LabelRow]] = defaultdict(list)
    for row in label_store(workspace, taxonomy).rows(documents.keys()):
        group = chosen[row.final_outcome, row.final_cluster or ""]
        if len(group) < most:
            group.append(row)
    asked = settings.gold_labeling(taxonomy.task)
    shown: dict[tuple[str, str], list[Shown]] = defaultdict(list)
    for group, rows in chosen.items():
        found = documents.rows(rows_of(documents, (row.key for row in rows)))
        for document, row in zip(found, rows, strict=True):
            gold = gold_label(document.meta, settings.corpus.gold, asked)
            shown[group].append(Shown(cut_to_tokens(document.text, _SHOWN_TOKENS), gold, row.consensus, row.human))
    return shown
