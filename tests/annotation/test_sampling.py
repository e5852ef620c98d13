"""The sample for people: a random slice without bias, the rest for value, the same whatever the order of the labels."""

from __future__ import annotations

import random
import weakref
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from cluster_r1.annotation.sampling import Chosen, choose_documents, weak_clusters
from cluster_r1.core.agreement import confusion_matrix, measure_agreement
from cluster_r1.core.consensus import Assignment, Consensus, decide
from cluster_r1.core.documents import document_key
from cluster_r1.core.human import HumanLabel
from cluster_r1.core.labels import LabelRow
from cluster_r1.core.settings import ReviewSettings
from cluster_r1.core.taxonomy import NONE_FITS
from hypothesis import given
from hypothesis import strategies as st

CLUSTERS = ("a", "b", "c", "d")


def row(number: int, first: str | None, second: str | None) -> LabelRow:
    name = f"d{number}"
    votes = [Assignment(labeler=who, cluster=c) for who, c in (("labeler_a", first), ("labeler_b", second))]
    return LabelRow(document_key(name, name), number, False, decide(name, votes[0], votes[1]))


def labelled(one: LabelRow) -> LabelRow:
    human = HumanLabel(
        document_id=one.consensus.document_id,
        key=one.key,
        cluster="a",
        authors=("ann",),
        rule="single",
        slice="random",
        at="2026-11-21",
    )
    return one._replace(human=human)


def review(sample: int = 40, random_share: float = 0.5) -> ReviewSettings:
    return ReviewSettings(sample=sample, random_share=random_share)


def corpus(size: int = 1000, seed: int = 1) -> list[LabelRow]:
    """Every tenth is a conflict, most of them between a and b; every hundredth fits nowhere or has no answer."""
    rng = random.Random(seed)
    rows = []
    for number in range(size):
        kind = rng.random()
        if kind < 0.01:
            rows.append(row(number, NONE_FITS, NONE_FITS))
        elif kind < 0.02:
            rows.append(row(number, "a", None))
        elif kind < 0.1:
            rows.append(row(number, *rng.choice([("a", "b"), ("b", "a")])))
        elif kind < 0.12:
            rows.append(row(number, *rng.sample(CLUSTERS, 2)))
        else:
            name = rng.choice(CLUSTERS)
            rows.append(row(number, name, name))
    return rows


def by_slice(chosen: list[Chosen]) -> Counter[str]:
    return Counter(one.slice for one in chosen)


votes = st.sampled_from([*CLUSTERS, NONE_FITS, None])


@given(
    st.lists(st.tuples(votes, votes, st.booleans()), max_size=60),
    st.integers(1, 30),
    st.floats(0, 1),
    st.integers(0, 3),
    st.randoms(use_true_random=False),
)
def test_any_labels_give_one_sample_whatever_their_order(
    pairs: list[tuple[str | None, str | None, bool]], sample: int, share: float, seed: int, rng: random.Random
) -> None:
    rows = [row(n, first, second) for n, (first, second, _) in enumerate(pairs)]
    rows = [labelled(one) if human else one for one, (_, _, human) in zip(rows, pairs, strict=True)]
    chosen = choose_documents(rows, ("a", "b"), review(sample, share), seed)
    shuffled = rng.sample(rows, len(rows))
    assert choose_documents(shuffled, ("a", "b"), review(sample, share), seed) == chosen
    keys = [one.row.key for one in chosen]
    assert len(set(keys)) == len(keys) <= sample
    answered = [one for one in rows if one.consensus.outcome != "unanswered"]
    worth = [one for one in answered if one.human is None and one.final_cluster not in ("c", "d")]
    places = min(sample - round(share * sample), len(worth))
    assert by_slice(chosen)["random"] == min(len(answered), sample - places)
    assert not [one for one in chosen if one.row.consensus.outcome == "unanswered"]
    assert {one.row.consensus.cluster for one in chosen if one.slice == "weak"} <= {"a", "b"}
    hard = {one.row.consensus.outcome for one in chosen if one.slice == "conflict"}
    assert hard <= {"conflict", "none_fits"}
    assert not [one for one in chosen if one.slice != "random" and one.row.human is not None]


def test_every_answered_document_is_drawn_at_random_with_the_same_chance() -> None:
    rows = corpus(400)
    drawn: Counter[str] = Counter()
    for seed in range(200):
        chosen = choose_documents(rows, ("a",), review(80), seed)
        drawn.update(one.row.consensus.outcome for one in chosen if one.slice == "random")
    answered = Counter(one.consensus.outcome for one in rows if one.consensus.outcome != "unanswered")
    for outcome, count in answered.items():
        expected = 200 * 40 * count / answered.total()
        assert drawn[outcome] == pytest.approx(expected, abs=5 * expected**0.5)


def test_other_seeds_give_other_samples() -> None:
    first, second = (choose_documents(corpus(), (), review(), seed) for seed in (1, 2))
    assert {one.row.key for one in first} != {one.row.key for one in second}


def test_conflicts_are_spread_over_the_pairs_that_are_confused() -> None:
    chosen = choose_documents(corpus(3000), (), review(40, 0.0), 0)
    pairs = Counter(frozenset(vote.cluster for vote in one.row.consensus.votes) for one in chosen)
    assert len(pairs) == 6
    assert max(pairs.values()) - min(pairs.values()) <= 1


def test_kept_documents_of_weak_clusters_have_a_third_of_the_places_for_value_and_what_conflicts_leave() -> None:
    rows = corpus(3000)
    assert by_slice(choose_documents(rows, ("b", "c"), review(60), 0)) == {"random": 30, "conflict": 20, "weak": 10}
    few = [one for one in rows if one.consensus.outcome == "kept"] + [row(9999, "a", "b")]
    chosen = choose_documents(few, ("b", "c"), review(60), 0)
    assert by_slice(chosen) in ({"random": 30, "conflict": 1, "weak": 29}, {"random": 30, "weak": 30})
    clusters = Counter(one.row.consensus.cluster for one in chosen if one.slice == "weak")
    assert abs(clusters["b"] - clusters["c"]) <= 1


def test_conflicts_take_all_the_places_when_no_cluster_is_weak() -> None:
    assert by_slice(choose_documents(corpus(3000), (), review(60), 0)) == {"random": 30, "conflict": 30}


def test_documents_that_fit_nowhere_come_when_places_are_left() -> None:
    rows = [row(n, NONE_FITS, NONE_FITS) for n in range(50)] + [row(n, "a", "b") for n in range(50, 53)]
    chosen = choose_documents(rows, (), review(10, 0.0), 0)
    outcomes = Counter(one.row.consensus.outcome for one in chosen)
    assert outcomes == {"conflict": 3, "none_fits": 7}
    assert by_slice(chosen) == {"conflict": 10}


def test_the_place_in_the_order_tells_nothing_of_the_slice() -> None:
    first_half: Counter[str] = Counter()
    for seed in range(100):
        chosen = choose_documents(corpus(), ("a",), review(60), seed)
        first_half.update(one.slice for one in chosen[:30])
    assert first_half["random"] / first_half.total() == pytest.approx(0.5, abs=0.04)


def test_no_more_labels_are_held_than_the_sample_needs() -> None:
    met: list[weakref.ref[Consensus]] = []
    held: list[int] = []

    def passing() -> Iterator[LabelRow]:
        for number in range(3000):
            made = row(number, *random.Random(number).sample(CLUSTERS, 2))
            met.append(weakref.ref(made.consensus))
            yield made
            if number % 500 == 499:
                held.append(sum(reference() is not None for reference in met))

    assert len(choose_documents(passing(), (), review(20), 0)) == 20
    assert max(held) < 40


def test_weak_clusters_are_the_quarter_with_the_least_agreement() -> None:
    labels = (*"abcdefgh", "unused", NONE_FITS)
    pairs = [(name, name) for name in "abcdefgh" for _ in range(10)]
    pairs += [("a", "b")] * 8 + [("c", "b")] * 4 + [(NONE_FITS, "d")] + [(NONE_FITS, "unused")]
    agreement = measure_agreement(confusion_matrix(pairs, labels), labels, resamples=0)
    assert weak_clusters(agreement) == ("b", "a")
    assert weak_clusters(agreement, share=0.5) == ("b", "a", "c", "d")


def test_no_cluster_is_weak_when_the_labelers_always_agree() -> None:
    labels = ("a", "b", NONE_FITS)
    assert weak_clusters(measure_agreement(np.diag([3, 4, 0]), labels, resamples=0)) == ()
