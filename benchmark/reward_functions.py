"""The reward as trainers call it: verl's `compute_score` and TRL's `cluster_reward`; standard library only.

`reward_file.py` copies this module, with those of core/ that it builds on, into one file for other environments.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, get_args

from ..core.answer import AnswerErrorKind
from ..core.scoring import DEFAULT_REWARD, RewardSettings, Score, score_completion

SETTINGS = DEFAULT_REWARD

Completion = str | Sequence[Mapping[str, Any]]
LogMetric = Callable[[str, float], None]
LogExtra = Callable[[str, list[str]], None]


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: str,
    extra_info: Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> dict[str, float | str]:
    """verl 0.9, `reward.custom_reward_function`: the score and its factors, under the same keys for every row.

    ground_truth is JSON text {"labels": [gold cluster of each item]}; error is "" for a valid answer, process is 0
    where the settings give it no weight. No key is called "reward": verl writes its own and refuses a second.
    Raises ValueError for another ground truth.
    """
    score = score_completion(solution_str, labels_of_ground_truth(ground_truth), SETTINGS)
    return {
        "score": score.reward,
        "format": score.format,
        "count": score.count,
        "quality": score.quality,
        "process": score.process,
        "k_pred": score.k_pred,
        "k_gold": score.k_gold,
        "error": score.error or "",
    }


def cluster_reward(
    completions: Sequence[Completion],
    labels: Sequence[Sequence[Hashable]],
    log_metric: LogMetric | None = None,
    log_extra: LogExtra | None = None,
    **kwargs: Any,
) -> list[float]:
    """TRL's GRPOTrainer (1.16): a reward for each completion; `labels` is a column of the data set, its gold clusters.

    A completion is a text or a list of messages, of which the last is scored. See `log_scores` for what is logged.
    """
    scores = score_completions(completions, labels, SETTINGS)
    log_scores(scores, SETTINGS, log_metric, log_extra)
    return [score.reward for score in scores]


def score_completions(
    completions: Sequence[Completion], labels: Sequence[Sequence[Hashable]], settings: RewardSettings
) -> list[Score]:
    """Scores in order. Raises ValueError where completions and labels are not as many."""
    rows = zip(completions, labels, strict=True)
    return [score_completion(completion_text(completion), gold, settings) for completion, gold in rows]


def log_scores(
    scores: Sequence[Score], settings: RewardSettings, log_metric: LogMetric | None, log_extra: LogExtra | None
) -> None:
    """Means of the factors, the share of each error kind and, over valid answers, the mean of K predicted - K gold as
    metrics; error kinds and K predicted - K gold ("" for an invalid answer) beside the completions."""
    if log_metric is not None and scores:
        for name, value in _means(scores, settings).items():
            log_metric(name, value)
    if log_extra is not None:
        log_extra("error", [score.error or "" for score in scores])
        log_extra("k_difference", [f"{score.k_pred - score.k_gold:+d}" if score.format else "" for score in scores])


def labels_of_ground_truth(ground_truth: str) -> list[Hashable]:
    """The gold labels in verl's ground truth. Raises ValueError for what is not JSON text {"labels": [...]}."""
    try:
        labels = json.loads(ground_truth)["labels"]
    except (TypeError, ValueError, KeyError) as error:
        raise ValueError(f'the ground truth must be JSON text {{"labels": [...]}}, not {ground_truth!r:.80}') from error
    if not isinstance(labels, list) or not all(isinstance(label, str | int) for label in labels):
        raise ValueError(f"the labels of the ground truth must be a list of names or numbers, not {labels!r:.80}")
    return labels


def completion_text(completion: Completion) -> str:
    """What is scored of a completion. Raises ValueError or TypeError for messages that do not hold it whole."""
    if isinstance(completion, str):
        return completion
    message = completion[-1]
    for key in ("reasoning_content", "thinking"):
        if message.get(key):
            raise ValueError(
                f"the reasoning was moved into {key!r}, tags and all, so that no answer is valid: set the tokenizer's"
                " response_template and response_schema to None, or serve the model without a reasoning parser"
            )
    content = message["content"]
    if not isinstance(content, str):
        raise TypeError(f"the completion's content must be text, not {type(content).__name__}: {content!r:.80}")
    return content


def _means(scores: Sequence[Score], settings: RewardSettings) -> dict[str, float]:
    names = ("format", "count", "quality", *(("process",) if settings.process else ()))
    means = {f"cluster/{name}": sum(getattr(score, name) for score in scores) / len(scores) for name in names}
    for kind in get_args(AnswerErrorKind):
        means[f"cluster/error/{kind}"] = sum(score.error == kind for score in scores) / len(scores)
    if valid := [score.k_pred - score.k_gold for score in scores if score.format]:
        means["cluster/k_difference"] = sum(valid) / len(valid)
    return means
