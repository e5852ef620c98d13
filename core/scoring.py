"""Scores of an answer against gold clusters: format, count, V-measure and the reward of them (paper §5.2, App. G).

    reward    = format * cluster                            Eq. 3
    format    = 1 for a valid answer, else 0                Eq. 4
    cluster   = count and quality, composed                 Eq. 5
    count     = exp(-decay * |K_predicted - K_gold|)        Eq. 6
    quality   = V-measure                                   Eq. 7, 10-12

With a weight w for the agreement between reasoning and answer (`process.py`, ours after App. I.3), the reward is that
times 1 - w * (1 - process): a perfect answer with reasoning that agrees still gets exactly 1, and nothing gets more
than without it.

The formulas are blank in the text that we have: that Eq. 3 is a product and the shape of Eq. 5 and 6 are our reading.
Standard library only, so that `benchmark/reward_file.py` can hand these lines to trainers as a file of their own.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import Literal, NamedTuple, get_args

from .answer import AnswerError, AnswerErrorKind, parse_answer, reasoning_of
from .process import read_process

Composition = Literal["product", "harmonic", "sum"]

_COMPOSITIONS: tuple[Composition, ...] = get_args(Composition)


class RewardSettings(NamedTuple):
    """How the factors become one reward; a perfect answer (whose reasoning agrees) gets exactly 1 whatever is set here.

    composition: product as §5.2 says; harmonic and sum are the (harmonic) mean, sum after the wording of App. I.3.
    epsilon: added to both factors, so that one that is 0 leaves the other visible (Eq. 5; 1e-3 is our choice); >= 0.
    decay: lambda of Eq. 6 (0.5 is our choice); >= 0.
    process: weight of the agreement between reasoning and answer (App. I.3, `process.py`), in [0, 1]; 0 is the paper's.
    """

    # A frozen dataclass would not load in verl, which runs the reward file without an entry in sys.modules.
    composition: Composition = "product"
    epsilon: float = 1e-3
    decay: float = 0.5
    process: float = 0.0

    def check(self) -> None:
        """Raises ValueError for an unknown composition and for numbers out of bounds."""
        if self.composition not in _COMPOSITIONS:
            raise ValueError(f"unknown composition {self.composition!r}: choose one of {', '.join(_COMPOSITIONS)}")
        if not (0 <= self.epsilon < math.inf and 0 <= self.decay < math.inf):
            raise ValueError(f"epsilon and decay must be finite and not negative: {self!r}")
        if not 0 <= self.process <= 1:
            raise ValueError(f"process must be from 0 to 1: {self!r}")


DEFAULT_REWARD = RewardSettings()


class VMeasure(NamedTuple):
    """V-measure and its halves, each in [0, 1] (Eq. 10-12)."""

    homogeneity: float
    completeness: float
    value: float


class Score(NamedTuple):
    """A completion's score. An invalid one has an error kind and 0 everywhere but in k_gold and n (App. I.1).

    process is 0 where the settings give it no weight, for it is then not computed.
    """

    reward: float
    format: Literal[0, 1]
    count: float  # pyright: ignore[reportIncompatibleMethodOverride]
    quality: float
    k_pred: int
    k_gold: int
    n: int
    error: AnswerErrorKind | None
    process: float = 0.0


def score_completion(text: str, gold_labels: Sequence[Hashable], settings: RewardSettings = DEFAULT_REWARD) -> Score:
    """Score a model's whole response for items whose gold clusters are given in item order (Eq. 3).

    Whatever the text is, it gets a score. Raises ValueError for empty gold labels and for settings out of bounds.
    """
    settings.check()
    k_gold, n = len(set(gold_labels)), len(gold_labels)
    if not n:
        raise ValueError("the gold labels are empty: give the gold cluster of each item, in item order")
    try:
        answer = parse_answer(text, n)
    except AnswerError as error:
        return Score(0.0, 0, 0.0, 0.0, 0, k_gold, n, error.kind)
    k_pred = len(answer.clusters)
    count = math.exp(-settings.decay * abs(k_pred - k_gold))
    quality = v_measure(gold_labels, answer.labels()).value
    value = _composed(count, quality, settings)
    process = read_process(reasoning_of(text), answer).value if settings.process else 0.0
    if settings.process:
        value *= 1 - settings.process * (1 - process)
    return Score(value, 1, count, quality, k_pred, k_gold, n, None, process)


def reward(text: str, gold_labels: Sequence[Hashable], settings: RewardSettings = DEFAULT_REWARD) -> float:
    """The reward alone, in [0, 1]; see `score_completion`."""
    return score_completion(text, gold_labels, settings).reward


def v_measure(gold: Sequence[Hashable], predicted: Sequence[Hashable]) -> VMeasure:
    """V-measure of two labelings of the same items (App. G); a half is 1 where its entropy is 0, as in scikit-learn.

    Names and order of clusters and items do not matter, to the last bit. Raises ValueError for unequal lengths.
    """
    joint = Counter(zip(gold, predicted, strict=True))
    classes, clusters = Counter(gold), Counter(predicted)
    homogeneity = _explained(classes.values(), ((m, clusters[cluster]) for (_, cluster), m in joint.items()))
    completeness = _explained(clusters.values(), ((m, classes[label]) for (label, _), m in joint.items()))
    return VMeasure(homogeneity, completeness, _harmonic_mean(homogeneity, completeness))


def _composed(count: float, quality: float, settings: RewardSettings) -> float:
    """Eq. 5: both factors plus epsilon, scaled so that 1 stays 1 to the last bit."""
    first, second = ((factor + settings.epsilon) / (1 + settings.epsilon) for factor in (count, quality))
    if settings.composition == "product":
        return first * second
    if settings.composition == "harmonic":
        return _harmonic_mean(first, second)
    return (first + second) / 2


def _explained(sizes: Iterable[int], parts: Iterable[tuple[int, int]]) -> float:
    """Eq. 10 and 11, 1 - H(A|B) / H(A): sizes of A's groups; (items shared with a group of B, that group's size)."""
    ordered = list(sizes)
    n = sum(ordered)
    entropy = _entropy(n, ((size, n) for size in ordered))
    return max(0.0, 1 - _entropy(n, parts) / entropy) if entropy else 1.0


def _entropy(n: int, parts: Iterable[tuple[int, int]]) -> float:
    """Nats; fsum, because a sum that depends on the order would give equal partitions unequal scores."""
    return -math.fsum(m / n * math.log(m / whole) for m, whole in parts)


def _harmonic_mean(first: float, second: float) -> float:
    total = first + second
    return 2 * first * second / total if total else 0.0
