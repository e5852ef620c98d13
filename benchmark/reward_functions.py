"""The reward as trainers call it: verl's `compute_score` and TRL's `cluster_reward`; standard library only.

`reward_file.py` copies this module, with the two of core/ that it builds on, into one file for other environments.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, get_args

from ..core.answer import AnswerErrorKind
from ..core.scoring import DEFAULT_REWARD, Score, score_completion

SETTINGS = DEFAULT_REWARD


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: str,
    extra_info: Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> dict[str, float | str]:
    """verl 0.9, `reward.custom_reward_function`: the score and its factors, under the same keys for every row.

    ground_truth is JSON text {"labels": [gold cluster of each item]}; error is "" for a valid answer.
    No key is called "reward": verl writes its own and refuses a second. Raises ValueError for another ground truth.
    """
    score = score_completion(solution_str, _gold_labels(ground_truth), SETTINGS)
    return {
        "score": score.reward,
        "format": score.format,
        "count": score.count,
        "quality": score.quality,
        "k_pred": score.k_pred,
        "k_gold": score.k_gold,
        "error": score.error or "",
    }


def cluster_reward(
    completions: Sequence[str | Sequence[Mapping[str, Any]]],
    labels: Sequence[Sequence[Hashable]],
    log_metric: Callable[[str, float], None] | None = None,
    log_extra: Callable[[str, list[str]], None] | None = None,
    **kwargs: Any,
) -> list[float]:
    """TRL's GRPOTrainer (1.16): a reward for each completion; `labels` is a column of the data set, its gold clusters.

    A completion is a text or a list of messages, of which the last is scored. Means of the factors and the share of
    each error kind are logged as metrics, the kinds also beside the completions.
    """
    rows = zip(completions, labels, strict=True)
    scores = [score_completion(_completion_text(completion), gold, SETTINGS) for completion, gold in rows]
    if log_metric is not None and scores:
        for name, value in _means(scores).items():
            log_metric(name, value)
    if log_extra is not None:
        log_extra("error", [score.error or "" for score in scores])
    return [score.reward for score in scores]


def _gold_labels(ground_truth: str) -> list[Hashable]:
    try:
        labels = json.loads(ground_truth)["labels"]
    except (TypeError, ValueError, KeyError) as error:
        raise ValueError(f'the ground truth must be JSON text {{"labels": [...]}}, not {ground_truth!r:.80}') from error
    if not isinstance(labels, list) or not all(isinstance(label, str | int) for label in labels):
        raise ValueError(f"the labels of the ground truth must be a list of names or numbers, not {labels!r:.80}")
    return labels


def _completion_text(completion: str | Sequence[Mapping[str, Any]]) -> str:
    if isinstance(completion, str):
        return completion
    message = completion[-1]
    for key in ("reasoning_content", "thinking"):
        if message.get(key):
            raise ValueError(
                f"the tokenizer's response template moved the reasoning into {key!r}, tags and all, so that no answer"
                " is valid: set the tokenizer's response_template and response_schema to None"
            )
    content = message["content"]
    if not isinstance(content, str):
        raise TypeError(f"the completion's content must be text, not {type(content).__name__}: {content!r:.80}")
    return content


def _means(scores: Sequence[Score]) -> dict[str, float]:
    names = ("format", "count", "quality")
    means = {f"cluster/{name}": sum(getattr(score, name) for score in scores) / len(scores) for name in names}
    for kind in get_args(AnswerErrorKind):
        means[f"cluster/error/{kind}"] = sum(score.error == kind for score in scores) / len(scores)
    return means
