"""Scores a second on one core, the V-measure alone beside scikit-learn's in the same run; run: benchmarks/scoring.py

Completions are valid answers: random clusters for N items, after 1,500 words of reasoning as the paper's models write,
which place each item and list the groups: with a weight for the process all of it is read.
Each figure is the median of five rounds, in CPU time.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

from cluster_r1.core.answer import Answer, render_answer
from cluster_r1.core.scoring import RewardSettings, score_completion, v_measure
from sklearn.metrics import v_measure_score

ROUNDS = 5
WORDS = 1_500


class Rollout(NamedTuple):
    """A completion, the labels in it and the gold labels."""

    text: str
    predicted: list[int]
    gold: list[int]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", "--items", type=int, default=30)
    parser.add_argument("--completions", type=int, default=500)
    arguments = parser.parse_args()
    rollouts = [_rollout(random.Random(seed), arguments.items) for seed in range(arguments.completions)]
    print(f"{len(rollouts)} completions of {arguments.items} items, load average {os.getloadavg()[0]:.2f}")
    scored = _rate(rollouts, lambda rollout: score_completion(rollout.text, rollout.gold))
    weighed = RewardSettings(process=0.5)
    read = _rate(rollouts, lambda rollout: score_completion(rollout.text, rollout.gold, weighed))
    ours = _rate(rollouts, lambda rollout: v_measure(rollout.gold, rollout.predicted))
    theirs = _rate(rollouts, lambda rollout: v_measure_score(rollout.gold, rollout.predicted))
    print(f"score_completion          {scored:>9,.0f} /s")
    print(f"  with process 0.5        {read:>9,.0f} /s")
    print(f"v_measure                 {ours:>9,.0f} /s")
    print(f"v_measure_score (sklearn) {theirs:>9,.0f} /s, v_measure is {ours / theirs:.1f} times as fast")


def _rollout(rng: random.Random, items: int) -> Rollout:
    gold = [rng.randrange(5) for _ in range(items)]
    predicted = [label if rng.random() < 0.7 else rng.randrange(6) for label in gold]
    answer = Answer.from_labels(predicted)
    return Rollout(render_answer(answer, _reasoning(answer)), answer.labels(), gold)


def _reasoning(answer: Answer) -> str:
    because = "because " * (WORDS // answer.size)
    placed = [f"Text {item}: {because}-> group {label}" for item, label in enumerate(answer.labels(), start=1)]
    listed = [f"Group {number}: {list(items)}" for number, items in enumerate(answer.clusters)]
    return "\n".join((*placed, f"So there are {len(answer.clusters)} clusters:", *listed))


def _rate(rollouts: list[Rollout], score: Callable[[Rollout], object]) -> float:
    """Rollouts a second of CPU time."""
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for rollout in rollouts:
            score(rollout)
        times.append(time.process_time() - start)
    return len(rollouts) / statistics.median(times)


if __name__ == "__main__":
    main()
