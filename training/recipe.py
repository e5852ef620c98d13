"""A training recipe: everything that decides how a model is trained, as one frozen YAML file (paper App. F).

Every algorithmic setting is written out: TRL's defaults (beta 0, loss "dapo", 1,024 tokens) are another algorithm than
the paper's. Hardware says how the same training is spread; it must not change what is learnt.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from ..core.scoring import Composition, RewardSettings
from ..core.section import Section
from ..core.training_runs import Stage
from .divisible import uneven


class LoraSettings(Section):
    """Low-rank adapters in place of training all weights."""

    rank: int = Field(default=32, ge=1, le=1024)
    alpha: int = Field(default=64, ge=1, le=4096)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    targets: tuple[str, ...] | Literal["all-linear"] = Field(
        default="all-linear", description="names of the layers that get adapters; all-linear leaves out the head"
    )


class TinySettings(Section):
    """A random Qwen2 with a tokenizer learnt from the training rows: to see training work in a minute, on a CPU."""

    hidden: int = Field(default=64, ge=8, le=1024)
    layers: int = Field(default=2, ge=1, le=24)
    heads: int = Field(default=4, ge=1, le=32)
    vocabulary: int = Field(default=600, ge=300, le=50_000, description="tokens at most, bytes included")
    context: int = Field(default=512, ge=64, le=32_768, description="tokens of prompt and completion together")

    @property
    def intermediate(self) -> int:
        """Width of the layers' MLPs."""
        return 2 * self.hidden


class ModelChoice(Section):
    """The model to train. Exactly one of `name` and `tiny`."""

    name: str | None = Field(default=None, min_length=1, description="hub name, folder, or .gguf file of a chat model")
    tiny: TinySettings | None = None
    dtype: Literal["bfloat16", "float32"] = "bfloat16"
    attention: Literal["sdpa", "eager", "flash_attention_2", "flash_attention_3", "flex_attention"] = "sdpa"
    trust_remote_code: bool = False
    lora: LoraSettings | None = None

    @model_validator(mode="after")
    def _one(self) -> ModelChoice:
        if (self.name is None) == (self.tiny is None):
            raise ValueError("name a model (name), or a random one (tiny), not both or neither")
        return self


class PromptSettings(Section):
    """What the prompt holds besides instruction and texts."""

    system: bool = Field(default=True, description="the system message with the answer's form (App. E.2)")
    hint: bool = Field(
        default=False, description="the reasoning hint of Table 4: infer the clusters first, then assign the texts"
    )


class RewardChoice(Section):
    """The reward of core/scoring.py (§5.2)."""

    composition: Composition = "product"
    epsilon: float = Field(default=1e-3, ge=0, le=1)
    decay: float = Field(default=0.5, ge=0, le=100)
    process: float = Field(
        default=0.0, ge=0, le=1, description="weight of the agreement between reasoning and answer (App. I.3); 0: off"
    )

    def settings(self) -> RewardSettings:
        return RewardSettings(**self.model_dump())


class OptimizerSettings(Section):
    """AdamW and its schedule. The paper's learning rates are blank in the text: those of the recipes are our choice."""

    learning_rate: float = Field(ge=0, le=1)
    schedule: Literal["constant", "constant_with_warmup", "linear", "cosine"] = "cosine"
    warmup: float = Field(default=0.03, ge=0, le=10_000, description="below 1 a share of all steps, else steps")
    weight_decay: float = Field(default=0.0, ge=0, le=1)
    max_grad_norm: float = Field(default=1.0, gt=0)
    adam_beta2: float = Field(default=0.999, gt=0, lt=1)


class SftSettings(OptimizerSettings):
    """Supervised fine-tuning on kept traces, or on answers alone (§5.1)."""

    target: Literal["reasoning", "answer"] = Field(
        default="reasoning", description="what is learnt: distilled reasoning and answer, or the final answer alone"
    )
    split: Literal["distill", "train"] = Field(default="distill", description="the examples that are learnt from")
    batch: int = Field(default=128, ge=1, description="examples of an update, over all devices")
    micro_batch: int = Field(default=1, ge=1, description="examples of one forward pass on a device")
    epochs: float = Field(default=1.0, gt=0, le=1000)
    max_steps: int | None = Field(default=None, ge=1, description="updates; null: as many as the epochs give")
    max_tokens: int = Field(default=32_768, ge=32, description="prompt and completion; longer examples are refused")
    gradient_checkpointing: bool = True


class VllmSettings(Section):
    """Rollouts by vLLM, in the training processes (colocate) or beside them (server)."""

    mode: Literal["colocate", "server"] = "colocate"
    tensor_parallel: int = Field(default=1, ge=1, le=64)
    memory: float = Field(default=0.5, gt=0, lt=1, description="share of a GPU's memory")
    sleep: bool = Field(default=True, description="colocate: give the memory back while weights are updated")
    server_host: str = "127.0.0.1"
    server_port: int = Field(default=8000, ge=1, le=65_535)
    gpus: int = Field(default=1, ge=1, description="server: GPUs that it has for itself")
    importance_correction: Literal["off", "token_truncate", "sequence_mask"] = Field(
        default="token_truncate",
        description="for the difference between vLLM's and the trainer's probabilities; sequence_mask drops long ones",
    )
    importance_clip: float = Field(default=3.0, gt=1)


class AlarmSettings(Section):
    """When a person should look; an alarm is printed and kept, `stop` ends the run after it."""

    window: int = Field(default=10, ge=1, description="steps in a row over which a mean is taken")
    zero_spread: float = Field(default=0.8, gt=0, le=1, description="share of groups whose rewards are all equal")
    clipped: float = Field(default=0.5, gt=0, le=1, description="share of completions cut at the token limit")
    format: float = Field(default=0.1, ge=0, lt=1, description="share of valid answers; below it nothing is learnt")
    kl: float = Field(default=1.0, gt=0, description="mean KL to the reference, in nats")
    stop: bool = False


class GrpoSettings(OptimizerSettings):
    """GRPO with the reward above (§5.2, Eq. 8 and 9)."""

    start: Literal["sft", "base"] = Field(default="sft", description="from the run's SFT model, or from the model")
    prompts: int = Field(default=32, ge=1, description="prompts of a rollout, over all devices")
    rollouts: int = Field(default=5, ge=2, description="completions sampled for each prompt")
    updates: int = Field(default=1, ge=1, description="optimizer updates on each rollout's completions; 1 is on-policy")
    micro_batch: int = Field(default=1, ge=1, description="completions of one forward pass on a device")
    epochs: float = Field(default=1.0, gt=0, le=1000)
    max_steps: int | None = Field(default=None, ge=1, description="updates; null: as many as the epochs give")
    beta: float = Field(default=1e-3, ge=0, description="weight of the KL to the model it starts from; blank in text")
    clip: float = Field(default=0.2, gt=0, lt=1)
    clip_high: float | None = Field(default=None, gt=0, description="upper clip where it differs (DAPO)")
    loss: Literal["grpo", "bnpo", "dapo", "dr_grpo"] = Field(default="grpo", description="how tokens are averaged")
    scale_rewards: Literal["group", "batch", "none"] = Field(
        default="group", description="Eq. 9 divides by the group's"
    )
    temperature: float = Field(default=1.0, gt=0, le=5)
    top_p: float = Field(default=1.0, gt=0, le=1)
    max_prompt_tokens: int = Field(default=28_000, ge=16, description="longer prompts are left out and counted")
    max_completion_tokens: int = Field(default=4000, ge=8)
    mask_truncated: bool = Field(default=False, description="learn nothing from completions cut at the limit")
    gradient_checkpointing: bool = True
    vllm: VllmSettings | None = Field(default=None, description="null: transformers generates (slow, runs anywhere)")
    alarms: AlarmSettings = AlarmSettings()


class HardwareSettings(Section):
    """Where it runs."""

    nodes: int = Field(default=1, ge=1, le=1024)
    gpus: int = Field(default=8, ge=0, le=64, description="of each node, for training; 0 trains on the CPU")
    memory_gib: float = Field(default=80.0, gt=0, description="of one GPU (of the machine where gpus is 0)")
    spread: Literal["fsdp", "ddp", "single"] = Field(default="fsdp", description="how training is spread over GPUs")
    offload: bool | Stage = Field(
        default=False, description="fsdp: parameters and Adam's state in the host's memory; in both stages or in one"
    )
    threads: int | None = Field(default=None, ge=1, description="CPU threads; tiny models want 1")

    @model_validator(mode="after")
    def _consistent(self) -> HardwareSettings:
        if self.spread == "single" and self.processes > 1:
            raise ValueError(f"spread: single has one process, nodes {self.nodes} x gpus {self.gpus} have more")
        if self.offload and self.spread != "fsdp":
            raise ValueError("offload is fsdp's; set spread: fsdp or offload: false")
        if self.gpus == 0 and self.spread == "fsdp":
            raise ValueError("fsdp is for GPUs; with gpus: 0 set spread to single, or to ddp for several nodes")
        return self

    def offloads(self, stage: Stage) -> bool:
        return self.offload is True or self.offload == stage

    @property
    def processes(self) -> int:
        return self.nodes * max(1, self.gpus)


class KeepingSettings(Section):
    """Checkpoints and what is logged."""

    checkpoint_every: int = Field(default=20, ge=1, description="optimizer updates between checkpoints")
    checkpoints: int = Field(default=2, ge=1, description="checkpoints kept")
    log_every: int = Field(default=1, ge=1, description="updates between lines of metrics.jsonl")
    completions: int = Field(default=4, ge=0, description="completions of each logged step that are kept to read")
    report_to: tuple[Literal["tensorboard", "wandb"], ...] = Field(default=(), description="besides the project's own")


class Recipe(Section):
    """One recipe. The stages share model, prompt and reward."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$", description="of the run's folder, runs/NAME")
    about: str = Field(default="", description="what it is for, in a sentence")
    model: ModelChoice
    prompt: PromptSettings = PromptSettings()
    reward: RewardChoice = RewardChoice()
    sft: SftSettings
    grpo: GrpoSettings
    hardware: HardwareSettings = HardwareSettings()
    keeping: KeepingSettings = KeepingSettings()
    seed: int = Field(default=0, ge=0, lt=2**31)

    @model_validator(mode="after")
    def _even(self) -> Recipe:
        wrong = [*uneven(self), *_beyond_context(self)]
        if self.grpo.clip_high is not None and self.grpo.clip_high < self.grpo.clip:
            wrong.append(f"grpo.clip_high {self.grpo.clip_high} is below grpo.clip {self.grpo.clip}")
        if wrong:
            raise ValueError("; ".join(wrong))
        return self


def _beyond_context(recipe: Recipe) -> list[str]:
    """Limits above what the tiny model can read; a real model's are checked when its config is at hand."""
    if recipe.model.tiny is None:
        return []
    context, grpo = recipe.model.tiny.context, recipe.grpo
    wanted = {
        "sft.max_tokens": recipe.sft.max_tokens,
        "grpo.max_prompt_tokens + grpo.max_completion_tokens": grpo.max_prompt_tokens + grpo.max_completion_tokens,
    }
    return [
        f"{key} is {tokens}, more than model.tiny.context {context}"
        for key, tokens in wanted.items()
        if tokens > context
    ]
