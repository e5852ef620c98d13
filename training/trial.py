"""A trial: a model on this machine is sampled on examples, and what it said is scored and kept (paper §7, App. I)."""

from __future__ import annotations

import math
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple

from ..core.scoring import DEFAULT_REWARD, RewardSettings, Score, score_completion
from ..core.training_runs import RunFolder, Trial, TrialCompletion, read_lines
from ..core.workspace import write_bytes
from ..graphs.progress import Progress
from .data import TrainingRow
from .models import load_tokenizer
from .recipe import ModelChoice, Recipe
from .tokens import prompt_tokens


class TrialSettings(NamedTuple):
    """How a model is sampled.

    samples: completions of each example; temperature: 0 takes the likeliest token every time, whatever the seed;
    max_tokens: of a completion; batch: completions that are sampled at once.
    """

    samples: int = 1
    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int = 4000
    seed: int = 0
    batch: int = 64


def trial_settings(recipe: Recipe, samples: int = 1) -> TrialSettings:
    """Sampled as the recipe's rollouts are."""
    grpo = recipe.grpo
    return TrialSettings(samples, grpo.temperature, grpo.top_p, grpo.max_completion_tokens, recipe.seed)


class Said(NamedTuple):
    """A completion and its length in tokens."""

    text: str
    tokens: int


def try_model(
    source: str,
    choice: ModelChoice,
    rows: Sequence[TrainingRow],
    run: RunFolder,
    name: str,
    split: str,
    progress: Progress,
    settings: TrialSettings,
    reward: RewardSettings = DEFAULT_REWARD,
) -> Trial:
    """Sample the model in `source` on the rows, and keep the trial and every completion in the run's folder.

    choice: how weights are loaded, as the recipe says; name: what the trial calls the model. A trial of that name on
    that split is replaced. The same settings give the same completions on the same machine.
    Raises SettingsError when the model cannot be loaded.
    """
    progress.stage(f"trial of {name} on {split}", len(rows))
    began = time.monotonic()
    said = _sample(source, choice, rows, settings, progress)
    return keep_trial(run, name, split, rows, said, settings, reward, time.monotonic() - began)


def keep_trial(
    run: RunFolder,
    name: str,
    split: str,
    rows: Sequence[TrainingRow],
    said: Mapping[str, Sequence[Said]],
    settings: TrialSettings,
    reward: RewardSettings,
    seconds: float,
) -> Trial:
    """Score what was said to each example, by its id, and write trial and completions down."""
    scored = [[(one, score_completion(one.text, row.labels, reward)) for one in said[row.id]] for row in rows]
    lines = (_kept(row.id, one, score) for row, own in zip(rows, scored, strict=True) for one, score in own)
    content = b"".join(line.model_dump_json().encode() + b"\n" for line in lines)
    write_bytes(run.trial_completions(name, split), content)
    scores = [[score for _, score in own] for own in scored]
    trial = _trial(name, split, scores, settings).model_copy(
        update={"tokens": _mean([one.tokens for own in scored for one, _ in own]), "seconds": seconds}
    )
    others = [one for one in read_lines(run.trials, Trial) if (one.model, one.split) != (name, split)]
    write_bytes(run.trials, b"".join(one.model_dump_json().encode() + b"\n" for one in [*others, trial]))
    return trial


def _trial(name: str, split: str, scores: Sequence[Sequence[Score]], settings: TrialSettings) -> Trial:
    every = [score for own in scores for score in own]
    observed = [_mean([score.reward for score in own]) for own in scores]
    return Trial(
        model=name,
        split=split,
        examples=len(scores),
        samples=settings.samples,
        temperature=settings.temperature,
        seed=settings.seed,
        reward=_mean(observed),
        standard_error=statistics.stdev(observed) / math.sqrt(len(observed)) if len(observed) > 1 else 0.0,
        format=_mean([score.format for score in every]),
        count=_mean([score.count for score in every]),
        quality=_mean([score.quality for score in every]),
        k_error=_mean([abs(score.k_pred - score.k_gold) for score in every if score.format]),
        errors=dict(sorted(Counter(score.error for score in every if score.error).items())),
    )


def _kept(example: str, said: Said, score: Score) -> TrialCompletion:
    return TrialCompletion(
        example=example,
        completion=said.text,
        reward=score.reward,
        format=score.format,
        count=score.count,
        quality=score.quality,
        error=score.error or "",
    )


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else 0.0


def _sample(
    source: str, choice: ModelChoice, rows: Sequence[TrainingRow], settings: TrialSettings, progress: Progress
) -> dict[str, list[Said]]:
    """Completions by example id. Prompts of one length are sampled together, so that little is padding."""
    torch: Any = import_module("torch")
    tokenizer = load_tokenizer(source, choice)
    model = _model(torch, source, choice)
    prompts = sorted(((prompt_tokens(tokenizer, row.prompt), row.id) for row in rows), key=lambda pair: len(pair[0]))
    said: dict[str, list[Said]] = {}
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(settings.seed)
        at_once = max(1, settings.batch // settings.samples)
        for start in range(0, len(prompts), at_once):
            batch = prompts[start : start + at_once]
            found = _complete(torch, model, tokenizer, [tokens for tokens, _ in batch], settings)
            said |= {example: own for (_, example), own in zip(batch, found, strict=True)}
            progress.advance(len(batch))
    return said


def _model(torch: Any, source: str, choice: ModelChoice) -> Any:
    transformers: Any = import_module("transformers")
    model = transformers.AutoModelForCausalLM.from_pretrained(
        source,
        dtype=choice.dtype,
        attn_implementation=choice.attention,
        trust_remote_code=choice.trust_remote_code,
    )
    return model.to("cuda" if torch.cuda.is_available() else "cpu").eval()


def _complete(
    torch: Any, model: Any, tokenizer: Any, prompts: Sequence[Sequence[int]], settings: TrialSettings
) -> Iterator[list[Said]]:
    """`settings.samples` completions of each prompt, in order; special tokens are left out of the texts."""
    prompts = [prompt for prompt in prompts for _ in range(settings.samples)]
    width = max(map(len, prompts))
    padded = [[tokenizer.pad_token_id] * (width - len(prompt)) + list(prompt) for prompt in prompts]
    seen = [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    drawn = {"do_sample": False}
    if settings.temperature:  # every one written out: a model's own generation_config.json would fill the gaps
        drawn = {"do_sample": True, "temperature": settings.temperature, "top_p": settings.top_p, "top_k": 0}
    found = model.generate(
        input_ids=torch.tensor(padded, device=model.device),
        attention_mask=torch.tensor(seen, device=model.device),
        max_new_tokens=settings.max_tokens,
        repetition_penalty=1.0,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        **drawn,
    )[:, width:].tolist()
    for start in range(0, len(found), settings.samples):
        yield [_said(tokenizer, tokens) for tokens in found[start : start + settings.samples]]


def _said(tokenizer: Any, tokens: Sequence[int]) -> Said:
    length = next((at + 1 for at, token in enumerate(tokens) if token == tokenizer.eos_token_id), len(tokens))
    return Said(tokenizer.decode(tokens[:length], skip_special_tokens=True), length)
