"""Alarms of a training run: what a person should look at, said once and with what to do about it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

from ..core.training_runs import Alarm, AlarmKind
from .recipe import AlarmSettings

_FINITE = ("loss", "reward", "grad_norm")


class _Watched(NamedTuple):
    """A metric whose mean over the window must not pass its limit."""

    kind: AlarmKind
    metric: str
    below: bool
    says: str


_WATCHED = (
    _Watched(
        "zero_spread",
        "frac_reward_zero_std",
        False,
        "in {value:.0%} of the groups all completions have the same reward, so most of the work teaches nothing: start"
        " from an SFT model, raise the temperature or grpo.rollouts, leave out prompts that are too easy or too hard",
    ),
    _Watched(
        "clipped",
        "completions/clipped_ratio",
        False,
        "{value:.0%} of the completions are cut at the token limit and score 0: raise grpo.max_completion_tokens, or"
        " distill shorter reasoning",
    ),
    _Watched(
        "format",
        "cluster/format",
        True,
        "only {value:.1%} of the completions are valid answers, so there is next to nothing to learn from: run"
        " `cluster-r1 train sft` first, or longer, and read completions.jsonl",
    ),
    _Watched(
        "kl",
        "kl",
        False,
        "the mean KL to the model it started from is {value:.3g} nats, the policy runs away: lower"
        " grpo.learning_rate or raise grpo.beta, and read completions.jsonl",
    ),
)


class AlarmWatch:
    """Looks at each logged step. An alarm is given when a mean passes its limit, and again only after it came back."""

    def __init__(self, settings: AlarmSettings) -> None:
        self._limits: dict[AlarmKind, float] = {
            "zero_spread": settings.zero_spread,
            "clipped": settings.clipped,
            "format": settings.format,
            "kl": settings.kl,
        }
        self._windows: dict[AlarmKind, deque[float]] = {w.kind: deque(maxlen=settings.window) for w in _WATCHED}
        self._open: set[AlarmKind] = set()

    def look(self, step: int, values: Mapping[str, float]) -> list[Alarm]:
        """The alarms of this step; a metric that it does not have is not looked at."""
        found = [self._not_finite(step, values), *(self._mean(step, watched, values) for watched in _WATCHED)]
        return [alarm for alarm in found if alarm is not None]

    def _mean(self, step: int, watched: _Watched, values: Mapping[str, float]) -> Alarm | None:
        value = values.get(watched.metric)
        window, limit = self._windows[watched.kind], self._limits[watched.kind]
        if value is None or not math.isfinite(value):
            return None
        window.append(value)
        if len(window) < (window.maxlen or 1):
            return None
        mean = math.fsum(window) / len(window)
        passed = mean < limit if watched.below else mean >= limit
        says = f"over the last {len(window)} logged steps {watched.says.format(value=mean)}"
        return self._given(passed, Alarm(step=step, kind=watched.kind, value=mean, limit=limit, says=says))

    def _not_finite(self, step: int, values: Mapping[str, float]) -> Alarm | None:
        bad = [name for name in _FINITE if not math.isfinite(values.get(name, 0.0))]
        says = (
            f"{' and '.join(bad)} not a finite number: the weights are lost from here on; lower the learning rate or"
            " max_grad_norm and start again with --restart"
        )
        value = values[bad[0]] if bad else 0.0
        return self._given(bool(bad), Alarm(step=step, kind="not_finite", value=value, limit=0.0, says=says))

    def _given(self, passed: bool, alarm: Alarm) -> Alarm | None:
        """The alarm, when its episode begins."""
        if not passed:
            self._open.discard(alarm.kind)
            return None
        if alarm.kind in self._open:
            return None
        self._open.add(alarm.kind)
        return alarm
