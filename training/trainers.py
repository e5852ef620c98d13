"""TRL's two trainers with what they lack, and the callback that writes a run down. Imports torch: import it late."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from ..core.training_runs import Alarm
from .alarms import AlarmWatch
from .metrics_log import Rollout, StageLog, metric_values
from .ranks import wait_for_all
from .recipe import Recipe
from .resuming import mark_complete

_transformers: Any = import_module("transformers")
_trl: Any = import_module("trl")
PrinterCallback: Any = _transformers.PrinterCallback
"""Prints every log as a dict; Trainer adds it where its progress bars are off."""

_RENAMED = {
    "gradient_checkpointing": "activation_checkpointing",
    "gradient_checkpointing_kwargs": "activation_checkpointing_kwargs",
}


def trl_config(kind: Literal["SFTConfig", "GRPOConfig"], arguments: Mapping[str, Any]) -> Any:
    """TRL's settings object. Arguments that transformers 5.23 calls otherwise are given under both names."""
    config: Any = getattr(_trl, kind)
    renamed = {name: arguments[old] for old, name in _RENAMED.items() if hasattr(config, name)}
    return config(**arguments, **renamed)


class SftTrainer(_trl.SFTTrainer):
    """Supervised fine-tuning without TRL's model card: the run's page says more."""

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        return


class GrpoTrainer(_trl.GRPOTrainer):
    """GRPO that resumes in any epoch, and samples with the numbers that it learns with."""

    epochs_before: int = 0
    """Epochs that were over when the run was stopped."""

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        return

    def _get_train_sampler(self, dataset: Any = None) -> Any:
        """TRL's sampler draws each epoch's order from one generator, which a resumed run would begin anew."""
        sampler = super()._get_train_sampler(dataset)
        torch: Any = import_module("torch")
        for _ in range(self.epochs_before):
            torch.randperm(sampler.num_samples, generator=sampler.generator)
        return sampler

    def _generate_single_turn(self, *args: Any, **kwargs: Any) -> Any:
        """TRL generates outside of autocast: in float32, at half the speed, from another policy than it trains."""
        with self.accelerator.autocast():
            return super()._generate_single_turn(*args, **kwargs)


class RunCallback(_transformers.TrainerCallback):
    """Writes down what happens in a stage's training and ends it on an alarm where the recipe says so.

    Every process has one and looks at the same numbers; `log` is None in all but the first.
    """

    def __init__(
        self,
        recipe: Recipe,
        checkpoints: Path,
        watch: AlarmWatch | None,
        rollouts: Callable[[], Sequence[Rollout]],
    ) -> None:
        self._recipe = recipe
        self._checkpoints = checkpoints
        self.log: StageLog | None = None
        self._watch = watch
        self._rollouts = rollouts
        self.stopped_by: Alarm | None = None
        self.ended_early = False

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.log is not None:
            self.log.begin(state.max_steps, state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.log is not None:
            self.log.step()
        if state.global_step >= state.max_steps:
            control.should_save = False  # the model itself is saved next
        elif self.stopped_by is not None and state.global_step % args.save_steps == 0:
            control.should_training_stop = self.ended_early = True

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **kwargs: Any) -> None:
        if "train_runtime" in logs:
            return
        values = metric_values(logs)
        alarms = [] if self._watch is None else self._watch.look(state.global_step, values)
        if alarms and self._recipe.grpo.alarms.stop and self.stopped_by is None:
            self.stopped_by = alarms[0]
        rollouts = self._rollouts()
        if self.log is not None:
            self.log.logged(state.global_step, values, rollouts, alarms)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        wait_for_all(self._recipe.hardware)
        if self.log is not None:
            mark_complete(self._checkpoints, state.global_step, self._recipe.keeping.checkpoints)
            self.log.write(step=state.global_step)
