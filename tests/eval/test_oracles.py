"""Oracles over a benchmark: known answers get their known scores, all the way from the prompt to the leaderboard."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from cluster_r1.benchmark.files import EVALUATION, Benchmark
from cluster_r1.core.evaluation import AnswerScore, EvaluationFolder
from cluster_r1.core.json_lines import read_lines
from cluster_r1.eval.entries import Order
from cluster_r1.eval.leaderboard import leaderboard
from cluster_r1.eval.oracles import ORACLES, Oracle, run_oracle
from cluster_r1.graphs.progress import Silent
from small_benchmark import SmallBenchmark


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> Benchmark:
    return SmallBenchmark().write(tmp_path_factory.mktemp("benchmark"))


@pytest.fixture(scope="module")
def evaluation(benchmark: Benchmark, tmp_path_factory: pytest.TempPathFactory) -> EvaluationFolder:
    folder = EvaluationFolder(tmp_path_factory.mktemp("evals"))
    for oracle in ORACLES:
        run_oracle(oracle, benchmark, folder, Order(samples=40 if oracle == "shuffled" else 1), Silent())
    return folder


def scores(evaluation: EvaluationFolder, oracle: Oracle) -> list[AnswerScore]:
    return list(read_lines(evaluation.entry(f"oracle-{oracle}").scores, AnswerScore))


def test_gold_gets_one_in_every_measure(evaluation: EvaluationFolder, benchmark: Benchmark) -> None:
    found = scores(evaluation, "gold")
    assert len(found) == sum(len(list(benchmark.records(split))) for split in EVALUATION)
    for score in found:
        assert (score.error, score.v, score.homogeneity, score.completeness) == ("", 1, 1, 1)
        assert (score.ari, score.ami, score.k_pred) == (pytest.approx(1), pytest.approx(1), score.k_gold)


def test_one_cluster_is_complete_and_not_homogeneous(evaluation: EvaluationFolder) -> None:
    for score in scores(evaluation, "one-cluster"):
        assert (score.v, score.homogeneity, score.completeness, score.k_pred) == (0, 0, 1, 1)
        assert (score.ari, score.ami) == (pytest.approx(0), pytest.approx(0, abs=1e-12))


def test_singletons_are_homogeneous_and_as_complete_as_the_entropies_say(
    evaluation: EvaluationFolder, benchmark: Benchmark
) -> None:
    labels = {record.id: record.labels for split in EVALUATION for record in benchmark.records(split)}
    for score in scores(evaluation, "singletons"):
        shares = [count / score.n for count in Counter(labels[score.example]).values()]
        completeness = -sum(share * math.log(share) for share in shares) / math.log(score.n)
        assert score.homogeneity == 1
        assert score.completeness == pytest.approx(completeness)
        assert score.v == pytest.approx(2 * completeness / (1 + completeness))
        assert score.ari == pytest.approx(0)


def test_a_random_deal_is_worth_nothing_once_chance_is_taken_off(evaluation: EvaluationFolder) -> None:
    found = scores(evaluation, "shuffled")
    assert all(score.k_pred == score.k_gold and not score.error for score in found)
    for measure in ("ari", "ami"):
        assert abs(sum(getattr(score, measure) for score in found) / len(found)) < 0.05
    assert sum(score.v for score in found) / len(found) > 0.1  # V is not adjusted for chance


def test_the_leaderboard_puts_gold_first_and_one_cluster_last(
    evaluation: EvaluationFolder, benchmark: Benchmark
) -> None:
    board = leaderboard(evaluation, benchmark, resamples=200)
    first, last = board.standings[0], board.standings[-1]
    assert (first.info.name, first.weighted, first.macro) == ("oracle-gold", (1, 1, 1), (1, 1, 1))
    assert (last.info.name, last.weighted.value) == ("oracle-one-cluster", 0)
    assert all(standing.valid.value == 1 for standing in board.standings)


def test_asking_again_changes_nothing(evaluation: EvaluationFolder, benchmark: Benchmark) -> None:
    folder = evaluation.entry("oracle-shuffled")
    before = folder.completions.read_bytes(), folder.scores.read_bytes()
    run_oracle("shuffled", benchmark, evaluation, Order(samples=40), Silent())
    assert (folder.completions.read_bytes(), folder.scores.read_bytes()) == before
