"""Supervised fine-tuning on kept traces, or on answers alone (paper §5.1, App. F); the loss is on the completion."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

from ..core.training_runs import RunFolder, RunInfo
from ..graphs.progress import Progress
from .arguments import sft_arguments
from .data import TrainingRow
from .models import load_model, load_tokenizer, lora_config
from .recipe import Recipe
from .row_files import keep_tokens, open_rows
from .running import run_training
from .stage import Job, base_model, check_rows, finished, open_job, take_rows
from .tokens import sft_example


def train_sft(recipe: Recipe, rows: Iterable[TrainingRow], run: RunFolder, progress: Progress, data: str) -> RunInfo:
    """Train the recipe's model on the rows' completions, or go on where it was stopped; the result is run.sft.model.

    data: what the rows came from, in words. Rows without a completion are left out and counted.
    Raises SettingsError for what cannot be trained, or what goes on with another recipe or other rows.
    """
    job = open_job(recipe, "sft", run, progress, data)
    arguments = sft_arguments(recipe, job.folder.checkpoints)
    taken = take_rows(job, rows)
    if done := finished(job, taken, recipe.model.name or "tiny"):
        return done
    source = base_model(job)
    tokenizer = load_tokenizer(source, recipe.model)
    checked = check_rows(job, tokenizer)
    _keep_tokens(job, tokenizer)

    def build(callback: Any, step: int) -> Any:
        trainers: Any = import_module(f"{__package__}.trainers")
        return trainers.SftTrainer(
            model=load_model(source, recipe.model),
            args=trainers.trl_config("SFTConfig", arguments),
            train_dataset=open_rows(_tokens_file(job)),
            processing_class=tokenizer,
            peft_config=lora_config(recipe.model.lora),
            callbacks=[callback],
        )

    return run_training(job, taken, checked, source, build)


def _keep_tokens(job: Job, tokenizer: Any) -> None:
    if job.main:
        learnt = (row for row in open_rows(job.rows_file) if row["completion"] is not None)
        examples = (sft_example(tokenizer, row["prompt"], row["completion"]) for row in learnt)
        keep_tokens(_tokens_file(job), (example.record() for example in examples))
    job.wait()


def _tokens_file(job: Job) -> Path:
    return job.data_folder / "tokens.arrow"
