"""Both levels of a hierarchical run on the page: what passes, and where documents fall out (paper App. H.1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from markupsafe import Markup

from ..core.consensus import OUTCOMES
from ..core.hierarchy import CoarseCluster, Hierarchy
from .charts import Part, stack
from .icicle import Slice, icicle
from .page import render_part
from .views import OUTCOME_TONES, OUTCOME_WORDS

_STAGES = {
    "open": "not made yet",
    "waiting": "waits for a person",
    "dropped": "dropped by a reviewer",
    "failed": "no taxonomy could be made",
}


class LevelRow(NamedTuple):
    """A line of the table: a task inside a cluster, or a cluster without one; `first` starts a cluster."""

    cluster: str
    documents: int
    first: bool
    task: str
    anchor: str | None
    said: str
    outcomes: dict[str, int]


def render_levels(hierarchy: Hierarchy, anchors: Mapping[str, str]) -> Markup:
    """The section's content; `anchors` are places on the page by task."""
    clusters = sorted(hierarchy.clusters, key=lambda cluster: -cluster.documents)
    return render_part(
        "levels.html",
        hierarchy=hierarchy,
        coarse_anchor=anchors.get(hierarchy.task),
        picture=icicle(f"Documents on both levels of {hierarchy.task}", _bands(hierarchy, clusters)),
        first_level=stack("Outcomes of the first level", _parts(hierarchy.outcomes, hierarchy.unlabelled)),
        rows=[row for cluster in clusters for row in _rows(cluster, anchors)],
        outcomes=[(outcome, OUTCOME_WORDS[outcome]) for outcome in OUTCOMES],
    )


def _bands(hierarchy: Hierarchy, clusters: Iterable[CoarseCluster]) -> list[list[Slice]]:
    whole = max(1, hierarchy.documents)
    first: list[Slice] = []
    second: list[Slice] = []
    start = 0.0
    for cluster in clusters:
        share = cluster.documents / whole
        first.append(Slice(cluster.name, cluster.documents, start, share, "kept", written=True))
        second += _below(cluster, start, share)
        start += share
    for part in _parts(hierarchy.outcomes, hierarchy.unlabelled)[1:]:
        first.append(Slice(part.label, part.number, start, part.number / whole, part.tone))
        start += part.number / whole
    return [[Slice("All documents", hierarchy.documents, 0.0, 1.0, "kept", written=True)], first, second]


def _below(cluster: CoarseCluster, start: float, share: float) -> list[Slice]:
    """What becomes of a cluster's documents inside it; of several tasks, the outcomes of all together."""
    outcomes = Counter[str]()
    for task in cluster.tasks:
        outcomes.update(task.outcomes)
    labelled = outcomes.total()
    if not labelled:
        why = "too few to be divided" if cluster.small else "not labelled inside"
        return [Slice(f"{cluster.name}, {why}", cluster.documents, start, share, "open")]
    slices: list[Slice] = []
    for part in _parts(outcomes):
        width = share * part.number / labelled
        slices.append(Slice(f"{cluster.name}, {part.label.lower()}", part.number, start, width, part.tone))
        start += width
    return slices


def _parts(outcomes: Mapping[str, int], unlabelled: int = 0) -> list[Part]:
    """Outcomes, kept ones first, then what has no label yet."""
    parts = [Part(OUTCOME_WORDS[o], outcomes.get(o, 0), tone) for o, tone in OUTCOME_TONES.items()]
    return [*parts, Part("Not labelled yet", unlabelled, "open")] if unlabelled else parts


def _rows(cluster: CoarseCluster, anchors: Mapping[str, str]) -> list[LevelRow]:
    if not cluster.tasks:
        said = "too few to be divided" if cluster.small else cluster.trouble or "no task"
        return [LevelRow(cluster.name, cluster.documents, True, "", None, said, {})]
    return [
        LevelRow(
            cluster.name,
            cluster.documents,
            place == 0,
            task.id,
            anchors.get(task.id),
            _STAGES.get(task.stage, ""),
            task.outcomes,
        )
        for place, task in enumerate(cluster.tasks)
    ]
