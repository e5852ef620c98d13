"""What the paper reports for its training recipes: Tables 3 and 4 (§8.1, §8.2), V-measure in percent.

The averages are as printed; in Table 4 they are not the means of the three splits.
"""

from __future__ import annotations

from ..core.training_runs import PaperFigure


def _figure(table: int, model: str, arm: str, *values: float) -> PaperFigure:
    c0, c1, c2, average = values
    return PaperFigure.model_validate(
        {"arm": arm, "model": model, "table": table, "c0": c0, "c1": c1, "c2": c2, "average": average}
    )


PAPER: tuple[PaperFigure, ...] = (
    _figure(3, "7B", "final-answer", 65.51, 52.70, 8.20, 42.14),
    _figure(3, "7B", "distilled-final-answer", 64.87, 54.76, 11.98, 43.87),
    _figure(3, "7B", "distilled-rl", 72.26, 71.96, 57.15, 67.12),
    _figure(4, "7B", "rl", 46.72, 48.19, 46.52, 44.90),
    _figure(4, "7B", "rl-hint", 48.19, 49.99, 46.07, 46.42),
    _figure(4, "7B", "distilled-rl-hint", 66.05, 65.97, 56.46, 61.80),
    _figure(4, "14B", "rl", 56.39, 53.57, 53.71, 52.76),
    _figure(4, "14B", "rl-hint", 66.05, 66.40, 60.87, 62.41),
    _figure(4, "14B", "distilled-rl-hint", 68.84, 69.21, 59.71, 64.43),
)
