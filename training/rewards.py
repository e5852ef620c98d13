"""The reward as this project's own trainer calls it, with the settings of a recipe."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from ..benchmark.reward_functions import Completion, LogExtra, LogMetric, log_scores, score_completions
from ..core.scoring import RewardSettings


class ClusterReward:
    """A reward function for TRL's GRPOTrainer (1.16); it can be pickled, and is logged under the name `cluster_reward`.

    Raises ValueError for settings out of bounds.
    """

    def __init__(self, settings: RewardSettings) -> None:
        settings.check()
        self.__name__ = "cluster_reward"
        self.settings = settings

    def __call__(
        self,
        completions: Sequence[Completion],
        labels: Sequence[Sequence[Hashable]],
        log_metric: LogMetric | None = None,
        log_extra: LogExtra | None = None,
        **kwargs: Any,
    ) -> list[float]:
        """A reward for each completion; `labels` is a column of the data set, its gold clusters; see `log_scores`."""
        scores = score_completions(completions, labels, self.settings)
        log_scores(scores, self.settings, log_metric, log_extra)
        return [score.reward for score in scores]
