"""Trials as a picture's rows: the mean reward with how sure it is."""

from __future__ import annotations

from ..core.agreement import Interval
from ..core.training_runs import Trial
from .charts import Estimate
from .series import is_drawable

_NORMAL_95 = 1.96


def trial_estimate(trial: Trial, label: str = "") -> Estimate:
    """Mean reward within 1.96 standard errors of it, cut to what a reward can be; labelled with the model's name."""
    name = label or trial.model
    if not is_drawable(trial.reward):
        return Estimate(name, Interval(None, None, None), "not a number")
    if not is_drawable(trial.standard_error):
        return Estimate(name, Interval(trial.reward, None, None))
    wide = _NORMAL_95 * trial.standard_error
    return Estimate(name, Interval(trial.reward, max(0.0, trial.reward - wide), min(1.0, trial.reward + wide)))
