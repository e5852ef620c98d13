"""The baseline of a trial: vectors of the texts and K-means, which is told K and does not read the instruction.

The paper's embedding baselines are told K too (App. E.1). Words weighed by tf-idf need no model: the least to beat.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import Any, Literal

from ..core.answer import Answer, render_answer
from ..core.scoring import DEFAULT_REWARD, RewardSettings
from ..core.tasks import Example
from ..core.training_runs import RunFolder, Trial
from .data import TrainingRow
from .sampling import Said, SamplingSettings
from .trial import keep_trial

NAME = "tfidf-kmeans"

SEED = 43
"""The paper's `random_state` (App. E.1)."""


Vectors = Callable[[Sequence[str]], Any]
"""Texts as a matrix, (texts, features)."""


def tfidf(texts: Sequence[str]) -> Any:
    words: Any = import_module("sklearn.feature_extraction.text")
    return words.TfidfVectorizer(token_pattern=r"\S+").fit_transform(texts)


def try_kmeans(
    examples: Iterable[Example],
    run: RunFolder,
    split: str,
    reward: RewardSettings = DEFAULT_REWARD,
    name: str = NAME,
    vectors: Vectors = tfidf,
) -> Trial:
    """Cluster each example's texts into as many clusters as gold has; kept beside the trials of models."""
    began = time.monotonic()
    rows: list[TrainingRow] = []
    said: dict[str, list[Said]] = {}
    for example in examples:
        gold = example.gold.labels()
        answer = Answer.from_labels(kmeans(vectors(example.texts), len(set(gold)), starts=10))
        rows.append(TrainingRow(example.id, example.task, [], gold, None))
        said[example.id] = [Said(render_answer(answer), 0)]
    settings = SamplingSettings(temperature=0.0, seed=SEED)
    return keep_trial(run, name, split, rows, said, settings, reward, time.monotonic() - began)


def kmeans(vectors: Any, clusters: int, starts: int | Literal["auto"]) -> list[int]:
    """Each row's cluster. Fewer come out where fewer rows differ, without scikit-learn's warning that says so."""
    cluster: Any = import_module("sklearn.cluster")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Number of distinct clusters")
        return cluster.KMeans(clusters, n_init=starts, random_state=SEED).fit_predict(vectors).tolist()
