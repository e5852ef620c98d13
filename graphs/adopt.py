"""Tasks of a corpus that is labelled already: its gold labels become the tasks' labels, and no model is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pydantic import ValidationError

from ..core.archive import TaxonomyArchive
from ..core.consensus import GOLD, Assignment, Consensus
from ..core.errors import CorpusError, SettingsError
from ..core.labels import LabelRow, label_store
from ..core.settings import Settings, TaskSettings
from ..core.taxonomy import Cluster, Provenance, Taxonomy
from ..core.workspace import Workspace
from ..corpora.store import DocumentStore, ingest
from .progress import Progress
from .results import TaskResult, gold_by_key, measure_task

if TYPE_CHECKING:
    from ..core.labels import Keys

_CHUNK = 5000


def adopt_gold(workspace: Workspace, settings: Settings, progress: Progress) -> tuple[TaskResult, ...]:
    """Make every task of the settings that names a `gold` labeling; its clusters are the labels as they are called.

    Documents without a label are in no task. Doing it again replaces what was adopted. The caller holds the
    workspace's lock. Raises SettingsError when no task names its labeling, CorpusError when the corpus has no such
    labels, one label alone, or labels that cannot be called clusters.
    """
    asked = [task for task in settings.tasks if task.gold is not None]
    if settings.corpus.gold is None or not asked:
        raise SettingsError(
            "nothing to adopt: name the column with gold labels in corpus.gold, and give a task its labeling in"
            " tasks.gold (any word where the column holds plain values)"
        )
    workspace.create_folders()
    progress.stage("corpus", None)
    ingest(settings.corpus, workspace, progress.advance)
    documents = DocumentStore(workspace.documents)
    return tuple(_adopt(workspace, settings, documents, task, progress) for task in asked)


def _adopt(
    workspace: Workspace, settings: Settings, documents: DocumentStore, task: TaskSettings, progress: Progress
) -> TaskResult:
    progress.stage(f"{task.id}: gold labels", len(documents))
    gold = gold_by_key(settings, documents, task.id)
    labels = sorted(set(gold.values()))
    taxonomy = _accepted(workspace, task, labels)
    names = dict(zip(labels, taxonomy.names, strict=True))
    gold = {key: names[label] for key, label in gold.items()}
    store = label_store(workspace, taxonomy)
    keys = documents.keys()
    for start in range(0, len(documents), _CHUNK):
        rows = range(start, min(start + _CHUNK, len(documents)))
        store.write(f"gold-{start // _CHUNK:05d}", list(_rows(documents, keys, rows, gold)))
        progress.advance(len(rows))
    return measure_task(workspace, settings, documents, taxonomy)


def _accepted(workspace: Workspace, task: TaskSettings, labels: Sequence[str]) -> Taxonomy:
    """The labels as clusters, in their order."""
    if len(labels) < 2:
        found = f"only the label {labels[0]!r}" if labels else "no label"
        raise CorpusError(
            f"task {task.id!r}: the corpus has {found} under {task.gold!r}; look at the column that corpus.gold names"
        )
    try:
        taxonomy = Taxonomy(
            task=task.id,
            instruction=task.instruction,
            clusters=tuple(Cluster(name=label) for label in labels),
            provenance=Provenance(author=GOLD, kind="given", changes=(f"the labels of {task.gold}",)),
        )
    except ValidationError as error:
        says = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise CorpusError(
            f"task {task.id!r}: the labels under {task.gold!r} cannot be clusters ({says}); rename them in the corpus"
        ) from None
    archive = TaxonomyArchive(workspace.taxonomies)
    kept = archive.add(taxonomy)
    archive.accept(kept)
    return kept


def _rows(documents: DocumentStore, keys: Keys, rows: range, gold: dict[int, str]) -> Iterator[LabelRow]:
    for row, document in zip(rows, documents.rows(rows, meta=False), strict=True):
        label = gold.get(int(keys[row]))
        if label is not None:
            vote = Assignment(labeler=GOLD, cluster=label)
            consensus = Consensus(document_id=document.id, outcome="kept", cluster=label, votes=(vote, vote))
            yield LabelRow(int(keys[row]), row, cut=False, consensus=consensus)
