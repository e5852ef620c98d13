"""kill -9 of `cluster-r1 eval run` at random points, then a clean finish."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pytest
from cluster_r1.benchmark.files import EVALUATION
from cluster_r1.core.evaluation import AnswerScore, Completion, EvaluationFolder
from cluster_r1.core.json_lines import read_lines
from cluster_r1.eval.entries import read_info
from cluster_r1.llm.testing.endpoint import endpoint_process
from killing import kill_and_finish
from small_benchmark import COLOURS, TEXTS_A_CLUSTER, SmallBenchmark

EXAMPLES = 400
CONCURRENCY = 8
KILLS = 6


def many_examples() -> SmallBenchmark:
    """No two of them ask the same."""
    small = SmallBenchmark()
    numbers = {text.document_id: place for place, text in enumerate(small.texts)}
    triples = list(itertools.combinations(range(TEXTS_A_CLUSTER), 3))
    for place in range(EXAMPLES - sum(len(small.splits[split]) for split in EVALUATION)):
        chosen = {
            colour: [numbers[f"chat-2-{colour}-{text}"] for text in triples[(place + place // 120 * turn) % 120]]
            for turn, colour in enumerate(COLOURS)
        }
        small.add("c2", "chat-2", chosen)
    return small


@pytest.mark.slow
def test_kills_lose_no_answer_and_pay_again_only_what_was_in_flight(tmp_path: Path) -> None:
    benchmark = many_examples().write(tmp_path / "benchmark")
    command = [sys.executable, "-m", "cluster_r1", "-C", str(tmp_path), "eval", "run", "--model", "stand-in"]
    faults = {"every_429": 50, "retry_after_ms": 20, "every_garbage": 60}
    with endpoint_process(latency_s=0.05, slots=CONCURRENCY, **faults) as endpoint:
        command += ["--base-url", endpoint.base_url, "--benchmark", str(benchmark.folder)]
        command += ["--concurrency", str(CONCURRENCY)]

        def start() -> subprocess.Popen[bytes]:
            return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

        stats = kill_and_finish(start, endpoint.stats, KILLS, 0.2, 20261)
    folder = EvaluationFolder(tmp_path / "evals").entry("stand-in")
    info = read_info(folder)
    assert info is not None
    assert (info.examples, info.unanswered) == (EXAMPLES, {})
    answered = [one.example for one in read_lines(folder.completions, Completion)]
    assert len(answered) == len(set(answered)) == EXAMPLES
    assert [score.example for score in read_lines(folder.scores, AnswerScore)] == answered
    assert stats.duplicates <= KILLS * CONCURRENCY
