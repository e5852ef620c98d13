"""The page of an ablation: recipes that differ by one switch, tried on the same splits, beside the paper's figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup

from ..core.training_runs import Trial
from .charts import intervals
from .page import render_page, render_part
from .trials import trial_estimate


class Arm(NamedTuple):
    """A recipe of the ablation: its trials, one a split, and the paper's V by split in [0, 1] (Tables 3 and 4)."""

    name: str
    says: str
    trials: tuple[Trial, ...]
    paper: Mapping[str, float] = {}

    def trial(self, split: str) -> Trial | None:
        return next((trial for trial in self.trials if trial.split == split), None)


def ablation_page(name: str, arms: Sequence[Arm]) -> str:
    """The whole page as one HTML file's text."""
    done = sum(bool(arm.trials) for arm in arms)
    body = render_part("ablation.html", arms=arms, done=done) + ablation_section(arms)
    return render_page(name, body, kicker="Ablation", styles=("training.css",))


def ablation_section(arms: Sequence[Arm]) -> Markup:
    """Table and pictures, for any page. An arm that was not tried has a row that says so."""
    splits = sorted({trial.split for arm in arms for trial in arm.trials} | {s for arm in arms for s in arm.paper})
    tried = [split for split in splits if any(arm.trial(split) for arm in arms)]
    return render_part(
        "ablation_arms.html",
        rows=[(arm, [(split, arm.trial(split), arm.paper.get(split)) for split in splits]) for arm in arms],
        splits=splits,
        with_paper=any(arm.paper for arm in arms),
        pictures=[(split, _picture(split, arms)) for split in tried],
    )


def _picture(split: str, arms: Sequence[Arm]) -> Markup:
    rows = [trial_estimate(trial, arm.name) for arm in arms if (trial := arm.trial(split))]
    return intervals(f"Mean reward on {split}", rows)
