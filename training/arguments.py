"""A recipe as keyword arguments of TRL's SFTConfig and GRPOConfig (1.16), every algorithmic one written out.

TRL's defaults are another algorithm than the paper's (beta 0, loss "dapo", a bias-corrected KL, 512 tokens) and have
changed from release to release. A recipe's batches are counted over all devices (and come out even: divisible.py).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from .recipe import OptimizerSettings, Recipe, Stage, VllmSettings

_TIMEOUT_S = 7200
"""For processes that wait for one another: a rollout of long completions takes a while."""


def sft_arguments(recipe: Recipe, folder: Path) -> dict[str, Any]:
    """Keyword arguments of SFTConfig; `folder` takes the checkpoints."""
    sft = recipe.sft
    return {
        **_common(recipe, sft, folder, sft.epochs, sft.max_steps, sft.gradient_checkpointing),
        "per_device_train_batch_size": sft.micro_batch,
        "gradient_accumulation_steps": sft.batch // (sft.micro_batch * recipe.hardware.processes),
        "average_tokens_across_devices": True,
        "save_steps": checkpoint_steps(recipe, "sft"),
        "max_length": sft.max_tokens,
        "completion_only_loss": True,
        "dataset_kwargs": {"skip_prepare_dataset": True},  # the rows come tokenized, with their labels
        "assistant_only_loss": False,
        "loss_type": "nll",
        "packing": False,
        "padding_free": False,
        "shuffle_dataset": False,
    }


def grpo_arguments(recipe: Recipe, folder: Path) -> dict[str, Any]:
    """Keyword arguments of GRPOConfig; `folder` takes the checkpoints.

    One rollout is `prompts` x `rollouts` completions, spread over `updates` optimizer updates.
    """
    grpo = recipe.grpo
    across = grpo.micro_batch * recipe.hardware.processes
    accumulation = grpo.prompts * grpo.rollouts // (across * grpo.updates)
    return {
        **_common(recipe, grpo, folder, grpo.epochs, grpo.max_steps, grpo.gradient_checkpointing),
        "per_device_train_batch_size": grpo.micro_batch,
        "gradient_accumulation_steps": accumulation,
        "steps_per_generation": accumulation * grpo.updates,
        "save_steps": checkpoint_steps(recipe, "grpo"),
        "num_generations": grpo.rollouts,
        "num_iterations": 1,
        "beta": grpo.beta,
        "use_bias_correction_kl": False,
        "epsilon": grpo.clip,
        "epsilon_high": grpo.clip if grpo.clip_high is None else grpo.clip_high,
        "delta": None,
        "importance_sampling_level": "token",
        "loss_type": grpo.loss,
        "scale_rewards": grpo.scale_rewards,
        "mask_truncated_completions": grpo.mask_truncated,
        "top_entropy_quantile": 1.0,
        "entropy_coef": 0.0,
        "sync_ref_model": False,
        "disable_dropout": False,
        "temperature": grpo.temperature,
        "top_p": grpo.top_p,
        "top_k": 0,
        "min_p": None,
        "repetition_penalty": 1.0,
        "max_completion_length": grpo.max_completion_tokens,
        "shuffle_dataset": True,
        "remove_unused_columns": False,
        "log_completions": False,
        **_vllm(grpo.vllm, grpo.max_prompt_tokens + grpo.max_completion_tokens),
    }


def checkpoint_steps(recipe: Recipe, stage: Stage) -> int:
    """Updates between checkpoints, at least `keeping.checkpoint_every`.

    They lie where no rollout is half learnt from, since TRL does not store it, and where no mean that is logged is half
    taken: a resumed run then logs what it would have logged.
    """
    even = math.lcm(recipe.keeping.log_every, recipe.grpo.updates if stage == "grpo" else 1)
    return even * math.ceil(recipe.keeping.checkpoint_every / even)


def _common(
    recipe: Recipe, optimizer: OptimizerSettings, folder: Path, epochs: float, max_steps: int | None, recompute: bool
) -> dict[str, Any]:
    on_cpu = recipe.hardware.gpus == 0
    return {
        "output_dir": str(folder),
        "seed": recipe.seed,
        "data_seed": recipe.seed,
        "num_train_epochs": epochs,
        "max_steps": -1 if max_steps is None else max_steps,
        "optim": "adamw_torch",
        "learning_rate": optimizer.learning_rate,
        "lr_scheduler_type": optimizer.schedule,
        "warmup_steps": optimizer.warmup if optimizer.warmup < 1 else math.floor(optimizer.warmup),
        "weight_decay": optimizer.weight_decay,
        "max_grad_norm": optimizer.max_grad_norm,
        "adam_beta1": 0.9,
        "adam_beta2": optimizer.adam_beta2,
        "adam_epsilon": 1e-8,
        "bf16": recipe.model.dtype == "bfloat16",
        "fp16": False,
        "use_cpu": on_cpu,
        "gradient_checkpointing": recompute,
        "gradient_checkpointing_kwargs": {"use_reentrant": False} if recompute else None,
        "logging_strategy": "steps",
        "logging_steps": recipe.keeping.log_every,
        "logging_first_step": False,
        "logging_nan_inf_filter": False,  # it would write the last mean in place of a loss that is not a number
        "save_strategy": "steps",
        "save_total_limit": None,  # it would delete the last complete checkpoint before the next one is complete
        "report_to": list(recipe.keeping.report_to) or "none",
        "run_name": recipe.name,
        "disable_tqdm": True,
        "dataloader_num_workers": 0,
        "ddp_timeout": _TIMEOUT_S,
        "ddp_find_unused_parameters": False,
    }


def _vllm(vllm: VllmSettings | None, tokens: int) -> dict[str, Any]:
    if vllm is None:
        return {"use_vllm": False}
    correction = vllm.importance_correction
    return {
        "use_vllm": True,
        "vllm_mode": vllm.mode,
        "vllm_max_model_length": tokens,
        "vllm_tensor_parallel_size": vllm.tensor_parallel,
        "vllm_gpu_memory_utilization": vllm.memory,
        "vllm_enable_sleep_mode": vllm.sleep,
        "vllm_server_host": vllm.server_host,
        "vllm_server_port": vllm.server_port,
        "vllm_importance_sampling_correction": correction != "off",
        "vllm_importance_sampling_mode": "token_truncate" if correction == "off" else correction,
        "vllm_importance_sampling_clip_max": vllm.importance_clip,
    }
