"""Group relative policy optimization with the clustering reward (paper §5.2, Eq. 8 and 9, App. F)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from ..core.errors import SettingsError
from ..core.training_runs import RunFolder, RunInfo, read_run_info
from ..graphs.progress import Progress
from .arguments import grpo_arguments
from .data import TrainingRow
from .models import load_model, load_tokenizer, lora_config
from .preflight import Preflight
from .recipe import Recipe
from .rewards import ClusterReward
from .rollouts import RecordedReward
from .row_files import keep_rows, open_rows
from .running import run_training
from .stage import Job, base_model, check_rows, finished, open_job, take_rows
from .tokens import prompt_tokens


def train_grpo(recipe: Recipe, rows: Iterable[TrainingRow], run: RunFolder, progress: Progress, data: str) -> RunInfo:
    """Train on the rows' gold labels, or go on where it was stopped; the result is run.grpo.model.

    It starts from the run's SFT model, or from the recipe's where grpo.start is base.
    data: what the rows came from, in words. Prompts over grpo.max_prompt_tokens are left out and counted.
    Raises SettingsError for what cannot be trained, or what goes on with another recipe, other rows or another start.
    """
    job = open_job(recipe, "grpo", run, progress, data)
    arguments = grpo_arguments(recipe, job.folder.checkpoints)
    start = _start(job)
    taken = take_rows(job, rows)
    if done := finished(job, taken, start):
        return done
    source = str(run.sft.model) if recipe.grpo.start == "sft" else base_model(job)
    tokenizer = load_tokenizer(source, recipe.model)
    checked = check_rows(job, tokenizer)
    prompts = _prompts(job, tokenizer, checked)
    reward = RecordedReward(ClusterReward(recipe.reward.settings()), recipe.keeping.completions)

    def build(callback: Any, step: int) -> Any:
        trainers: Any = import_module(f"{__package__}.trainers")
        trainer = trainers.GrpoTrainer(
            model=load_model(source, recipe.model),
            reward_funcs=reward,
            args=trainers.trl_config("GRPOConfig", arguments),
            train_dataset=open_rows(prompts).remove_columns("completion"),
            processing_class=tokenizer,
            peft_config=lora_config(recipe.model.lora),
            callbacks=[callback],
        )
        trainer.epochs_before = step // (checked.usable // recipe.grpo.prompts * recipe.grpo.updates)
        return trainer

    return run_training(job, taken, checked, source, build, reward.taken)


def _start(job: Job) -> str:
    """What the policy starts from, in words that differ when it does."""
    recipe = job.recipe
    if recipe.grpo.start == "base":
        return recipe.model.name or "tiny"
    sft = read_run_info(job.run.sft.info)
    if sft is None or sft.outcome != "done":
        raise SettingsError(
            f"grpo.start is sft and {job.run.folder} has no finished SFT model: run `cluster-r1 train sft --recipe"
            f" {recipe.name}` first, or set grpo.start: base"
        )
    return f"the SFT model of {sft.ended}"


def _prompts(job: Job, tokenizer: Any, checked: Preflight) -> Path:
    """The file of the rows whose prompts are short enough; at least one rollout's must be."""
    if checked.usable < job.recipe.grpo.prompts:
        raise SettingsError(
            f"grpo.prompts is {job.recipe.grpo.prompts}, and {job.data} has {checked.usable} rows to train on: lower"
            " it, or give more rows"
        )
    most, fitting = job.recipe.grpo.max_prompt_tokens, job.data_folder / "prompts.arrow"
    if checked.longest <= most:
        return job.rows_file
    if job.main:
        keep_rows(fitting, _fitting(open_rows(job.rows_file), tokenizer, most))
    job.wait()
    return fitting


def _fitting(rows: Any, tokenizer: Any, most: int) -> Iterator[TrainingRow]:
    for row in rows:
        if len(prompt_tokens(tokenizer, row["prompt"])) <= most:
            yield TrainingRow(**row)
