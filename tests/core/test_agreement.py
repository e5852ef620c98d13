"""Agreement statistics against scikit-learn, `krippendorff`, published examples and a plain bootstrap."""

from __future__ import annotations

import warnings
from itertools import pairwise

import krippendorff
import numpy as np
import pytest
from cluster_r1.core.agreement import (
    Agreement,
    ClusterAgreement,
    Confusion,
    Interval,
    cohen_kappa,
    confused_pairs,
    confusion_matrix,
    krippendorff_alpha,
    measure_agreement,
    raw_agreement,
)
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import cohen_kappa_score
from sklearn.metrics import confusion_matrix as sklearn_confusion_matrix

Matrix = NDArray[np.int64]
Votes = list[tuple[str, str]]

LABELS = ("a", "b", "c", "d", "none fits")
UNDEFINED = Interval(None, None, None)
SANE = np.array([[60, 8, 2], [5, 40, 9], [1, 6, 69]])


def votes(labels: tuple[str, ...] = LABELS) -> st.SearchStrategy[Votes]:
    label = st.sampled_from(labels)
    return st.lists(st.tuples(label, label) | label.map(lambda name: (name, name)), min_size=1, max_size=80)


def matrices() -> st.SearchStrategy[Matrix]:
    return votes().map(lambda pairs: confusion_matrix(pairs, LABELS))


def kappa_of(matrix: Matrix) -> float:
    return float(cohen_kappa(matrix[None].astype(float))[0])


def alpha_of(matrix: Matrix) -> float:
    return float(krippendorff_alpha(matrix[None].astype(float))[0])


def measured(matrix: Matrix, resamples: int = 1000, seed: int = 0, confidence: float = 0.95) -> Agreement:
    labels = [f"c{i}" for i in range(len(matrix))]
    return measure_agreement(matrix, labels, confidence=confidence, resamples=resamples, seed=seed)


def intervals(agreement: Agreement) -> tuple[Interval, Interval, Interval]:
    return agreement.raw, agreement.kappa, agreement.alpha


def width(interval: Interval) -> float:
    assert interval.low is not None
    assert interval.high is not None
    return interval.high - interval.low


@given(votes())
def test_the_matrix_is_the_one_of_scikit_learn(pairs: Votes) -> None:
    first, second = zip(*pairs, strict=True)
    expected = sklearn_confusion_matrix(first, second, labels=LABELS)
    np.testing.assert_array_equal(confusion_matrix(pairs, LABELS), expected)


@given(votes())
def test_kappa_is_the_one_of_scikit_learn(pairs: Votes) -> None:
    first, second = zip(*pairs, strict=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = cohen_kappa_score(first, second)
    assert kappa_of(confusion_matrix(pairs, LABELS)) == pytest.approx(expected, nan_ok=True)


@given(votes())
def test_alpha_is_the_one_of_krippendorff(pairs: Votes) -> None:
    alpha = alpha_of(confusion_matrix(pairs, LABELS))
    if len({label for pair in pairs for label in pair}) == 1:
        assert np.isnan(alpha)
        return
    data = [[LABELS.index(pair[labeler]) for pair in pairs] for labeler in (0, 1)]
    expected = krippendorff.alpha(reliability_data=data, level_of_measurement="nominal")
    assert alpha == pytest.approx(expected, abs=1e-9)


@given(votes())
def test_raw_agreement_is_the_share_of_equal_votes(pairs: Votes) -> None:
    matrix = confusion_matrix(pairs, LABELS)[None].astype(float)
    assert raw_agreement(matrix)[0] == pytest.approx(sum(a == b for a, b in pairs) / len(pairs))


@given(st.lists(matrices(), min_size=2, max_size=5))
def test_a_batch_gives_what_each_matrix_gives_alone(batch: list[Matrix]) -> None:
    stacked = np.stack(batch).astype(float)
    assert cohen_kappa(stacked) == pytest.approx([kappa_of(matrix) for matrix in batch], nan_ok=True)
    assert krippendorff_alpha(stacked) == pytest.approx([alpha_of(matrix) for matrix in batch], nan_ok=True)


@given(matrices(), st.permutations(range(len(LABELS))))
def test_neither_the_labels_order_nor_who_is_first_matters(matrix: Matrix, order: list[int]) -> None:
    for other in (matrix.T, matrix[np.ix_(order, order)]):
        assert kappa_of(other) == pytest.approx(kappa_of(matrix), nan_ok=True)
        assert alpha_of(other) == pytest.approx(alpha_of(matrix), nan_ok=True)


@pytest.mark.parametrize(
    ("matrix", "kappa"),
    [([[20, 5], [10, 15]], 0.4), ([[45, 15], [25, 15]], 0.1304), ([[25, 35], [5, 35]], 0.2593)],
)
def test_kappa_of_the_textbook_tables(matrix: list[list[int]], kappa: float) -> None:
    assert kappa_of(np.array(matrix)) == pytest.approx(kappa, abs=5e-5)


@pytest.mark.parametrize(
    ("first", "second", "alpha"),
    [("0100000010", "1110010000", 0.095), ("aabbdcccedda", "babbbccceddd", 0.692)],
    ids=["binary", "nominal"],
)
def test_alpha_of_krippendorffs_own_examples(first: str, second: str, alpha: float) -> None:
    matrix = confusion_matrix(zip(first, second, strict=True), sorted({*first, *second}))
    assert alpha_of(matrix) == pytest.approx(alpha, abs=5e-4)


def test_a_table_worked_out_by_hand() -> None:
    agreement = measured(np.array([[4, 1], [2, 3]]), resamples=10)
    assert agreement.raw.value == pytest.approx(7 / 10)
    assert agreement.kappa.value == pytest.approx((7 / 10 - 1 / 2) / (1 - 1 / 2))
    assert agreement.alpha.value == pytest.approx(1 - 19 * 3 * 2 / (2 * 11 * 9))


def test_rows_are_the_first_labelers_votes() -> None:
    assert confusion_matrix([("a", "b"), ("a", "b"), ("b", "b")], ["a", "b"]).tolist() == [[0, 2], [0, 1]]


@pytest.mark.parametrize("pair", [("a", "x"), ("x", "a")])
def test_a_vote_that_is_no_label_is_an_error(pair: tuple[str, str]) -> None:
    with pytest.raises(KeyError, match="x"):
        confusion_matrix([pair], ["a", "b"])


@pytest.mark.parametrize("size", [0, 1, 3])
def test_nothing_is_defined_without_documents(size: int) -> None:
    agreement = measured(np.zeros((size, size), dtype=np.int64))
    assert agreement.documents == 0
    assert intervals(agreement) == (UNDEFINED,) * 3
    assert all(cluster.agreement is None for cluster in agreement.clusters)


def test_one_agreed_document_defines_raw_agreement_only() -> None:
    agreement = measured(np.array([[1, 0], [0, 0]]))
    assert intervals(agreement) == (Interval(1, 1, 1), UNDEFINED, UNDEFINED)


def test_one_split_document_is_no_agreement() -> None:
    agreement = measured(np.array([[0, 1], [0, 0]]))
    assert intervals(agreement) == (Interval(0, 0, 0),) * 3


@pytest.mark.parametrize("matrix", [[[50]], [[50, 0], [0, 0]]])
def test_one_label_only_leaves_chance_corrected_agreement_undefined(matrix: list[list[int]]) -> None:
    agreement = measured(np.array(matrix))
    assert agreement.raw == Interval(1, 1, 1)
    assert agreement.kappa == agreement.alpha == UNDEFINED


def test_perfect_agreement_is_one() -> None:
    assert intervals(measured(np.diag([10, 20, 5]))) == (Interval(1, 1, 1),) * 3


def test_perfect_disagreement_of_two_labels_is_minus_one() -> None:
    agreement = measured(np.array([[0, 50], [50, 0]]))
    assert agreement.raw == Interval(0, 0, 0)
    assert agreement.kappa.value == pytest.approx(-1)
    assert agreement.alpha.value == pytest.approx(-1 + 2 / 200, abs=1e-3)


def test_independent_votes_agree_by_chance() -> None:
    agreement = measured(np.full((4, 4), 25))
    assert agreement.raw.value == pytest.approx(0.25)
    assert agreement.kappa.value == pytest.approx(0)
    assert agreement.alpha.value == pytest.approx(0, abs=2e-3)


@pytest.mark.parametrize("rare", [1, 2])
def test_a_rare_cluster_in_a_large_corpus_is_still_chance_corrected(rare: int) -> None:
    assert kappa_of(np.array([[500_000 - rare, 0], [0, rare]])) == pytest.approx(1)
    assert alpha_of(np.array([[500_000 - rare, 0], [0, rare]])) == pytest.approx(1)


@given(matrices())
def test_an_interval_is_in_order_and_within_the_statistics_range(matrix: Matrix) -> None:
    for interval in intervals(measured(matrix, resamples=200)):
        if interval != UNDEFINED:
            assert -1 - 1e-9 <= interval.low <= interval.high <= 1 + 1e-9


def test_intervals_contain_the_value() -> None:
    for interval in intervals(measured(SANE)):
        assert interval.low < interval.value < interval.high


def test_intervals_shrink_with_more_documents() -> None:
    sizes = [intervals(measured(SANE * factor)) for factor in (1, 4, 16)]
    for smaller, larger in pairwise(sizes):
        for narrow, wide in zip(larger, smaller, strict=True):
            assert width(narrow) == pytest.approx(width(wide) / 2, rel=0.15)


def test_intervals_widen_with_confidence() -> None:
    half, most, nearly_all = (intervals(measured(SANE, confidence=c)) for c in (0.5, 0.9, 0.99))
    assert all(width(a) < width(b) < width(c) for a, b, c in zip(half, most, nearly_all, strict=True))


def test_intervals_are_reproducible_by_seed() -> None:
    assert measured(SANE, seed=3) == measured(SANE, seed=3)
    assert measured(SANE, seed=3).kappa != measured(SANE, seed=4).kappa
    assert measured(SANE, seed=3).kappa.value == measured(SANE, seed=4).kappa.value


def plain_kappa(first: NDArray[np.int64], second: NDArray[np.int64]) -> float:
    observed = np.mean(first == second)
    chance = sum(np.mean(first == label) * np.mean(second == label) for label in range(len(SANE)))
    return float((observed - chance) / (1 - chance))


def test_intervals_are_those_of_resampling_documents() -> None:
    first, second = np.repeat(np.indices(SANE.shape).reshape(2, -1), SANE.ravel(), axis=1)
    rng = np.random.default_rng(11)
    samples = [rng.integers(len(first), size=len(first)) for _ in range(4000)]
    naive = np.quantile([plain_kappa(first[rows], second[rows]) for rows in samples], [0.025, 0.975])
    agreement = measured(SANE, resamples=4000)
    assert (agreement.kappa.low, agreement.kappa.high) == pytest.approx(tuple(naive), abs=0.01)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_no_resamples_give_the_value_without_an_interval() -> None:
    assert measured(SANE, resamples=0).raw == Interval(pytest.approx(169 / 200), None, None)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_bound_is_never_nan() -> None:
    bounds = [measured(np.array([[1, 1], [0, 0]]), resamples=1, seed=seed).kappa[1:] for seed in range(20)]
    assert not any(np.isnan(bound) for pair in bounds for bound in pair if bound is not None)


def test_per_cluster_numbers() -> None:
    agreement = measure_agreement(np.array([[4, 1, 0], [2, 3, 0], [0, 0, 0]]), ["a", "b", "c"], resamples=10)
    assert agreement.clusters == (
        ClusterAgreement("a", 4, 7, pytest.approx(4 / 7)),
        ClusterAgreement("b", 3, 6, pytest.approx(3 / 6)),
        ClusterAgreement("c", 0, 0, None),
    )


@given(votes())
def test_per_cluster_numbers_count_votes(pairs: Votes) -> None:
    agreement = measure_agreement(confusion_matrix(pairs, LABELS), LABELS, resamples=1)
    for cluster in agreement.clusters:
        assert cluster.both == pairs.count((cluster.cluster, cluster.cluster))
        assert cluster.either == sum(cluster.cluster in pair for pair in pairs)


def test_the_report_repeats_what_it_was_computed_from() -> None:
    agreement = measure_agreement(SANE, ["x", "y", "z"], confidence=0.9, resamples=50)
    assert agreement.documents == 200
    assert agreement.labels == ("x", "y", "z")
    assert np.array_equal(agreement.matrix, SANE)
    assert (agreement.confidence, agreement.resamples) == (0.9, 50)


@pytest.mark.parametrize("matrix", [SANE, np.zeros((2, 2), dtype=np.int64), np.array([[5, 0], [0, 0]])])
def test_a_report_survives_json(matrix: Matrix) -> None:
    agreement = measured(matrix, resamples=50)
    assert Agreement.model_validate_json(agreement.model_dump_json()) == agreement


def test_confused_pairs_come_most_confused_first() -> None:
    matrix = np.array([[10, 4, 0, 0], [6, 10, 0, 1], [0, 0, 1, 3], [0, 0, 0, 0]])
    assert confused_pairs(matrix, "abcd") == [
        Confusion("c", "d", 3, 3 / 4),
        Confusion("a", "b", 10, 10 / 30),
        Confusion("b", "d", 1, 1 / 11),
    ]


def test_pairs_of_one_share_come_by_documents_and_then_by_name() -> None:
    matrix = np.zeros((6, 6), dtype=np.int64)
    for (row, column), count in {(0, 1): 2, (3, 2): 5, (4, 5): 2}.items():
        matrix[row, column] = count
    assert [pair[:3] for pair in confused_pairs(matrix, "feabdc")] == [("a", "b", 5), ("d", "c", 2), ("f", "e", 2)]


def test_labelers_who_agree_confuse_nothing() -> None:
    assert confused_pairs(np.diag([3, 4]), ["a", "b"]) == []


@given(matrices())
def test_every_split_document_is_in_one_pair(matrix: Matrix) -> None:
    pairs = confused_pairs(matrix, LABELS)
    assert sum(pair.documents for pair in pairs) == matrix.sum() - np.trace(matrix)
    assert len({frozenset(pair[:2]) for pair in pairs}) == len(pairs)
    assert all(0 < pair.share <= 1 for pair in pairs)
    assert [pair.share for pair in pairs] == sorted((pair.share for pair in pairs), reverse=True)
    assert confused_pairs(matrix.T, LABELS) == pairs
