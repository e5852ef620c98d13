"""Pulling reviews: what people answered is logged as they wrote it, then read, settled and stored as decisions.

Every step may be repeated: a pull that was killed is finished by pulling again, and no answer is lost or taken twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..core.archive import TaxonomyArchive
from ..core.forms import Form, Response, ReviewKind
from ..core.human import HumanLabel
from ..core.label_review import LabelReview
from ..core.labels import label_store
from ..core.moments import now
from ..core.settings import Settings
from ..core.taxonomy import Taxonomy
from ..core.traces import TraceVerdict, put_verdicts, read_traces
from ..core.workspace import Workspace, write_json
from ..corpora.store import DocumentStore
from ..graphs.results import measure_task
from ..graphs.reviews import Decision, Gate, open_gates, put_decision
from ..graphs.summarising import label_review_file, labelled_tasks
from ..graphs.task_documents import TaskDocuments
from .audit import AuditLog, Entry
from .channels import Channel, Returned, latest
from .label_figures import measure_label_review
from .labels import label_form, read_labels, settle_labels
from .opening import ChannelKind
from .push import audit_file, pushed_folder
from .pushed import PushedRecord, all_pushed
from .taxonomies import GateOutcome, read_taxonomies, settle_gates
from .trace_figures import TraceReview, measure_trace_review
from .traces import read_trace_answers, settle_traces


class Answered(NamedTuple):
    """A form with its noted records and every response there is to them, each with the channel it came through."""

    form: Form
    records: dict[str, PushedRecord]
    responses: tuple[tuple[Response, Channel], ...]

    def latest(self) -> list[Response]:
        """One response by record and author: the last one, whatever channel it came through."""
        return latest(response for response, _ in self.responses)


class LabelsRead(NamedTuple):
    """What answers about a taxonomy version's labels come to; `current` tells whether it is still the accepted one.

    `withdrawn` are keys of documents that nobody's answers settle any more because somebody took theirs back.
    """

    taxonomy: Taxonomy
    settled: list[HumanLabel]
    review: LabelReview
    current: bool
    withdrawn: frozenset[int]


class TracesRead(NamedTuple):
    """What answers about traces come to."""

    verdicts: list[TraceVerdict]
    review: TraceReview


class PullResult(NamedTuple):
    """What answers come to: gates with decision or reason, labels, traces, and answers that cannot be used, by form."""

    gates: tuple[GateOutcome, ...]
    labels: tuple[LabelsRead, ...]
    traces: TracesRead | None
    returned: dict[str, list[Returned]]
    new_answers: int = 0

    @property
    def decided(self) -> list[tuple[Gate, Decision]]:
        return [(gate, decision) for gate, decision in self.gates if isinstance(decision, Decision)]

    @property
    def complete(self) -> bool:
        """Whether every open gate is decided, and every trace and sampled label of accepted taxonomies settled."""
        reviews = [labels.review for labels in self.labels if labels.current]
        reviews += [self.traces.review] if self.traces else []
        return len(self.decided) == len(self.gates) and all(not review.unsettled for review in reviews)


def gather(workspace: Workspace, channels: Mapping[ChannelKind, Channel]) -> list[Answered]:
    """Every pushed form with its responses, from all these channels; nothing is written. Raises ArgillaError."""
    forms: dict[str, Form] = {}
    records: dict[str, dict[str, PushedRecord]] = defaultdict(dict)
    responses: dict[str, list[tuple[Response, Channel]]] = defaultdict(list)
    for kind, channel in channels.items():
        for pushed in all_pushed(pushed_folder(workspace, kind)):
            name = pushed.form.name
            forms[name] = pushed.form
            records[name] |= pushed.records
            responses[name] += [(r, channel) for r in channel.responses(pushed.form) if r.record in pushed.records]
    return [Answered(forms[name], records[name], tuple(responses[name])) for name in sorted(forms)]


def read_reviews(workspace: Workspace, settings: Settings, answered: Iterable[Answered]) -> PullResult:
    """Check and settle what people answered; nothing is written."""
    gates: list[GateOutcome] = []
    labels: list[LabelsRead] = []
    traces: TracesRead | None = None
    returned: dict[str, list[Returned]] = {}
    for form in answered:
        name = form.form.name
        if form.form.kind == "taxonomy":
            gates, returned[name] = _read_gates(workspace, settings, form)
        elif form.form.kind == "traces":
            traces, returned[name] = _read_traces(workspace, settings, form)
        elif (taxonomy := _taxonomy_of(workspace, settings, form.form)) is not None:
            read, returned[name] = _read_labels(workspace, settings, form, taxonomy)
            labels.append(read)
    return PullResult(tuple(gates), tuple(labels), traces, returned)


def pull_reviews(workspace: Workspace, settings: Settings, answered: Sequence[Answered]) -> PullResult:
    """Log, read, settle and store what people answered. The caller holds the workspace's lock.

    Decisions on gates lie in the gates' files afterwards, where the next run takes them to its checkpoint.
    """
    log = AuditLog(audit_file(workspace))
    new = log.add(_as_entry(form, r) for form in answered for r, _ in form.responses if r.status != "draft")
    result = read_reviews(workspace, settings, answered)
    for gate, decision in result.decided:
        put_decision(workspace, gate, decision)
    for labels in result.labels:
        _store_labels(workspace, settings, labels)
    if result.traces is not None:
        put_verdicts(workspace.traces, result.traces.verdicts)
    log.add(_decisions(workspace, result))
    for form in answered:
        _give_back(form, result.returned.get(form.form.name, []), log)
    return result._replace(new_answers=len(new))


def _read_gates(
    workspace: Workspace, settings: Settings, answered: Answered
) -> tuple[list[GateOutcome], list[Returned]]:
    shown = {record.hidden["ticket"] for record in answered.records.values()}
    gates = [gate for gate in open_gates(workspace) if gate.ticket in shown]
    answers, returned = read_taxonomies(gates, answered.latest())
    return settle_gates(gates, answers, settings.review), returned


def _read_labels(
    workspace: Workspace, settings: Settings, answered: Answered, taxonomy: Taxonomy
) -> tuple[LabelsRead, list[Returned]]:
    hidden = {int(record.hidden["key"]): record.hidden for record in answered.records.values()}
    slices = {key: record["slice"] for key, record in hidden.items()}
    ids = {key: record["document_id"] for key, record in hidden.items()}
    answers, returned = read_labels(answered.form, answered.latest(), taxonomy)
    settled, unsettled = settle_labels(answers, slices, ids, settings.review)
    documents = TaskDocuments(workspace, DocumentStore(workspace.documents)).of(taxonomy.task)
    rows = label_store(workspace, taxonomy).rows(documents.keys())
    review = measure_label_review(rows, answers, settled, unsettled, slices, taxonomy)
    accepted = TaxonomyArchive(workspace.taxonomies).accepted(taxonomy.task)
    current = accepted is not None and accepted.fingerprint == taxonomy.fingerprint
    taken_back = {response.record for response in answered.latest() if response.status != "submitted"}
    open_keys = {document.key for document in unsettled}
    withdrawn = {int(answered.records[record].hidden["key"]) for record in taken_back} & open_keys
    return LabelsRead(taxonomy, settled, review, current, frozenset(withdrawn)), returned


def _read_traces(workspace: Workspace, settings: Settings, answered: Answered) -> tuple[TracesRead, list[Returned]]:
    answers, returned = read_trace_answers(answered.form, answered.latest())
    asked = [record.hidden["trace"] for record in answered.records.values()]
    verdicts, unsettled = settle_traces(answers, asked, settings.review)
    review = measure_trace_review(read_traces(workspace.traces), answers, verdicts, unsettled)
    return TracesRead(verdicts, review), returned


def _store_labels(workspace: Workspace, settings: Settings, labels: LabelsRead) -> None:
    label_store(workspace, labels.taxonomy).put_human(labels.settled, labels.withdrawn)
    if labels.current and labels.taxonomy.task in labelled_tasks(workspace):
        write_json(label_review_file(workspace, labels.taxonomy.task), labels.review.model_dump(mode="json"))
        documents, task = TaskDocuments(workspace, DocumentStore(workspace.documents)), labels.taxonomy.task
        measure_task(workspace, settings, documents.of(task), labels.taxonomy, documents.parent(task))


def _decisions(workspace: Workspace, result: PullResult) -> Iterator[Entry]:
    for gate, decision in result.decided:
        before = {"tasks": [task.model_dump(mode="json") for task in gate.tasks]}
        after = decision.model_dump(mode="json")
        yield _decided("taxonomy", gate.name, decision.author, decision.at, before, after)
    for labels in result.labels:
        keys = {label.key for label in labels.settled}
        rows = label_store(workspace, labels.taxonomy).rows()
        models = {row.key: row.consensus for row in rows if row.key in keys}
        for label in labels.settled:
            model = models.get(label.key)
            before = {"cluster": model.cluster or model.outcome} if model else {}
            record = f"labels/{labels.taxonomy.task}/{label.document_id}"
            after = label.model_dump(mode="json")
            yield _decided("labels", record, ", ".join(label.authors), label.at, before, after)
    for verdict in result.traces.verdicts if result.traces else []:
        who = ", ".join(verdict.authors)
        yield _decided("traces", verdict.trace, who, verdict.at, {}, verdict.model_dump(mode="json"))


def _taxonomy_of(workspace: Workspace, settings: Settings, form: Form) -> Taxonomy | None:
    """The taxonomy version that a form of labels is about."""
    archive = TaxonomyArchive(workspace.taxonomies)
    versions = (version for task in archive.tasks() for version in archive.history(task))
    return next((v for v in versions if label_form(v, settings.review.annotators).name == form.name), None)


def _give_back(answered: Answered, returned: Sequence[Returned], log: AuditLog) -> None:
    for item in returned:
        for response, channel in answered.responses:
            if response == item.response:
                channel.give_back(answered.form, item)
    told = {"event": "returned", "at": now()}
    log.add(_as_entry(answered, r).model_copy(update={**told, "detail": reason}) for r, reason in returned)


def _as_entry(answered: Answered, response: Response) -> Entry:
    record = answered.records[response.record]
    return Entry(
        event="answered",
        kind=answered.form.kind,
        record=response.record,
        who=response.author,
        at=response.at,
        before={suggestion.question: suggestion.value for suggestion in record.suggestions},
        after=response.values,
        detail=response.status,
    )


def _decided(kind: ReviewKind, record: str, who: str, at: str, before: dict[str, Any], after: dict[str, Any]) -> Entry:
    return Entry(event="decided", kind=kind, record=record, who=who, at=at, before=before, after=after)
