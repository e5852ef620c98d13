"""Stages on a model of a few thousand weights; run as a script, stages that are killed and resumed."""

from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from cluster_r1.core.answer import Answer, render_answer
from cluster_r1.core.training_runs import RunFolder, RunInfo
from cluster_r1.training.data import TrainingRow, prompt_messages
from cluster_r1.training.recipe import Recipe

SFT_STEPS = 80
GRPO_STEPS = 12
_COLOURS = ("red", "blue", "green")


def small_recipe(**changes: Any) -> Recipe:
    """A recipe that a CPU runs in seconds; `changes` are merged section by section."""
    sections: dict[str, Any] = {
        "name": "small",
        "model": {
            "tiny": {"hidden": 32, "layers": 1, "heads": 2, "vocabulary": 420, "context": 256},
            "dtype": "float32",
        },
        "prompt": {"system": False},
        "sft": {
            "learning_rate": 1e-2,
            "warmup": 4,
            "target": "answer",
            "batch": 8,
            "micro_batch": 4,
            "max_steps": SFT_STEPS,
            "max_tokens": 256,
            "gradient_checkpointing": False,
        },
        "grpo": {
            "learning_rate": 2e-3,
            "warmup": 2,
            "prompts": 4,
            "rollouts": 4,
            "updates": 2,
            "micro_batch": 4,
            "max_steps": GRPO_STEPS,
            "max_prompt_tokens": 200,
            "max_completion_tokens": 40,
            "temperature": 0.7,
            "gradient_checkpointing": False,
        },
        "hardware": {"gpus": 0, "spread": "single", "threads": 1},
        "keeping": {"checkpoint_every": 2, "completions": 2},
    }
    for section, values in changes.items():
        sections[section] = {**sections.get(section, {}), **values} if isinstance(values, dict) else values
    return Recipe.model_validate(sections)


def small_rows(count: int = 10) -> Iterator[TrainingRow]:
    """Three coloured things to group by colour; more than two rollouts' prompts, so that runs have several epochs."""
    rng = random.Random(0)
    for place in range(count):
        colours = [rng.choice(_COLOURS) for _ in range(3)]
        answer = Answer.from_labels(colours)
        prompt = prompt_messages("By colour.", colours, small_recipe().prompt)
        yield TrainingRow(f"row-{place}", "colours", prompt, answer.labels(), render_answer(answer))


class Watcher:
    """A Progress that keeps what it is told, and can kill its process after a step."""

    def __init__(self, kill_at: int | None = None) -> None:
        self.notes: list[str] = []
        self.stages: list[tuple[str, int | None]] = []
        self.taken = 0
        self._kill_at = kill_at

    def stage(self, name: str, total: int | None) -> None:
        self.stages.append((name, total))

    def advance(self, steps: int = 1) -> None:
        self.taken += steps
        if self.taken == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def spent(self, tokens: int, usd: float) -> None: ...

    def note(self, text: str) -> None:
        self.notes.append(text)


def sft(folder: Path, kill_at: int | None = None, **changes: Any) -> RunInfo:
    from cluster_r1.training.sft import train_sft

    return train_sft(small_recipe(**changes), small_rows(), RunFolder(folder), Watcher(kill_at), "small rows")


def grpo(folder: Path, kill_at: int | None = None, **changes: Any) -> RunInfo:
    from cluster_r1.training.grpo import train_grpo

    return train_grpo(small_recipe(**changes), small_rows(), RunFolder(folder), Watcher(kill_at), "small rows")


def apart(work: Callable[..., RunInfo], folder: Path, kill_at: int | None = None) -> int:
    """Run in a process of its own, which has imported all it needs; returns its wait status."""
    child = os.fork()
    if child == 0:
        work(folder, kill_at)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def main(folder: Path) -> None:
    """Both stages in one go in folder/whole, and in folder/killed with two kill -9 each."""
    import_module("cluster_r1.training.trainers")  # before the forks, which then need no import of their own
    for work in (sft, grpo):
        assert apart(work, folder / "whole") == 0
        for kill_at in (3, 9):
            assert apart(work, folder / "killed", kill_at) == signal.SIGKILL
        assert apart(work, folder / "killed") == 0


if __name__ == "__main__":
    main(Path(sys.argv[1]))
