"""What the run's page says about a task, put in order for its templates: rows, groups, diffs, sentences."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ..core.agreement import Agreement, Confusion, confused_pairs
from ..core.consensus import Outcome
from ..core.gold import GoldScore
from ..core.taxonomy import NONE_FITS, Taxonomy, TaxonomyDiff, diff_taxonomies
from .charts import Tone
from .page import count, percent
from .summary import Shown, TaskSummary

OUTCOME_TONES: dict[Outcome, Tone] = {"kept": "kept", "conflict": "conflict", "none_fits": "none", "unanswered": "open"}
OUTCOME_WORDS: dict[Outcome, str] = {
    "kept": "Kept",
    "conflict": "Conflict",
    "none_fits": "None fits",
    "unanswered": "Unanswered",
}
_LONG_TEXT = 420
"""Characters from which a document's text is folded."""


class ClusterRow(NamedTuple):
    """A line of the clusters' table; `agreement` is None without votes, `group` its documents' anchor or empty."""

    number: int
    name: str
    description: str
    size: int
    share: float
    both: int
    either: int
    agreement: float | None
    group: str


class Version(NamedTuple):
    """A taxonomy version and what changed since `since`, the number of the version it was made from."""

    taxonomy: Taxonomy
    since: int | None
    diff: TaxonomyDiff | None
    current: bool


class ShownRow(NamedTuple):
    """A document of a group; `votes` are the labels' numbers (1-based) that the labelers chose, without gaps."""

    anchor: str
    shown: Shown
    votes: tuple[int, ...]
    long: bool


class Group(NamedTuple):
    """Documents with one outcome (and one cluster, where kept); `total` counts those that are not shown as well."""

    anchor: str
    title: str
    outcome: Outcome
    total: int
    rows: tuple[ShownRow, ...]


class Pair(NamedTuple):
    """Two labels that the labelers mix up, with their numbers."""

    first: int
    second: int
    confusion: Confusion


def undefined_because(agreement: Agreement) -> str:
    """Why a statistic has no value."""
    return "undefined: only one label used" if agreement.documents else "undefined: no document has two votes"


def labeler_name(labeler: str) -> str:
    return {"labeler_a": "Labeler A", "labeler_b": "Labeler B"}.get(labeler, labeler)


def cluster_rows(anchor: str, task: TaskSummary) -> list[ClusterRow]:
    """The clusters in the taxonomy's order, then the category of those that fit none (number 0)."""
    agreed = {c.cluster: c for c in task.agreement.clusters}
    none_fits = task.outcomes.get("none_fits", 0)
    largest = max([1, none_fits, *task.sizes.values()])
    rows = []
    for number, cluster in enumerate(task.taxonomy.clusters, start=1):
        size = task.sizes.get(cluster.name, 0)
        found = agreed.get(cluster.name)
        both, either, share = (found.both, found.either, found.agreement) if found else (0, 0, None)
        group = f"{anchor}-kept-{number}" if size else ""
        rows.append(
            ClusterRow(number, cluster.name, cluster.description, size, size / largest, both, either, share, group)
        )
    found = agreed.get(NONE_FITS)
    both, either, share = (found.both, found.either, found.agreement) if found else (0, 0, None)
    group = f"{anchor}-none_fits" if none_fits else ""
    described = "documents that both labelers found no cluster for"
    last = ClusterRow(0, NONE_FITS, described, none_fits, none_fits / largest, both, either, share, group)
    return [*rows, last]


def versions(task: TaskSummary) -> list[Version]:
    """Every version, newest first, each against the one it was made from (else the one before it)."""
    history = task.history or (task.taxonomy,)
    rows = []
    for place, taxonomy in enumerate(history):
        parent = taxonomy.provenance.parent if taxonomy.provenance else None
        before = next((t for t in reversed(history[:place]) if t.fingerprint == parent), None)
        before = before or (history[place - 1] if place else None)
        diff = diff_taxonomies(before, taxonomy) if before else None
        current = taxonomy.fingerprint == task.taxonomy.fingerprint
        rows.append(Version(taxonomy, before.version if before else None, diff, current))
    return rows[::-1]


def confused(agreement: Agreement) -> list[Pair]:
    """Pairs of labels that the labelers mix up, most documents first."""
    place = {label: number for number, label in enumerate(agreement.labels, start=1)}
    matrix = np.array(agreement.matrix, dtype=np.int64).reshape(len(agreement.labels), len(agreement.labels))
    split = sorted(confused_pairs(matrix, agreement.labels), key=lambda pair: -pair.documents)
    return [Pair(place[pair.first], place[pair.second], pair) for pair in split]


def document_groups(anchor: str, task: TaskSummary) -> list[Group]:
    """What asks for a look first: conflicts, none fits, unanswered; then the kept documents of each cluster."""
    numbers = {label: number for number, label in enumerate((*task.taxonomy.names, NONE_FITS), start=1)}
    place = itertools.count(1)

    def row(shown: Shown) -> ShownRow:
        votes = {numbers[v.cluster] for v in shown.consensus.votes if v.cluster in numbers}
        return ShownRow(f"{anchor}-d{next(place)}", shown, tuple(sorted(votes)), len(shown.text) > _LONG_TEXT)

    return [
        Group(group, title, outcome, max(total, len(shown)), tuple(map(row, shown)))
        for group, title, outcome, total, shown in _groups(anchor, task)
    ]


def document_places(groups: Sequence[Group]) -> dict[str, str]:
    """Where each shown document stands on the page, by its id."""
    return {row.shown.consensus.document_id: row.anchor for group in groups for row in group.rows}


def kept_against_gold(scores: Sequence[GoldScore]) -> str:
    """What keeping only the consensus bought, and what it cost, in one sentence; empty where it cannot be said."""
    kept = next((s for s in scores if s.who.startswith("consensus") and s.accuracy is not None), None)
    alone = [s for s in scores if s is not kept and s.accuracy is not None]
    if kept is None or not alone:
        return ""
    each = " and ".join(f"{percent(s.accuracy)} ({s.who})" for s in alone)
    most = max(s.documents for s in alone)
    return (
        f"Of the {count(kept.documents)} documents that are kept, {percent(kept.accuracy)} are right; "
        f"each labeler alone on all {count(most)} answered documents: {each}. "
        f"The price: {count(max(0, most - kept.documents))} documents are not kept."
    )


def _groups(anchor: str, task: TaskSummary) -> Iterator[tuple[str, str, Outcome, int, tuple[Shown, ...]]]:
    """(anchor, title, outcome, documents in all, documents shown) of each group, in the page's order."""
    rest: tuple[tuple[Outcome, str, tuple[Shown, ...]], ...] = (
        ("conflict", "Conflicts: the labelers differ", task.conflicts),
        ("none_fits", "None fits: both found no cluster", task.none_fits),
        ("unanswered", "Unanswered: a vote is missing", task.unanswered),
    )
    for outcome, title, shown in rest:
        yield f"{anchor}-{outcome}", title, outcome, task.outcomes.get(outcome, 0), shown
    for number, name in enumerate(task.taxonomy.names, start=1):
        yield f"{anchor}-kept-{number}", name, "kept", task.sizes.get(name, 0), task.kept.get(name, ())
