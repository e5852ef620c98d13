"""Run folders written by hand: curves as a training gives them, completions, alarms, trials; no model is trained."""

from __future__ import annotations

import math
import random
from pathlib import Path

from cluster_r1.core.json_lines import append_line
from cluster_r1.core.training_runs import (
    Alarm,
    MetricLine,
    RunFolder,
    RunInfo,
    SampledCompletion,
    Stage,
    StageFolder,
    Trial,
)
from pydantic import BaseModel

RECIPE = "name: tiny-cpu\nabout: a model that learns in a minute\nmodel:\n  tiny:\n    hidden: 64\n"
ANSWER = "Total clusters: [2]\ncluster1: [1, 3]\ncluster2: [2, 4]\n"
ERRORS = {"tags": 0.1, "count_line": 0.05, "missing": 0.5, "duplicate": 0.3, "out_of_range": 0.05}


def write_run(folder: Path, steps: int = 40, seed: int = 0) -> RunFolder:
    """SFT of 60 steps, GRPO of `steps`, resumed once, with an alarm, and trials on one split."""
    run = RunFolder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    run.recipe.write_text(RECIPE)
    rng = random.Random(seed)
    write_sft(run.sft, rng)
    write_grpo(run.grpo, steps, rng)
    add_lines(run.trials, TRIALS)
    return run


def write_info(stage: StageFolder, name: Stage, steps: int, **changes: object) -> RunInfo:
    info = RunInfo(
        stage=name,
        recipe="tiny-cpu",
        model="tiny",
        parameters=178_368,
        data="benchmark (small), train",
        data_sha256="0123456789abcdef" * 4,
        rows=512,
        left_out={"prompt longer than 28,000 tokens": 3},
        steps=steps,
        step=steps,
        outcome="done",
        seconds=83.4,
        versions={"torch": "2.13.0", "trl": "1.16.0", "transformers": "5.23.0"},
        started="2026-11-20T11:30:00+00:00",
        ended="2026-11-20T11:32:00+00:00",
    ).model_copy(update=changes)
    stage.folder.mkdir(parents=True, exist_ok=True)
    stage.info.write_text(info.model_dump_json())
    return info


def write_sft(stage: StageFolder, rng: random.Random) -> None:
    write_info(stage, "sft", 60)
    add_lines(
        stage.metrics,
        [
            MetricLine(
                step=step,
                seconds=step * 0.3,
                values={
                    "loss": 0.22 + 3.6 * math.exp(-step / 12) + rng.gauss(0, 0.05),
                    "mean_token_accuracy": 0.95 - 0.8 * math.exp(-step / 15) + rng.gauss(0, 0.01),
                    "grad_norm": 0.4 + rng.expovariate(3),
                    "learning_rate": 3e-3 * min(1.0, step / 10),
                },
            )
            for step in range(1, 61)
        ],
    )


def write_grpo(stage: StageFolder, steps: int, rng: random.Random) -> None:
    write_info(stage, "grpo", steps, starts=2)
    add_lines(stage.metrics, [grpo_line(step, steps, rng) for step in range(1, steps + 1)])
    add_lines(stage.completions, [c for step in range(1, steps + 1) for c in completions(step, steps, rng)])
    says = "most groups have equal rewards: take harder prompts, more rollouts or a higher temperature"
    rings = (steps // 2, 3 * steps // 4)
    add_lines(stage.alarms, [Alarm(step=s, kind="zero_spread", value=0.83, limit=0.8, says=says) for s in rings])


def grpo_line(step: int, steps: int, rng: random.Random) -> MetricLine:
    far = 1 - math.exp(-3 * step / steps)
    valid = min(1.0, max(0.0, 0.5 + 0.45 * far + rng.gauss(0, 0.04)))
    quality = min(1.0, valid * (0.45 + 0.2 * far) + rng.gauss(0, 0.03))
    longest = 60.0 if rng.random() < 0.6 else 55.0
    return MetricLine(
        step=step,
        seconds=step * 0.7,
        values={
            "reward": max(0.0, quality * (0.8 + 0.1 * far) + rng.gauss(0, 0.02)),
            "reward_std": 0.25 - 0.15 * far + rng.gauss(0, 0.02),
            "cluster/format": valid,
            "cluster/count": valid * (0.8 + 0.15 * far),
            "cluster/quality": quality,
            **{f"cluster/error/{kind}": (1 - valid) * share for kind, share in ERRORS.items()},
            "completions/mean_length": 52 - 4 * far + rng.gauss(0, 0.7),
            "completions/max_length": longest,
            "completions/clipped_ratio": max(0.0, 0.2 - 0.2 * far + rng.gauss(0, 0.03)),
            "frac_reward_zero_std": max(0.0, 0.5 * far + rng.gauss(0, 0.05)),
            "kl": 0.02 * far + abs(rng.gauss(0, 0.002)),
            "entropy": 0.25 - 0.1 * far + rng.gauss(0, 0.005),
            "loss": rng.gauss(0, 0.01),
            "grad_norm": 0.3 + rng.expovariate(4),
            "learning_rate": 1e-3 * (1 - step / steps),
            "step_time": 0.6 + rng.expovariate(10),
        },
    )


def completions(step: int, steps: int, rng: random.Random) -> list[SampledCompletion]:
    """Four of a step: two valid ones and two that are not."""
    found = [
        SampledCompletion(
            step=step,
            example=f"train/court-0/{n:05d}",
            completion=f"<think> 1 hat 2 dog 3 hat 4 dog </think>\n<answer>{ANSWER}</answer>",
            reward=round(min(1.0, 0.3 + 0.6 * step / steps + rng.random() / 10), 3),
        )
        for n in range(2)
    ]
    broken = (
        ("missing", "<think> 1 hat </think>\n<answer>Total clusters: [1]\ncluster1: [1]\n</answer>"),
        ("tags", "hat " * 200),
    )
    for n, (error, text) in enumerate(broken, start=2):
        found.append(
            SampledCompletion(step=step, example=f"train/court-0/{n:05d}", completion=text, reward=0.0, error=error)
        )
    return found


def trial(model: str, reward: float, split: str = "c1", **changes: object) -> Trial:
    return Trial(
        model=model,
        split=split,
        examples=128,
        samples=4,
        temperature=1.0,
        seed=0,
        reward=reward,
        standard_error=0.021,
        format=min(1.0, reward * 2),
        count=min(1.0, reward * 1.8),
        quality=min(1.0, reward * 1.3),
        k_error=0.42,
        tokens=51.6,
        errors={"missing": 40, "tags": 9},
    ).model_copy(update=changes)


TRIALS = (
    trial("grpo", 0.441),
    trial("sft", 0.283),
    trial("base", 0.0, standard_error=0.0, errors={"tags": 512}),
    trial("MiniLM + K-means", 0.39, samples=1, errors={}),
)


def add_lines(path: Path, lines: list[MetricLine] | list[SampledCompletion] | list[Alarm] | tuple[Trial, ...]) -> None:
    """As `append_line` does, at once."""
    first: list[BaseModel] = list(lines[:1])
    for line in first:
        append_line(path, line)
    with path.open("a", encoding="utf-8") as file:
        file.writelines(line.model_dump_json() + "\n" for line in lines[1:])
