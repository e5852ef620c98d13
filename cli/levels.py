"""A hierarchical run in lines for the terminal: what passes each level, and where documents fall out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..core.hierarchy import CoarseCluster, Hierarchy, InsideTask


def hierarchy_lines(hierarchy: Hierarchy) -> list[str]:
    """Both levels: the coarse outcomes, then each cluster with its tasks, largest first."""
    unlabelled = f", {hierarchy.unlabelled} not labelled yet" if hierarchy.unlabelled else ""
    divided = [cluster for cluster in hierarchy.clusters if not cluster.small]
    lines = [
        f"levels of {hierarchy.task}: {hierarchy.documents} documents",
        f"  level 1: {_counts(hierarchy.outcomes)}{unlabelled}",
        f"  level 2: {len(divided)} of {len(hierarchy.clusters)} coarse clusters are divided"
        f"; {hierarchy.in_small} documents in clusters of fewer than {hierarchy.min_documents}",
    ]
    for cluster in sorted(hierarchy.clusters, key=lambda cluster: -cluster.documents):
        lines += _cluster_lines(cluster)
    if hierarchy.retired:
        lines.append(f"  made no more: {', '.join(hierarchy.retired)}")
    return lines


def _cluster_lines(cluster: CoarseCluster) -> list[str]:
    tail = ", too few to be divided" if cluster.small else ""
    lines = [f"    {cluster.name}: {cluster.documents} documents{tail}"]
    if cluster.trouble:
        lines.append(f"      no instruction could be proposed: {cluster.trouble}")
    return lines + [f"      {task.id}: {_standing(task)}" for task in cluster.tasks]


def _standing(task: InsideTask) -> str:
    words = {"open": "not made yet", "waiting": "waits for a person", "dropped": "dropped by a reviewer"}
    if task.stage == "labelled":
        return _counts(task.outcomes)
    return f"no taxonomy could be made: {task.trouble}" if task.stage == "failed" else words[task.stage]


def _counts(outcomes: Mapping[str, int]) -> str:
    counts = Counter(outcomes)
    order = ("kept", "conflict", "none_fits", "unanswered")
    return ", ".join(f"{counts[outcome]} {outcome.replace('_', ' ')}" for outcome in order)
