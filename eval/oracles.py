"""Oracles: entries whose scores are known beforehand, so that a leaderboard can be checked (and has its floor and top).

gold         the gold clusters: 1 in every measure
shuffled     the gold clusters, dealt to the texts at random: about 0 in what is adjusted for chance
one-cluster  all texts together: homogeneity 0, completeness 1
singletons   every text alone: homogeneity 1
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, get_args

from ..benchmark.files import Benchmark
from ..core.answer import Answer, render_answer
from ..core.evaluation import Completion, EntryInfo, EvaluationFolder
from ..graphs.progress import Progress
from .entries import Order, entry_plan, open_entry

Oracle = Literal["gold", "shuffled", "one-cluster", "singletons"]
ORACLES: tuple[Oracle, ...] = get_args(Oracle)
_VERSION = 1

_SAYS: Mapping[Oracle, str] = {
    "gold": "knows the gold clusters",
    "shuffled": "knows the sizes of the gold clusters and deals the texts at random",
    "one-cluster": "puts all texts into one cluster",
    "singletons": "gives every text a cluster of its own",
}


def run_oracle(
    oracle: Oracle,
    benchmark: Benchmark,
    evaluation: EvaluationFolder,
    order: Order,
    progress: Progress,
    replace: bool = False,
) -> EntryInfo:
    """Answer every example as the oracle does; the entry is named after it."""
    answer = _ANSWERS[oracle]
    decides = {"oracle": oracle, "version": _VERSION}
    plan = entry_plan(benchmark, f"oracle-{oracle}", "oracle", _SAYS[oracle], decides)
    with open_entry(evaluation, plan, benchmark, order, replace) as opened:
        owed = opened.owed()
        progress.stage(plan.name, len(owed))
        for asked in owed:
            labels = answer(asked.record.labels, random.Random(f"{asked.record.id}:{asked.sample}"))
            text = render_answer(Answer.from_labels(labels))
            opened.add(Completion(example=asked.record.id, sample=asked.sample, text=text))
            progress.advance()
    return opened.info


def _shuffled(labels: Sequence[str], rng: random.Random) -> Sequence[str]:
    return rng.sample(labels, len(labels))


_ANSWERS: Mapping[Oracle, Callable[[Sequence[str], random.Random], Sequence[str] | Sequence[int]]] = {
    "gold": lambda labels, _: labels,
    "shuffled": _shuffled,
    "one-cluster": lambda labels, _: [0] * len(labels),
    "singletons": lambda labels, _: range(len(labels)),
}
