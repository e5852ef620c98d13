"""What is told of the cost ladder's classifier against what it does on fresh texts; run: benchmarks/classifier.py DATA

DATA is a folder as benchmarks/labelled_sets.py reads. Gold labels stand for a model's choices: so many texts of each
set, drawn at random, train and measure the classifier as `--assign hybrid` does; all others are fresh.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from cluster_r1.clustering.assigning import text_vectors
from cluster_r1.clustering.classifier import fit_classifier
from cluster_r1.core.agreement import Interval
from labelled_sets import labelled_texts

TASKS = (("banking77", "intent"), ("clinc150", "intent"), ("clinc150", "domain"))
_TOKENS = 500


def main() -> None:
    arguments = _arguments()
    print("| | held back (95 %) | fresh | sure, share of them, held back | fresh |")
    print("|---|---|---|---|---|")
    for name, labeling in TASKS:
        texts, labels = labelled_texts(Path(arguments.data), name, labeling)
        for embedder in arguments.embedder:
            print(_line(f"{name} {labeling}, {embedder}", texts, labels, embedder, arguments), flush=True)


def _line(what: str, texts: Sequence[str], labels: Sequence[str], embedder: str, arguments: argparse.Namespace) -> str:
    vectors = text_vectors(embedder, _TOKENS)(texts)
    drawn = np.random.default_rng(arguments.seed).permutation(len(texts))
    known, fresh = drawn[: arguments.labelled], drawn[arguments.labelled :]
    classifier, told = fit_classifier(
        vectors[known],
        [labels[row] for row in known],
        embedder=embedder,
        target=arguments.target,
        held_back=0.25,
        seed=arguments.seed,
    )
    choices = classifier.choose(vectors[fresh])
    right = np.array([name == labels[row] for name, row in zip(choices.names, fresh, strict=True)])
    sure = classifier.sure(choices.probability)
    told_sure = f"{_percent(told.sure_accuracy.value)}, {_percent(told.sure_share)}"
    fresh_sure = f"{_percent(right[sure].mean() if sure.any() else None)}, {_percent(sure.mean())}"
    return f"| {what} | {_interval(told.accuracy)} | {_percent(right.mean())} | {told_sure} | {fresh_sure} |"


def _interval(interval: Interval) -> str:
    return f"{_percent(interval.value)} ({_percent(interval.low)} to {_percent(interval.high)})"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="folder of labelled sets")
    parser.add_argument("--embedder", action="append", help="may be given again; default: hashed")
    parser.add_argument("--labelled", type=int, default=1000)
    parser.add_argument("--target", type=float, default=0.9)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    arguments.embedder = arguments.embedder or ["hashed"]
    return arguments


if __name__ == "__main__":
    main()
