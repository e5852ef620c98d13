"""The memory that a stage of a recipe needs on each GPU, estimated before a weight is loaded, and what to change.

Weights, gradients and Adam's state are exact; activations are the numbers that layers keep for their backward pass,
counted, not measured; vLLM takes the share it is given. Fragmentation is not counted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from .divisible import rollouts_per_device
from .recipe import LoraSettings, Recipe, Stage
from .shapes import ModelShape

Phase = Literal["update", "rollout"]
_ALWAYS: tuple[Phase, ...] = ("update", "rollout")
_GIB = 2**30
_CUDA_GIB = 1.5
"""What CUDA, NCCL and their buffers take on a GPU before anything is loaded."""

_TRAINED_BYTES = 4
_LEAST_VLLM_GIB = 1.0
"""What vLLM needs beside weights and one completion's keys and values."""

_MLP_COPIES, _STREAM_COPIES = 4, 8
"""Numbers a layer keeps while it is passed backward: of the MLP's width, and of the model's."""


class MemoryPart(NamedTuple):
    """GiB on one GPU, and the phases of a step that hold them."""

    name: str
    gib: float
    phases: tuple[Phase, ...]


class MemoryEstimate(NamedTuple):
    """What a stage needs. `host_gib`: of a node's own memory, with offload."""

    parts: tuple[MemoryPart, ...]
    host_gib: float

    @property
    def phase(self) -> Phase:
        """The one that needs most."""
        return max(_ALWAYS, key=self._sum)

    @property
    def gib(self) -> float:
        return self._sum(self.phase)

    def _sum(self, phase: Phase) -> float:
        return sum(part.gib for part in self.parts if phase in part.phases)


def estimate_memory(recipe: Recipe, stage: Stage, shape: ModelShape) -> MemoryEstimate:
    """GiB by part, for the longest prompts and completions that the recipe allows."""
    states = list(_states(recipe, shape))
    offloaded = sum(part.gib for part in states) if recipe.hardware.offloads(stage) else 0.0
    parts = [*([] if offloaded else states), *_working(recipe, stage, shape)]
    if stage == "grpo":
        parts += [*_reference(recipe, shape), *_generation(recipe, shape)]
    if recipe.hardware.gpus:
        parts.append(MemoryPart("CUDA and NCCL", _CUDA_GIB, _ALWAYS))
    return MemoryEstimate(tuple(parts), offloaded * recipe.hardware.gpus)


def memory_problem(recipe: Recipe, stage: Stage, shape: ModelShape) -> str:
    """Why the stage does not fit and which keys would change that, by how much; empty when it fits."""
    have, need = recipe.hardware.memory_gib, estimate_memory(recipe, stage, shape)
    if need.gib <= have:
        return _vllm_problem(recipe, stage, shape)
    parts = ", ".join(f"{part.name} {part.gib:.1f}" for part in need.parts if need.phase in part.phases)
    ways = "; ".join(
        f"{key} ({gib:.0f} GiB{', fits' if gib <= have else ''})" for key, gib in _ways_out(recipe, stage, shape, need)
    )
    where = "GPU" if recipe.hardware.gpus else "machine"
    advice = f". What would help, each alone: {ways}" if ways else ""
    return (
        f"{stage} of {recipe.model.name or 'the tiny model'} needs about {need.gib:.1f} GiB on a {where} and"
        f" hardware.memory_gib is {have:g}: {need.gib - have:.1f} too few ({parts}){advice}"
    )


def _states(recipe: Recipe, shape: ModelShape) -> Iterator[MemoryPart]:
    """Weights, gradients and Adam's two moments; what is trained is float32, see models.py."""
    lora = recipe.model.lora
    trained = shape.parameters if lora is None else _adapters(shape, lora)
    if lora is not None:
        yield MemoryPart("frozen weights", shape.parameters * _bytes(recipe) * _share(recipe) / _GIB, _ALWAYS)
    gib = trained * _TRAINED_BYTES * _share(recipe) / _GIB
    yield MemoryPart("weights" if lora is None else "adapters", gib, _ALWAYS)
    yield MemoryPart("gradients", gib, ("update",))
    yield MemoryPart("Adam", 2 * gib, _ALWAYS)
    if recipe.hardware.spread == "ddp" and recipe.hardware.processes > 1:
        yield MemoryPart("gradient buckets", gib, _ALWAYS)


def _working(recipe: Recipe, stage: Stage, shape: ModelShape) -> Iterator[MemoryPart]:
    """What a forward and backward pass holds beside the states."""
    settings = recipe.sft if stage == "sft" else recipe.grpo
    tokens = settings.micro_batch * _tokens(recipe, stage)
    kept = 1 if settings.gradient_checkpointing else shape.layers
    layer = _MLP_COPIES * shape.intermediate + _STREAM_COPIES * shape.hidden
    stream = tokens * shape.layers * shape.hidden * _stream_bytes(recipe)
    numbers = tokens * kept * layer
    if recipe.model.attention == "eager":
        numbers += kept * 2 * shape.heads * tokens * _tokens(recipe, stage)
    yield MemoryPart("activations", (stream + numbers * _bytes(recipe)) / _GIB, ("update",))
    if _autocast_copies(recipe):
        yield MemoryPart("bfloat16 copies of the weights", shape.parameters * 2 / _GIB, ("update",))
    if recipe.hardware.spread == "fsdp":
        gathered = shape.embedding_parameters + 2 * shape.layer_parameters
        yield MemoryPart("gathered layers", 2 * gathered * _bytes(recipe) / _GIB, ("update",))


def _reference(recipe: Recipe, shape: ModelShape) -> Iterator[MemoryPart]:
    """The model that the KL is taken to; with LoRA it is the model without its adapters."""
    if recipe.grpo.beta > 0 and recipe.model.lora is None:
        gib = shape.parameters * _TRAINED_BYTES * _share(recipe) / _GIB
        yield MemoryPart("reference model", gib, _ALWAYS)


def _generation(recipe: Recipe, shape: ModelShape) -> Iterator[MemoryPart]:
    vllm = recipe.grpo.vllm
    if vllm is None:
        cache = rollouts_per_device(recipe) * _tokens(recipe, "grpo") * shape.cache_bytes(_bytes(recipe))
        yield MemoryPart("keys and values of the rollout", cache / _GIB, ("rollout",))
        if recipe.hardware.spread == "fsdp":
            yield MemoryPart("gathered model", shape.parameters * _bytes(recipe) / _GIB, ("rollout",))
    elif vllm.mode == "colocate":
        gib = vllm.memory * recipe.hardware.memory_gib
        yield MemoryPart("vLLM", gib, ("rollout",) if vllm.sleep else _ALWAYS)


def _vllm_problem(recipe: Recipe, stage: Stage, shape: ModelShape) -> str:
    vllm = recipe.grpo.vllm
    if stage == "sft" or vllm is None:
        return ""
    have, need = vllm.memory * recipe.hardware.memory_gib, _vllm_least(recipe, shape)
    if need <= have:
        return ""
    return (
        f"vLLM needs about {need:.1f} GiB of a GPU for the weights and one completion and gets grpo.vllm.memory"
        f" {vllm.memory:g} x hardware.memory_gib {recipe.hardware.memory_gib:g} = {have:.1f}:"
        f" {need - have:.1f} too few; raise grpo.vllm.memory or grpo.vllm.tensor_parallel"
    )


def _vllm_least(recipe: Recipe, shape: ModelShape) -> float:
    vllm = recipe.grpo.vllm
    numbers = shape.parameters * _bytes(recipe) + _tokens(recipe, "grpo") * shape.cache_bytes(_bytes(recipe))
    return numbers / (vllm.tensor_parallel if vllm else 1) / _GIB + _LEAST_VLLM_GIB


def _ways_out(recipe: Recipe, stage: Stage, shape: ModelShape, now: MemoryEstimate) -> Iterator[tuple[str, float]]:
    """Changes that need less, with what they would need."""
    for key, changed in _changes(recipe, stage, shape, now.gib - recipe.hardware.memory_gib):
        need = estimate_memory(changed, stage, shape).gib
        if need < now.gib:
            yield key, need


def _changes(recipe: Recipe, stage: Stage, shape: ModelShape, miss: float) -> Iterator[tuple[str, Recipe]]:
    settings = recipe.sft if stage == "sft" else recipe.grpo
    hardware, vllm = recipe.hardware, recipe.grpo.vllm
    if recipe.model.dtype == "float32" and hardware.gpus:
        yield "model.dtype: bfloat16", _with(recipe, "model", dtype="bfloat16")
    if recipe.model.lora is None:
        yield "model.lora: {rank: 32}", _with(recipe, "model", lora=LoraSettings())
    if hardware.spread == "fsdp" and not hardware.offloads(stage):
        yield f"hardware.offload: {stage}", _with(recipe, "hardware", offload=True)
    if hardware.gpus:
        twice = _with(recipe, "hardware", gpus=2 * hardware.gpus, spread="fsdp")
        yield f"hardware.gpus: {2 * hardware.gpus} with spread: fsdp", twice
    if not settings.gradient_checkpointing:
        yield f"{stage}.gradient_checkpointing: true", _with(recipe, stage, gradient_checkpointing=True)
    if settings.micro_batch > 1:
        yield f"{stage}.micro_batch: 1", _with(recipe, stage, micro_batch=1)
    if stage == "sft":
        yield (
            f"sft.max_tokens: {recipe.sft.max_tokens // 2}",
            _with(recipe, "sft", max_tokens=recipe.sft.max_tokens // 2),
        )
        return
    if recipe.grpo.beta > 0:
        yield "grpo.beta: 0", _with(recipe, "grpo", beta=0.0)
    if vllm is not None and vllm.mode == "colocate":
        if not vllm.sleep:
            awake = vllm.model_copy(update={"sleep": True})
            yield "grpo.vllm.sleep: true", _with(recipe, "grpo", vllm=awake)
        memory = math.floor(100 * (vllm.memory - miss / hardware.memory_gib)) / 100
        if memory * hardware.memory_gib >= _vllm_least(recipe, shape):
            yield (
                f"grpo.vllm.memory: {memory:g}",
                _with(recipe, "grpo", vllm=vllm.model_copy(update={"memory": memory})),
            )


def _with(recipe: Recipe, section: Stage | Literal["model", "hardware"], **values: Any) -> Recipe:
    """A recipe with some keys of a section changed, unchecked: it is only counted."""
    changed = getattr(recipe, section).model_copy(update=values)
    return recipe.model_copy(update={section: changed})


def _adapters(shape: ModelShape, lora: LoraSettings) -> int:
    return shape.adapter_parameters(lora.rank, None if lora.targets == "all-linear" else lora.targets)


def _tokens(recipe: Recipe, stage: Stage) -> int:
    """The longest row of a stage."""
    if stage == "sft":
        return recipe.sft.max_tokens
    return recipe.grpo.max_prompt_tokens + recipe.grpo.max_completion_tokens


def _bytes(recipe: Recipe) -> int:
    return 2 if recipe.model.dtype == "bfloat16" else 4


def _autocast_copies(recipe: Recipe) -> bool:
    """Whether float32 weights are copied for bfloat16 arithmetic by autocast; FSDP casts layer by layer instead."""
    whole = recipe.model.lora is None and recipe.hardware.spread != "fsdp"
    return whole and recipe.model.dtype == "bfloat16"


def _stream_bytes(recipe: Recipe) -> int:
    """Of a number between layers: the float32 embedding keeps it in float32 under autocast."""
    return 4 if _autocast_copies(recipe) else _bytes(recipe)


def _share(recipe: Recipe) -> float:
    """The part of a model that one process holds."""
    return 1 / recipe.hardware.processes if recipe.hardware.spread == "fsdp" else 1.0
