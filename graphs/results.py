"""What a labelled task came to: outcomes, agreement, position bias and gold comparison, from its labels on disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ..agents.labeling import LABELERS, cluster_orders
from ..core.agreement import Agreement, confusion_matrix, measure_agreement
from ..core.carried import Carried, CarryPlan, wilson_interval
from ..core.consensus import GOLD, Consensus
from ..core.gold import GoldScore, gold_label, score_against_gold
from ..core.labels import LabelRow, label_store
from ..core.positions import PositionBias, position_bias
from ..core.settings import Settings
from ..core.tasks import ClusteringTask, Parent
from ..core.taxonomy import NONE_FITS, Taxonomy
from ..core.workspace import Workspace, write_json
from ..corpora.subset import Documents
from .carry import read_plan


class TaskResult(BaseModel):
    """A labelled task with its statistics, as `tasks/ID.json` holds it."""

    model_config = ConfigDict(frozen=True)

    task: ClusteringTask
    agreement: Agreement
    bias: tuple[PositionBias, ...]
    gold: tuple[GoldScore, ...]
    cut: int
    human: int = Field(default=0, description="labels by people, which win over the labelers' consensus")
    corrected: int = Field(default=0, description="those that say something else than the consensus")
    carried: Carried | None = Field(default=None, description="votes taken over from another taxonomy version")

    @property
    def outcomes(self) -> dict[str, int]:
        return self.task.outcomes


class _Tally:
    """Counts over a task's label rows, taken in one pass and in memory that does not grow with the corpus."""

    def __init__(self, taxonomy: Taxonomy, settings: Settings, plan: CarryPlan | None) -> None:
        self.labels = (*taxonomy.names, NONE_FITS)
        self.pairs: Counter[tuple[str, str]] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.sizes: Counter[str] = Counter(dict.fromkeys(taxonomy.names, 0))
        self.votes: tuple[Counter[tuple[int, str]], ...] = (Counter(), Counter())
        self.cut = self.human = self.corrected = self.carried_over = 0
        self.plan = plan
        self.before = {old.key: (old.outcome, old.cluster) for old in plan.recheck} if plan else {}
        self.same: Counter[bool] = Counter()
        self.orders = [
            cluster_orders(labeler, taxonomy, settings.labeling.orders, settings.seed) for labeler in LABELERS
        ]

    def add(self, row: LabelRow) -> None:
        consensus = row.consensus
        self.outcomes[row.final_outcome] += 1
        self.cut += row.cut
        self.human += row.human is not None
        self.corrected += row.corrected
        self.carried_over += row.carried_from is not None
        if row.final_cluster is not None:
            self.sizes[row.final_cluster] += 1
        if row.key in self.before and consensus.outcome != "unanswered":
            self.same[self.before[row.key] == (consensus.outcome, consensus.cluster)] += 1
        if consensus.votes[0].labeler == GOLD:
            return
        first, second = (vote.cluster for vote in consensus.votes)
        if first is not None and second is not None:
            self.pairs[first, second] += 1
        if row.carried_from is None:
            self._place(consensus)

    def _place(self, consensus: Consensus) -> None:
        """Count votes by list position; not for votes that were cast on another version's lists."""
        for votes, vote in zip(self.votes, consensus.votes, strict=True):
            if vote.cluster not in (None, NONE_FITS):
                votes[vote.order, str(vote.cluster)] += 1

    def agreement(self) -> Agreement:
        return measure_agreement(confusion_matrix(self.pairs.elements(), self.labels), self.labels)

    def bias(self) -> tuple[PositionBias, ...]:
        return tuple(
            position_bias(labeler, orders, votes.elements())
            for labeler, orders, votes in zip(LABELERS, self.orders, self.votes, strict=True)
        )

    def carried(self) -> Carried | None:
        rechecked = self.same.total()
        if self.plan is None or not (self.carried_over or rechecked):
            return None
        return Carried(
            source=self.plan.source,
            version=self.plan.version,
            documents=self.carried_over,
            rechecked=rechecked,
            same=self.same[True],
            stability=wilson_interval(self.same[True], rechecked),
        )


def measure_task(
    workspace: Workspace, settings: Settings, documents: Documents, taxonomy: Taxonomy, parent: Parent | None = None
) -> TaskResult:
    """Statistics of a task's labels over the documents that it is about now; written to `tasks/ID.json`."""
    store = label_store(workspace, taxonomy)
    tally = _Tally(taxonomy, settings, read_plan(store))
    for row in store.rows(documents.keys()):
        tally.add(row)
    labelled = sum(tally.outcomes.values())
    task = ClusteringTask(
        id=taxonomy.task,
        domain=settings.corpus.domain,
        taxonomy=taxonomy,
        documents=labelled,
        outcomes=dict(tally.outcomes),
        sizes=dict(tally.sizes),
        parent=parent,
    )
    gold = gold_scores(settings, documents, store.rows(documents.keys()), taxonomy.task)
    result = TaskResult(
        task=task,
        agreement=tally.agreement(),
        bias=tally.bias(),
        gold=gold,
        cut=tally.cut,
        human=tally.human,
        corrected=tally.corrected,
        carried=tally.carried(),
    )
    write_json(workspace.tasks / f"{taxonomy.task}.json", result.model_dump(mode="json"))
    return result


def gold_scores(settings: Settings, documents: Documents, rows: Iterable[LabelRow], task: str) -> tuple[GoldScore, ...]:
    """Both labelers on every answered document, then the consensus on the kept ones; empty without gold labels.

    People's labels count with the consensus: it is what becomes of the documents in the end.
    """
    if settings.corpus.gold is None:
        return ()
    gold = gold_by_key(settings, documents, task)
    scored: dict[str, list[tuple[str, str]]] = {"labeler A": [], "labeler B": [], "consensus (kept)": []}
    for row in rows:
        label = gold.get(row.key)
        if label is None:
            continue
        if row.consensus.outcome != "unanswered":
            for who, vote in zip(("labeler A", "labeler B"), row.consensus.votes, strict=True):
                scored[who].append((label, str(vote.cluster)))
        if row.final_cluster is not None:
            scored["consensus (kept)"].append((label, row.final_cluster))
    if not gold:
        return ()
    return tuple(score_against_gold(who, [g for g, _ in pairs], [c for _, c in pairs]) for who, pairs in scored.items())


def gold_by_key(settings: Settings, documents: Documents, task: str) -> dict[int, str]:
    """Gold labels of the documents for a task, by document key."""
    asked = settings.gold_labeling(task)
    keys = documents.keys()
    found: dict[int, str] = {}
    row = 0
    for batch in documents.batches(1024):
        for document in batch:
            label = gold_label(document.meta, settings.corpus.gold, asked)
            if label is not None:
                found[int(keys[row])] = label
            row += 1
    return found


def rows_of(documents: Documents, keys: Iterable[int]) -> list[int]:
    """Row numbers of documents by key, in the order given."""
    all_keys = documents.keys()
    order = np.argsort(all_keys)
    wanted = np.fromiter(keys, dtype=np.uint64)
    return order[np.searchsorted(all_keys, wanted, sorter=order)].tolist()
