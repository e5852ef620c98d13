"""Batches that come out even: what the trainer would refuse after loading, refused with numbers that work."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .recipe import Recipe

_PROCESSES = "processes: hardware.nodes x hardware.gpus"


def uneven(recipe: Recipe) -> list[str]:
    """What does not come out even in a recipe, each with its keys and the nearest numbers that do."""
    return [said for said in (_sft(recipe), _grpo(recipe), _updates(recipe), _tensor_parallel(recipe)) if said]


def rollouts_per_device(recipe: Recipe) -> int:
    """Completions of a rollout that a device learns from."""
    return recipe.grpo.prompts * recipe.grpo.rollouts // recipe.hardware.processes


def _sft(recipe: Recipe) -> str:
    unit = recipe.hardware.processes * recipe.sft.micro_batch
    if recipe.sft.batch % unit == 0:
        return ""
    return (
        f"sft.batch {recipe.sft.batch} is not a multiple of processes x sft.micro_batch ="
        f" {recipe.hardware.processes} x {recipe.sft.micro_batch} = {unit} ({_PROCESSES}); set it to"
        f" {_nearest(recipe.sft.batch, unit)}"
    )


def _grpo(recipe: Recipe) -> str:
    grpo, processes = recipe.grpo, recipe.hardware.processes
    completions = grpo.prompts * grpo.rollouts
    unit = processes * grpo.micro_batch
    if completions % unit == 0:
        return ""
    prompts = _nearest(grpo.prompts, unit // math.gcd(unit, grpo.rollouts))
    micro = [] if completions % processes else _divisors(completions // processes)
    or_micro = f", or grpo.micro_batch to {_listed(micro)}" if micro else ""
    return (
        f"grpo.prompts x grpo.rollouts = {grpo.prompts} x {grpo.rollouts} = {completions} completions cannot be shared"
        f" by processes x grpo.micro_batch = {processes} x {grpo.micro_batch} = {unit} ({_PROCESSES}); set"
        f" grpo.prompts to {prompts}{or_micro}"
    )


def _updates(recipe: Recipe) -> str:
    grpo = recipe.grpo
    passes = rollouts_per_device(recipe) // grpo.micro_batch
    if _grpo(recipe) or passes % grpo.updates == 0:
        return ""
    return (
        f"grpo.updates {grpo.updates} does not divide the {passes} forward passes that a device makes on a rollout"
        f" (completions / processes / grpo.micro_batch); set it to {_listed(_divisors(passes))}"
    )


def _tensor_parallel(recipe: Recipe) -> str:
    vllm, gpus = recipe.grpo.vllm, recipe.hardware.gpus
    if vllm is None:
        return ""
    if vllm.mode == "server" and vllm.gpus != vllm.tensor_parallel:
        return (
            f"a server uses grpo.vllm.tensor_parallel GPUs: set grpo.vllm.gpus {vllm.gpus} and tensor_parallel"
            f" {vllm.tensor_parallel} to the same number"
        )
    if vllm.mode == "colocate" and gpus and gpus % vllm.tensor_parallel:
        return (
            f"grpo.vllm.tensor_parallel {vllm.tensor_parallel} does not divide hardware.gpus {gpus}; set it to"
            f" {_listed(_divisors(gpus))}"
        )
    return ""


def _nearest(value: int, unit: int) -> str:
    below = value // unit * unit
    return f"{below} or {below + unit}" if below else str(unit)


def _divisors(number: int) -> list[int]:
    return [divisor for divisor in range(1, number + 1) if number % divisor == 0]


def _listed(numbers: list[int]) -> str:
    *first, last = map(str, numbers)
    return f"{', '.join(first)} or {last}" if first else last
