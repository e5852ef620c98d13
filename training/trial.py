"""A trial: a model on this machine is sampled on examples, and what it said is scored and kept (paper §7, App. I)."""

from __future__ import annotations

import math
import statistics
import time
from collections import Counter
from collections.abc import Mapping, Sequence

from ..core.json_lines import read_lines, write_lines
from ..core.scoring import DEFAULT_REWARD, RewardSettings, Score, score_completion
from ..core.training_runs import RunFolder, Trial, TrialCompletion
from ..graphs.progress import Progress
from .data import TrainingRow
from .recipe import ModelChoice, Recipe
from .sampling import LocalModel, Said, SamplingSettings, batches, seeded


def sampling_settings(recipe: Recipe, samples: int = 1) -> SamplingSettings:
    """Sampled as the recipe's rollouts are."""
    grpo = recipe.grpo
    return SamplingSettings(samples, grpo.temperature, grpo.top_p, grpo.max_completion_tokens, recipe.seed)


def try_model(
    source: str,
    choice: ModelChoice,
    rows: Sequence[TrainingRow],
    run: RunFolder,
    name: str,
    split: str,
    progress: Progress,
    settings: SamplingSettings,
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
    settings: SamplingSettings,
    reward: RewardSettings,
    seconds: float,
) -> Trial:
    """Score what was said to each example, by its id, and write trial and completions down."""
    scored = [[(one, score_completion(one.text, row.labels, reward)) for one in said[row.id]] for row in rows]
    kept = (_kept(row.id, one, score) for row, own in zip(rows, scored, strict=True) for one, score in own)
    write_lines(run.trial_completions(name, split), kept)
    scores = [[score for _, score in own] for own in scored]
    trial = _trial(name, split, scores, settings).model_copy(
        update={"tokens": _mean([one.tokens for own in scored for one, _ in own]), "seconds": seconds}
    )
    others = [one for one in read_lines(run.trials, Trial) if (one.model, one.split) != (name, split)]
    write_lines(run.trials, [*others, trial])
    return trial


def _trial(name: str, split: str, scores: Sequence[Sequence[Score]], settings: SamplingSettings) -> Trial:
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
    source: str, choice: ModelChoice, rows: Sequence[TrainingRow], settings: SamplingSettings, progress: Progress
) -> dict[str, list[Said]]:
    """Completions by example id."""
    model = LocalModel(source, choice)
    said: dict[str, list[Said]] = {}
    with seeded(settings.seed):
        for batch in batches(model, {row.id: row.prompt for row in rows}, settings):
            found = model.sample([tokens for tokens, _ in batch], settings)
            said |= {example: own for (_, example), own in zip(batch, found, strict=True)}
            progress.advance(len(batch))
    return said
