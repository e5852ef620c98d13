"""Figures of a review of labels: counts, agreement, and estimates that the value slices do not bend."""

from __future__ import annotations

import random
from statistics import mean

import pytest
from cluster_r1.annotation.label_figures import label_review_lines, measure_label_review
from cluster_r1.annotation.labels import LabelAnswer, settle_labels
from cluster_r1.annotation.sampling import choose_documents, weak_clusters
from cluster_r1.core.agreement import confusion_matrix, measure_agreement
from cluster_r1.core.consensus import Assignment, decide
from cluster_r1.core.documents import document_key
from cluster_r1.core.label_review import LabelReview
from cluster_r1.core.labels import LabelRow
from cluster_r1.core.settings import ReviewSettings
from cluster_r1.core.taxonomy import NONE_FITS, Cluster, Taxonomy

NAMES = ("a", "b", "c", "d")
LABELS = (*NAMES, NONE_FITS)
TAXONOMY = Taxonomy(task="topic", instruction="Cluster.", clusters=tuple(Cluster(name=name) for name in NAMES))
NOON = "2026-11-21T12:00:00+00:00"


def row(key: int, first: str | None, second: str | None) -> LabelRow:
    votes = [Assignment(labeler=who, cluster=c) for who, c in (("labeler_a", first), ("labeler_b", second))]
    return LabelRow(key, 0, False, decide(f"d{key}", votes[0], votes[1]))


def reviewed(
    rows: list[LabelRow], said: dict[int, dict[str, str]], slices: dict[int, str], annotators: int = 1
) -> LabelReview:
    answers = {key: {who: LabelAnswer(c, "", NOON) for who, c in given.items()} for key, given in said.items()}
    ids = {key: f"d{key}" for key in slices}
    settled, unsettled = settle_labels(answers, slices, ids, ReviewSettings(annotators=annotators))
    return measure_label_review(rows, answers, settled, unsettled, slices, TAXONOMY)


ROWS = [row(1, "a", "a"), row(2, "a", "b"), row(3, "b", "b"), row(4, "c", "c"), row(5, "d", "d"), row(6, "a", None)]
SLICES = {1: "random", 2: "conflict", 3: "random", 4: "weak", 6: "random"}
SAID = {
    1: {"ann": "a", "bob": "a"},
    2: {"ann": "b", "bob": "b"},
    3: {"ann": "c", "bob": "c"},
    4: {"ann": "c", "bob": "d"},
}


def test_documents_are_counted_by_slice() -> None:
    review = reviewed(ROWS, SAID, SLICES, annotators=2)
    assert [tuple(counts) for counts in review.slices] == [
        ("random", 3, 2, 2, 1),
        ("conflict", 1, 1, 1, 1),
        ("weak", 1, 1, 0, 0),
    ]
    assert (review.asked, review.answered, review.settled, review.corrected) == (5, 4, 3, 2)
    assert [document.key for document in review.unsettled] == [4, 6]


def test_people_are_compared_with_each_other_and_with_the_models_where_both_answered() -> None:
    review = reviewed(ROWS, SAID, SLICES, annotators=2)
    assert (review.people.units, review.people.raw.value, review.people_random.units) == (4, 0.75, 2)
    figures = {
        c.model: (c.random.documents, c.random.raw.value, c.all.documents, c.all.raw.value) for c in review.models
    }
    assert figures == {
        "labeler A": (2, 0.5, 3, pytest.approx(1 / 3)),
        "labeler B": (2, 0.5, 3, pytest.approx(2 / 3)),
        "consensus": (2, 0.5, 2, 0.5),
    }
    assert (review.confirmed.value, review.confirmed_of) == (0.5, 2)
    assert {c.cluster: (c.both, c.either) for c in review.models[1].all.clusters}["b"] == (1, 2)


def test_people_are_compared_with_votes_even_when_an_earlier_label_of_theirs_is_stored() -> None:
    before = reviewed(ROWS, SAID, SLICES)
    settled, _ = settle_labels(
        {3: {"ann": LabelAnswer("c", "", NOON)}}, SLICES, dict.fromkeys(SLICES, "d"), ReviewSettings()
    )
    stored = [one._replace(human=settled[0]) if one.key == 3 else one for one in ROWS]
    assert reviewed(stored, SAID, SLICES) == before


def test_a_review_that_nobody_answered_has_no_figures() -> None:
    review = reviewed(ROWS, {}, SLICES)
    assert (review.answered, review.confirmed.value, review.people.units) == (0, None, 0)
    assert label_review_lines(review) == [
        "0 of 5 documents answered, 0 settled",
        "not settled: 5 × 1 more answer needed",
    ]


def test_figures_come_back_from_json() -> None:
    review = reviewed(ROWS, SAID, SLICES, annotators=2)
    assert LabelReview.model_validate_json(review.model_dump_json()) == review


def test_the_lines_say_what_came_out() -> None:
    lines = label_review_lines(reviewed(ROWS, SAID, SLICES, annotators=2))
    assert lines[:3] == [
        "4 of 5 documents answered, 3 settled, 2 of them corrected (1 random, 1 conflict)",
        "not settled: 1 × ann, bob disagree and no answer has a majority",
        "not settled: 1 × 2 more answers needed",
    ]
    text = "\n".join(lines)
    assert "people among themselves: raw 75% [" in text
    assert "people and labeler B: raw 50% [" in text
    assert "people confirm 50% [9%, 91%] of the labels that both labelers agree on (2 random documents)" in text
    assert "where people and the consensus agree least: b 0% of 1, c 0% of 1" in text


class Town:
    """A task whose truth is known: two clusters are easy, two are mixed up, and labelers have known accuracies."""

    def __init__(self) -> None:
        rng = random.Random(7)
        self.truth: dict[int, str] = {}
        self.rows: list[LabelRow] = []
        for number in range(3000):
            truth = rng.choice(NAMES)
            hard = truth in ("c", "d")
            first, second = (self._vote(rng, truth, right) for right in ((0.75, 0.7) if hard else (0.95, 0.9)))
            key = document_key(f"d{number}", "x")
            self.truth[key] = truth
            self.rows.append(row(key, first, second))
        votes = [tuple(str(vote.cluster) for vote in one.consensus.votes) for one in self.rows]
        pairs = [(first, second) for first, second in votes]
        self.agreement = measure_agreement(confusion_matrix(pairs, LABELS), LABELS, resamples=0)

    @staticmethod
    def _vote(rng: random.Random, truth: str, right: float) -> str:
        if rng.random() < right:
            return truth
        return {"a": "b", "b": "a", "c": "d", "d": "c"}[truth] if rng.random() < 0.8 else NONE_FITS

    def accuracy(self, labeler: int) -> float:
        return mean(one.consensus.votes[labeler].cluster == self.truth[one.key] for one in self.rows)

    def confirmed(self) -> float:
        kept = [one for one in self.rows if one.consensus.outcome == "kept"]
        return mean(one.consensus.cluster == self.truth[one.key] for one in kept)

    def review(self, seed: int) -> LabelReview:
        """People who are always right look at a sample."""
        chosen = choose_documents(self.rows, weak_clusters(self.agreement), ReviewSettings(sample=240), seed)
        slices: dict[int, str] = {one.row.key: one.slice for one in chosen}
        return reviewed(self.rows, {key: {"ann": self.truth[key]} for key in slices}, slices)


def test_the_random_slice_estimates_the_whole_task_and_the_value_slices_do_not_bend_it() -> None:
    town = Town()
    reviews = [town.review(seed) for seed in range(40)]
    for labeler in (0, 1):
        true = town.accuracy(labeler)
        estimates = [review.models[labeler].random.raw for review in reviews]
        assert mean(e.value or 0 for e in estimates) == pytest.approx(true, abs=0.02)
        assert mean((e.low or 0) <= true <= (e.high or 0) for e in estimates) >= 0.85
        everything = mean(review.models[labeler].all.raw.value or 0 for review in reviews)
        assert everything < true - 0.05
    true = town.confirmed()
    assert mean(review.confirmed.value or 0 for review in reviews) == pytest.approx(true, abs=0.015)
    assert mean((r.confirmed.low or 0) <= true <= (r.confirmed.high or 0) for r in reviews) >= 0.85
