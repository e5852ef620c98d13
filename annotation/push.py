"""Pushing reviews: what waits for people becomes forms with records, noted on disk first, then shown in a channel."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from ..core.archive import TaxonomyArchive
from ..core.errors import ReviewError
from ..core.forms import Form, ReviewKind
from ..core.labels import LabelRow, label_store
from ..core.moments import now
from ..core.settings import Settings
from ..core.taxonomy import Taxonomy
from ..core.traces import read_traces
from ..core.workspace import Workspace
from ..corpora.sampling import random_rows
from ..corpora.store import DocumentStore
from ..corpora.subset import Documents
from ..graphs.progress import Progress
from ..graphs.results import rows_of
from ..graphs.reviews import Gate, open_gates
from ..graphs.summarising import labelled_tasks, read_result
from ..graphs.task_documents import TaskDocuments
from .audit import AuditLog, Entry
from .channels import Channel
from .labels import label_form, label_records
from .opening import ChannelKind
from .pushed import Pushed, PushedRecord, Shown, read_pushed, write_pushed
from .sampling import Chosen, choose_documents, weak_clusters
from .taxonomies import taxonomy_form, taxonomy_records
from .traces import trace_form, trace_records


class PushResult(NamedTuple):
    """A form that people can answer now: how many records were shown, and where."""

    kind: ReviewKind
    form: str
    records: int
    place: str


def push_reviews(
    workspace: Workspace,
    settings: Settings,
    channel: Channel,
    channel_kind: ChannelKind,
    kinds: Collection[ReviewKind],
    progress: Progress,
) -> list[PushResult]:
    """Show what there is to review of these kinds. The caller holds the workspace's lock.

    What is shown is noted in the workspace before the first record leaves, so that a push that was killed is finished
    by pushing again: the same records, none twice. Raises ArgillaError; nothing to show gives an empty list.
    """
    folder = pushed_folder(workspace, channel_kind)
    results: list[PushResult] = []
    for kind, packages in _PACKAGES.items():
        if kind not in kinds:
            continue
        for form, shown in packages(workspace, settings, folder):
            _note(folder, form, shown, channel.name)
            progress.stage(f"push {form.name}", len(shown))
            channel.push(form, (record for record, _ in shown), progress.advance)
            place = channel.place(form)
            told = f"records: {len(shown)}, at {place}"
            at = now()
            AuditLog(audit_file(workspace)).add(
                [Entry(event="pushed", kind=kind, record=form.name, who="cluster-r1", at=at, detail=told)]
            )
            results.append(PushResult(kind, form.name, len(shown), place))
    return results


def pushed_folder(workspace: Workspace, channel_kind: ChannelKind) -> Path:
    return workspace.state / "pushed" / channel_kind


def audit_file(workspace: Workspace) -> Path:
    return workspace.reviews / "audit.jsonl"


def nothing_to_review(kinds: Collection[ReviewKind]) -> ReviewError:
    """What to do first, by kind."""
    first = {
        "taxonomy": "no gate is open (`cluster-r1 synth` opens them)",
        "labels": "no task has labels (`cluster-r1 synth` makes them)",
        "traces": "there are no traces in traces/ (`cluster-r1 distill` makes them)",
    }
    return ReviewError(f"there is nothing to review: {'; '.join(first[kind] for kind in kinds)}")


def _note(folder: Path, form: Form, shown: list[Shown], channel: str) -> None:
    """Records pushed before stay noted: their answers may still come."""
    before = read_pushed(folder, form.name)
    records = dict(before.records) if before else {}
    records |= {
        record.id: PushedRecord(suggestions=record.suggestions, metadata=record.metadata, hidden=hidden)
        for record, hidden in shown
    }
    write_pushed(folder, Pushed(form=form, channel=channel, at=now(), records=records))


def _taxonomies(workspace: Workspace, settings: Settings, _: Path) -> Iterator[tuple[Form, list[Shown]]]:
    gates = open_gates(workspace)
    if not gates:
        return
    agents = {"proposals": settings.models.generator.model, "taxonomy": settings.models.refiner.model}
    texts = _probe_texts(workspace, settings, gates)
    archive = TaxonomyArchive(workspace.taxonomies)
    yield taxonomy_form(settings.review.annotators), list(taxonomy_records(gates, archive, texts, agents))


def _probe_texts(workspace: Workspace, settings: Settings, gates: list[Gate]) -> dict[str, str]:
    """Texts of the documents that the gates' checks tried, by id."""
    texts: dict[str, str] = {}
    tasks = [task.id for gate in gates if gate.version is not None for task in gate.tasks]
    if not tasks:
        return texts
    all_documents = TaskDocuments(workspace, DocumentStore(workspace.documents))
    for task in {all_documents.parent(task): task for task in tasks}.values():
        documents = all_documents.of(task)
        rows = random_rows(documents, settings.taxonomy.probe, settings.seed)
        texts |= {document.id: document.text for document in documents.rows(rows)}
    return texts


def _labels(workspace: Workspace, settings: Settings, folder: Path) -> Iterator[tuple[Form, list[Shown]]]:
    archive = TaxonomyArchive(workspace.taxonomies)
    tasks = labelled_tasks(workspace)
    if not tasks:
        return
    all_documents = TaskDocuments(workspace, DocumentStore(workspace.documents))
    for task in tasks:
        taxonomy = archive.accepted(task)
        if taxonomy is None:
            continue
        form = label_form(taxonomy, settings.review.annotators)
        documents = all_documents.of(task)
        chosen = _chosen(workspace, settings, taxonomy, documents, read_pushed(folder, form.name))
        if not chosen:
            continue
        found = documents.rows(rows_of(documents, (c.row.key for c in chosen)), meta=False)
        by_key = {document.key: document for document in found}
        yield form, list(label_records(chosen, by_key, taxonomy, settings.review))


def _chosen(
    workspace: Workspace, settings: Settings, taxonomy: Taxonomy, documents: Documents, pushed: Pushed | None
) -> list[Chosen]:
    """The sample that was pushed before, or a new one."""
    store, keys = label_store(workspace, taxonomy), documents.keys()
    if pushed is not None:
        slices = {int(record.hidden["key"]): record.hidden["slice"] for record in pushed.records.values()}
        rows: dict[int, LabelRow] = {row.key: row for row in store.rows(keys) if row.key in slices}
        return [Chosen(rows[key], slice_) for key, slice_ in slices.items() if key in rows]  # type: ignore[arg-type]
    result = read_result(workspace, taxonomy.task)
    return choose_documents(store.rows(keys), weak_clusters(result.agreement), settings.review, settings.seed)


def _traces(workspace: Workspace, settings: Settings, _: Path) -> Iterator[tuple[Form, list[Shown]]]:
    """Rejected ones too, for people may see it otherwise; not those of which no reasoning leads to gold."""
    traces = [trace for trace in read_traces(workspace.traces) if trace.leads_to_gold]
    if traces:
        yield trace_form(settings.review.annotators), list(trace_records(traces))


_Packages = Callable[[Workspace, Settings, Path], Iterator[tuple[Form, list[Shown]]]]
_PACKAGES: dict[ReviewKind, _Packages] = {"taxonomy": _taxonomies, "labels": _labels, "traces": _traces}
