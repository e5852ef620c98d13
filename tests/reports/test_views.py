"""What the page says of a task, in order: clusters, versions, groups of documents, the price of consensus."""

from __future__ import annotations

import numpy as np
import pytest
from cluster_r1.core.agreement import measure_agreement
from cluster_r1.core.gold import GoldScore
from cluster_r1.core.taxonomy import NONE_FITS, Cluster, Provenance, Taxonomy
from cluster_r1.reports.summary import RunSummary, TaskSummary
from cluster_r1.reports.views import cluster_rows, confused, document_groups, kept_against_gold, versions


def test_clusters_keep_their_order_and_end_with_none_fits(desk_run: RunSummary) -> None:
    task = desk_run.tasks[0]
    rows = cluster_rows("a", task)
    assert [row.name for row in rows] == [*task.taxonomy.names, NONE_FITS]
    assert [row.number for row in rows] == [1, 2, 3, 4, 5, 0]
    assert [row.size for row in rows[:-1]] == [task.sizes[name] for name in task.taxonomy.names]
    assert max(row.share for row in rows) == 1


def test_groups_put_what_asks_for_a_look_first(desk_run: RunSummary) -> None:
    groups = document_groups("a", desk_run.tasks[0])
    assert [group.outcome for group in groups] == ["conflict", "none_fits", "unanswered"] + ["kept"] * 5
    assert all(len(row.votes) == 2 for row in groups[0].rows)
    assert sum(group.total for group in groups) == 120


def test_a_version_is_compared_with_the_one_it_was_made_from() -> None:
    def version(number: int, names: str, parent: str | None) -> Taxonomy:
        made = Provenance(author="a", kind="model", parent=parent)
        clusters = tuple(Cluster(name=name) for name in names)
        return Taxonomy(task="t", instruction="i", clusters=clusters, version=number, provenance=made)

    first = version(1, "ab", None)
    second = version(2, "abc", first.fingerprint)
    third = version(3, "abd", first.fingerprint)
    newest, middle, oldest = versions(task_of((first, second, third)))
    assert (newest.since, middle.since, oldest.since) == (1, 1, None)
    assert newest.diff is not None
    assert newest.diff.added == ("d",)
    assert [v.current for v in (newest, middle, oldest)] == [True, False, False]


def task_of(history: tuple[Taxonomy, ...]) -> TaskSummary:
    labels = (*history[-1].names, NONE_FITS)
    return TaskSummary(
        id="t",
        taxonomy=history[-1],
        history=history,
        checks=(),
        documents=0,
        outcomes={},
        sizes={},
        agreement=measure_agreement(np.zeros((len(labels), len(labels)), dtype=np.int64), labels),
        bias=(),
        gold=(),
        kept={},
        conflicts=(),
        none_fits=(),
        unanswered=(),
        cut=0,
    )


def test_what_consensus_bought_is_told_with_its_price() -> None:
    scores = (
        GoldScore("labeler A", 118, 0.9, 0.8, 0.8),
        GoldScore("labeler B", 118, 0.85, 0.8, 0.8),
        GoldScore("consensus (kept)", 104, 0.96, 0.9, 0.9),
    )
    assert kept_against_gold(scores).replace("\u00a0", " ") == (
        "Of the 104 documents that are kept, 96 % are right; each labeler alone on all 118 answered "
        "documents: 90 % (labeler A) and 85 % (labeler B). The price: 14 documents are not kept."
    )


@pytest.mark.parametrize(
    "scores", [(), (GoldScore("labeler A", 1, 1.0, 1.0, 1.0),), (GoldScore("consensus", 0, None, None, None),)]
)
def test_nothing_is_claimed_where_nothing_was_scored(scores: tuple[GoldScore, ...]) -> None:
    assert kept_against_gold(scores) == ""


def test_confused_pairs_come_with_the_most_documents_first() -> None:
    matrix = np.array([[9, 1, 0], [1, 0, 5], [0, 0, 9]])
    found = confused(measure_agreement(matrix, ("a", "b", "c"), resamples=0))
    assert [(pair.first, pair.second, pair.confusion.documents) for pair in found] == [(2, 3, 5), (1, 2, 2)]


def test_clusters_without_documents_link_nowhere(desk_run: RunSummary) -> None:
    task = desk_run.tasks[0]
    sizes = {**task.sizes, task.taxonomy.names[0]: 0}
    rows = cluster_rows("a", task.model_copy(update={"sizes": sizes}))
    assert [row.group for row in rows[:2]] == ["", "a-kept-2"]
