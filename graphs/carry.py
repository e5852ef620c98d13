"""After an edit of a taxonomy: labels that the edit does not touch are taken over from the version before.

The rules, for the newest other version of the task with the same instruction that has labels:

- Another instruction touches every document. The order of the clusters touches none.
- A document is touched when either labeler voted for a cluster that was removed or described anew.
- A conflict or a none fits is touched by any change but a new name: it might fit now.
- A document that both labelers put in an unchanged cluster is not touched, though clusters were added beside it.
- A cluster that was only renamed takes its votes along under the new name.
- A document without an answer has nothing to take over and stays pending.

This is a shortcut: a document of an unchanged cluster might move to one that was added or described anew. So some
untouched documents, drawn at random, are voted on anew all the same (`labeling.recheck`), and a task's results tell how
many of them kept their label. `labeling.carry: false` has every document voted on anew.

People's labels follow the same rules by the cluster that they name, from every version: the newest word on a document
counts. They are taken over in every run and whatever the settings, because they cost no call.

What will be taken over is written down first (`carry.json` in the label folder), then the votes, file by file; a run
that was killed in between goes on from the files that are there. What was begun is finished, and done once.
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
from collections.abc import Iterator

import numpy as np

from ..core.archive import TaxonomyArchive
from ..core.carried import CarryPlan, Rechecked
from ..core.consensus import Consensus
from ..core.human import HumanLabel
from ..core.labels import Keys, LabelRow, LabelStore, label_store
from ..core.settings import Settings
from ..core.taxonomy import NONE_FITS, Taxonomy, TaxonomyDiff, diff_taxonomies
from ..core.workspace import Workspace, read_json, write_json

_ROWS_A_FILE = 5000


def carry_labels(
    workspace: Workspace, settings: Settings, corpus: Keys, taxonomy: Taxonomy, rows_a_file: int = _ROWS_A_FILE
) -> CarryPlan | None:
    """Give a version without labels those that its edit leaves standing, or finish doing so.

    Returns what was planned, None when there were no votes to take over. The recheck is drawn from `corpus`.
    """
    target = label_store(workspace, taxonomy)
    _carry_people(workspace, taxonomy)
    plan = plan_carry(workspace, settings, corpus, taxonomy)
    if plan is None or plan.complete:
        return plan
    _write_plan(target, plan)
    _carry_votes(LabelStore(workspace.labels / taxonomy.task / plan.source), target, plan, rows_a_file)
    complete = plan.model_copy(update={"complete": True})
    _write_plan(target, complete)
    return complete


def plan_carry(workspace: Workspace, settings: Settings, corpus: Keys, taxonomy: Taxonomy) -> CarryPlan | None:
    """What `carry_labels` has done, is in the middle of or would do; writes nothing."""
    target = label_store(workspace, taxonomy)
    begun = read_plan(target)
    if begun is not None or not settings.labeling.carry or target.files():
        return begun
    source = _source(workspace, taxonomy)
    if source is None:
        return None
    diff = diff_taxonomies(source, taxonomy)
    lots = f"{settings.seed}/{taxonomy.fingerprint}"
    recheck = _drawn(label_store(workspace, source), diff, corpus, settings.labeling.recheck, lots)
    return CarryPlan(source=source.fingerprint, version=source.version, diff=diff, recheck=recheck)


def read_plan(store: LabelStore) -> CarryPlan | None:
    """The plan by which a version came by its first labels, if it did so."""
    path = store.folder / "carry.json"
    return CarryPlan.model_validate(read_json(path)) if path.exists() else None


def coming_keys(workspace: Workspace, settings: Settings, corpus: Keys, taxonomy: Taxonomy) -> Keys:
    """Documents whose label the next run will take over, and not pay for."""
    plan = plan_carry(workspace, settings, corpus, taxonomy)
    if plan is None or plan.complete:
        return np.empty(0, np.uint64)
    source = LabelStore(workspace.labels / taxonomy.task / plan.source)
    return np.fromiter((row.key for row in _carried_rows(source, plan)), dtype=np.uint64)


def carry_consensus(consensus: Consensus, diff: TaxonomyDiff) -> Consensus | None:
    """Votes and outcome in the new version's names; None when the edit touches the document."""
    changed = {*diff.removed, *diff.redescribed}
    whole = consensus.outcome != "unanswered" and not diff.instruction_changed
    stands = diff.same_meaning or consensus.outcome == "kept"
    if not whole or not stands or any(vote.cluster in changed for vote in consensus.votes):
        return None
    first, second = (vote.model_copy(update={"cluster": _new_name(vote.cluster, diff)}) for vote in consensus.votes)
    return consensus.model_copy(update={"cluster": _new_name(consensus.cluster, diff), "votes": (first, second)})


def carry_human(label: HumanLabel, diff: TaxonomyDiff) -> HumanLabel | None:
    """People's label in the new version's names; None when the edit touches what it says."""
    changed = {*diff.removed, *diff.redescribed}
    stands = diff.same_meaning or label.cluster != NONE_FITS
    if diff.instruction_changed or not stands or label.cluster in changed:
        return None
    return label.model_copy(update={"cluster": _new_name(label.cluster, diff)})


def _new_name(cluster: str | None, diff: TaxonomyDiff) -> str | None:
    return next((new for old, new in diff.renamed if old == cluster), cluster)


def _others(workspace: Workspace, taxonomy: Taxonomy) -> list[Taxonomy]:
    """The task's other versions with the same instruction, oldest first."""
    return [
        other
        for other in TaxonomyArchive(workspace.taxonomies).history(taxonomy.task)
        if other.fingerprint != taxonomy.fingerprint and other.instruction == taxonomy.instruction
    ]


def _source(workspace: Workspace, taxonomy: Taxonomy) -> Taxonomy | None:
    """The newest other version with labels; one that was killed while it took over its own has none of its own."""
    for other in reversed(_others(workspace, taxonomy)):
        store = label_store(workspace, other)
        plan = read_plan(store)
        if (plan is None or plan.complete) and store.decided().size:
            return other
    return None


def _drawn(source: LabelStore, diff: TaxonomyDiff, corpus: Keys, count: int, lots: str) -> tuple[Rechecked, ...]:
    """Untouched documents of the corpus, drawn by the hash of their key, whatever the order they lie in."""

    def lot(rechecked: Rechecked) -> bytes:
        return hashlib.blake2b(f"{lots}/{rechecked.key}".encode(), digest_size=16).digest()

    untouched = (
        Rechecked(row.key, consensus.outcome, consensus.cluster)
        for row in source.rows(corpus)
        if (consensus := carry_consensus(row.consensus, diff)) is not None
    )
    return tuple(heapq.nsmallest(count, untouched, key=lot))


def _carried_rows(source: LabelStore, plan: CarryPlan) -> Iterator[LabelRow]:
    again = {rechecked.key for rechecked in plan.recheck}
    for row in source.rows():
        consensus = carry_consensus(row.consensus, plan.diff)
        if consensus is not None and row.key not in again:
            yield LabelRow(row.key, row.row, row.cut, consensus, row.carried_from or plan.source)


def _carry_votes(source: LabelStore, target: LabelStore, plan: CarryPlan, rows_a_file: int) -> None:
    there = set(target.decided().tolist())
    coming = (row for row in _carried_rows(source, plan) if row.key not in there)
    taken = {path.stem for path in target.files()}
    names = (f"carried-{plan.source}-{number:05d}" for number in itertools.count())
    free = (name for name in names if name not in taken)
    while rows := list(itertools.islice(coming, rows_a_file)):
        target.write(next(free), rows)


def _carry_people(workspace: Workspace, taxonomy: Taxonomy) -> None:
    """Take over people's newest word on each document, where the edit leaves it standing."""
    target = label_store(workspace, taxonomy)
    newest = {key: (label, taxonomy) for key, label in target.human().items()}
    for other in _others(workspace, taxonomy):
        for key, label in label_store(workspace, other).human().items():
            if key not in newest or newest[key][0].at < label.at:
                newest[key] = (label, other)
    target.put_human(
        carried.model_copy(update={"carried_from": label.carried_from or origin.fingerprint})
        for label, origin in newest.values()
        if origin is not taxonomy and (carried := carry_human(label, diff_taxonomies(origin, taxonomy))) is not None
    )


def _write_plan(store: LabelStore, plan: CarryPlan) -> None:
    write_json(store.folder / "carry.json", plan.model_dump(mode="json"))
