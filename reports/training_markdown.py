"""A run's trials as a table in Markdown and as lines for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.training_runs import Trial

_HEAD = ("split", "model", "reward", "format", "count", "V", "K error", "tokens", "examples")


def trials_markdown(trials: Sequence[Trial]) -> str:
    """A row for each model on each split: means over all completions, the reward with its standard error."""
    rows = [_HEAD, *(trial_cells(trial) for trial in trials)]
    lines = ["| " + " | ".join(cell.replace("|", r"\|").replace("\n", " ") for cell in cells) + " |" for cells in rows]
    lines.insert(1, "|---|---|" + "---:|" * (len(_HEAD) - 2))
    return "\n".join(lines) + "\n"


def trial_lines(trials: Sequence[Trial]) -> list[str]:
    """The same for a terminal, in columns, the head first; nothing without trials."""
    if not trials:
        return []
    rows = [_HEAD, *(trial_cells(trial) for trial in trials)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    return [
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def trial_cells(trial: Trial) -> tuple[str, ...]:
    """A trial under the head, as text."""
    examples = f"{trial.examples:,}" + (f" x {trial.samples:,}" if trial.samples > 1 else "")
    return (
        trial.split,
        trial.model,
        f"{trial.reward:.3f} ± {trial.standard_error:.3f}",
        f"{trial.format:.3f}",
        f"{trial.count:.3f}",
        f"{trial.quality:.3f}",
        f"{trial.k_error:.2f}",
        f"{trial.tokens:,.0f}",
        examples,
    )
