"""An ablation's result as a Markdown table and as a page, beside the paper's figures."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.evaluation import EVALUATED
from ..core.training_runs import AblationArm, AblationResult, PaperFigure
from ..reports.ablation import Arm, ablation_page

_NOTE = """\
V is the mean V-measure in percent, an invalid answer counting as 0; ± is one standard error of the mean reward over
examples. The paper's figures are those of its Tables {tables}, for other models on other data: compare how the recipes
stand to each other, not the values."""


def ablation_markdown(result: AblationResult) -> str:
    """The arms that are done, one a row, and what the paper has for them."""
    models = sorted({figure.model for figure in result.paper}, key=lambda model: int(model.rstrip("B")))
    heads = [f"V {split}" for split in EVALUATED] + ["valid answers", "reward", "updates", "seconds"]
    heads += [f"paper {model}: {' / '.join(EVALUATED)}" for model in models]
    rows = [
        [arm.says, *_own(arm), *(_theirs(arm.name, model, result.paper) for model in models)] for arm in result.arms
    ]
    table = [["recipe", *heads], ["---", *("---:" for _ in heads)], *rows]
    lines = [f"| {' | '.join(row)} |" for row in table]
    tables = " and ".join(str(number) for number in sorted({figure.table for figure in result.paper}))
    title = f"# Ablation of {result.recipe} on {result.benchmark}, seed {result.seed}"
    return "\n".join([title, "", *lines, "", _NOTE.format(tables=tables), ""])


def ablation_report(result: AblationResult) -> str:
    """The page; beside each arm stand the paper's figures for its smaller model."""
    arms = [Arm(arm.says, "", arm.trials, _shares(arm.name, result.paper)) for arm in result.arms]
    return ablation_page(f"{result.recipe} on {result.benchmark}", arms)


def _own(arm: AblationArm) -> list[str]:
    by_split = {trial.split: trial for trial in arm.trials}
    tried = [by_split[split] for split in EVALUATED if split in by_split]
    quality = [f"{100 * by_split[split].quality:.1f}" if split in by_split else "" for split in EVALUATED]
    valid = " / ".join(f"{100 * trial.format:.0f} %" for trial in tried)
    reward = " / ".join(f"{trial.reward:.2f} ± {trial.standard_error:.2f}" for trial in tried)
    return [*quality, valid, reward, f"{arm.steps:,}", f"{arm.seconds:,.0f}"]


def _theirs(arm: str, model: str, paper: Sequence[PaperFigure]) -> str:
    found = next((figure for figure in paper if (figure.arm, figure.model) == (arm, model)), None)
    return "" if found is None else f"{found.c0:.1f} / {found.c1:.1f} / {found.c2:.1f}"


def _shares(arm: str, paper: Sequence[PaperFigure]) -> dict[str, float]:
    found = next((figure for figure in paper if figure.arm == arm), None)
    return {} if found is None else {"c0": found.c0 / 100, "c1": found.c1 / 100, "c2": found.c2 / 100}
