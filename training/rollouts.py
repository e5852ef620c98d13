"""The reward with an ear: it keeps a few completions of each rollout, with their scores, for a person to read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..benchmark.reward_functions import completion_text
from .metrics_log import Rollout


class RecordedReward:
    """Scores as the reward does and keeps up to `keep` completions of the last call, spread over its prompts."""

    __name__ = "cluster_reward"

    def __init__(self, reward: Callable[..., list[float]], keep: int) -> None:
        self._reward = reward
        self._keep = keep
        self._last: list[Rollout] = []

    def __call__(
        self, completions: Sequence[Any], log_extra: Callable[[str, list[str]], None] | None = None, **columns: Any
    ) -> list[float]:
        extra: dict[str, list[str]] = {}

        def heard(name: str, values: list[str]) -> None:
            extra[name] = values
            if log_extra is not None:
                log_extra(name, values)

        rewards = self._reward(completions=completions, log_extra=heard, **columns)
        errors = extra.get("error", [""] * len(rewards))
        stride = max(1, len(rewards) // max(1, self._keep))
        self._last = [
            Rollout(str(columns["id"][place]), completion_text(completions[place]), rewards[place], errors[place])
            for place in range(0, len(rewards), stride)
        ][: self._keep]
        return rewards

    def taken(self) -> list[Rollout]:
        """What was kept since the last time it was asked."""
        last, self._last = self._last, []
        return last
