"""A stage's training: begun or gone on with, written down, and its model saved; whatever ends it is kept."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from ..core.errors import SettingsError, TrainingStopped
from ..core.moments import now
from ..core.training_runs import Outcome, RunInfo, read_run_info
from ..core.workspace import atomic_folder
from .metrics_log import Rollout, StageLog, watch_of
from .models import trainable_parameters, write_model
from .preflight import Preflight
from .resuming import cut_back, newest_checkpoint, remove_broken
from .row_files import KeptRows
from .stage import Job
from .surroundings import device, versions


def run_training(
    job: Job,
    taken: KeptRows,
    checked: Preflight,
    source: str,
    build: Callable[[Any, int], Any],
    rollouts: Callable[[], Sequence[Rollout]] = tuple,
) -> RunInfo:
    """Train to the end and save the model.

    source: the model it starts from, as `from_pretrained` loads it.
    build: makes the trainer, with a callback and the step that it goes on after.
    Raises TrainingStopped when an alarm ended it. What ended it stands in run.json, whatever it was.
    """
    trainers: Any = import_module(f"{__package__}.trainers")
    step, checkpoint = _resume_point(job)
    watch = watch_of(job.recipe.grpo.alarms, job.folder) if job.stage == "grpo" else None
    callback = trainers.RunCallback(job.recipe, job.folder.checkpoints, watch, rollouts)
    trainer = build(callback, step)
    trainer.remove_callback(trainers.PrinterCallback)
    log = _log(job, taken, checked, trainable_parameters(trainer.model))
    callback.log = log if job.main else None
    try:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        if not callback.ended_early:
            _save(job, trainer, source)
    except BaseException as error:
        _end(job, log, "stopped" if isinstance(error, KeyboardInterrupt) else "failed")
        if type(error).__name__ == "OutOfMemoryError":
            raise _out_of_memory(job) from error
        raise
    _end(job, log, "stopped" if callback.ended_early else "done")
    if callback.ended_early:
        raise TrainingStopped(
            f"stopped after step {log.info.step} by an alarm (grpo.alarms.stop): {callback.stopped_by.says}"
        )
    return log.info


def _resume_point(job: Job) -> tuple[int, Path | None]:
    """Step and folder of the checkpoint to go on from, all that came later cleared away; (0, None): from the start."""
    if job.main:
        remove_broken(job.folder.checkpoints)
        newest = newest_checkpoint(job.folder.checkpoints)
        cut_back(job.folder, newest[0] if newest else 0)
    job.wait()
    return newest_checkpoint(job.folder.checkpoints) or (0, None)


def _log(job: Job, taken: KeptRows, checked: Preflight, parameters: int) -> StageLog:
    before = read_run_info(job.folder.info)
    model = job.recipe.model
    info = RunInfo(
        stage=job.stage,
        recipe=job.recipe.name,
        model=model.name or "tiny",
        parameters=parameters,
        data=job.data,
        data_sha256=taken.sha256,
        rows=checked.usable,
        left_out=checked.left_out,
        steps=0,
        seconds=before.seconds if before else 0.0,
        starts=before.starts + 1 if before else 1,
        versions=versions(),
        device=device(job.recipe.hardware),
        started=before.started if before else now(),
    )
    return StageLog(job.folder, info, job.progress)


def _save(job: Job, trainer: Any, source: str) -> None:
    """The trained model in the stage's folder, whole or not at all; every process takes part."""
    gathered = job.folder.folder / ".trained"
    if job.main:
        shutil.rmtree(gathered, ignore_errors=True)
    job.wait()
    if trainer.is_fsdp_enabled:
        trainer.accelerator.state.fsdp_plugin.set_state_dict_type("FULL_STATE_DICT")
    trainer.save_model(str(gathered))
    job.wait()
    if job.main:
        with atomic_folder(job.folder.model) as building:
            write_model(gathered, source, job.recipe.model, building)
        shutil.rmtree(gathered)
    job.wait()


def _end(job: Job, log: StageLog, outcome: Outcome) -> None:
    if not job.main:
        return
    log.write(outcome=outcome, ended=now(), step=log.info.steps if outcome == "done" else log.info.step)
    newest = newest_checkpoint(job.folder.checkpoints)
    if outcome != "done":
        place = f"after step {newest[0]}" if newest else "at the start: no checkpoint was reached"
        job.progress.note(f"{job.folder.folder} {outcome}; the same command goes on {place}")


def _out_of_memory(job: Job) -> SettingsError:
    vllm = ", or grpo.vllm.memory" if job.stage == "grpo" and job.recipe.grpo.vllm else ""
    return SettingsError(
        f"the GPU's memory is not enough: lower {job.stage}.micro_batch{vllm}, set {job.stage}.gradient_checkpointing:"
        " true, give the model adapters (model.lora), or take more GPUs"
    )
