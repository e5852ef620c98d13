"""SFT and GRPO of a small instruct model on real labelled sets, against embeddings with K-means, on the same examples.

    benchmarks/gpu_proof.py DATA --out DIR --model MODEL [--embedder FOLDER] [--cpu-smoke]

DATA is what `labelled_sets.py` reads. MODEL is a folder, a hub name, a .gguf file or a registered local model's name.
The machine needs no network when MODEL and EMBEDDER are there. It builds a benchmark of short texts whose labels are
the sets' own (two of six instructions are held out), writes traces by rule, trains SFT and GRPO by gpu_proof.yaml, and
samples base, SFT and SFT+GRPO on C1 and C2 examples. Nothing is asserted; run again to resume. It ends with
DIR/gpu-training.md and DIR/runs/gpu-proof/report.html. `--cpu-smoke` does a few steps on a CPU to see that all of it
runs; its figures say nothing.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from cluster_r1.benchmark.files import Benchmark, Split
from cluster_r1.cli.console import watched
from cluster_r1.core.json_lines import read_lines
from cluster_r1.core.training_runs import RunFolder, RunInfo, Trial
from cluster_r1.eval.embedders.interface import Options
from cluster_r1.eval.embedders.registry import embedder
from cluster_r1.graphs.progress import Progress
from cluster_r1.llm.tokenizers import open_tokenizer
from cluster_r1.llm.weights import registry, weights_path
from cluster_r1.training.baseline import Vectors, tfidf, try_kmeans
from cluster_r1.training.data import training_rows
from cluster_r1.training.grpo import train_grpo
from cluster_r1.training.recipe import Recipe
from cluster_r1.training.recipe_file import changed_recipe, load_recipe
from cluster_r1.training.sampling import SamplingSettings
from cluster_r1.training.sft import train_sft
from cluster_r1.training.trial import try_model
from labelled_sets import Sizes, labelled_benchmark, ruled_reasoning

RECIPE = Path(__file__).with_suffix(".yaml")
SPLITS: tuple[Split, ...] = ("c1", "c2")
FULL = Sizes(train=1600, distill=130, held_out=24, prompt_tokens=620, max_clusters=6)
SMOKE = Sizes(train=40, distill=4, held_out=1, prompt_tokens=400, max_clusters=3)


class Plan(NamedTuple):
    """How much is done: sizes of the benchmark, samples of each held-out example, overrides of the recipe."""

    sizes: Sizes
    samples: int
    changes: dict[str, dict[str, Any]]


PLANS = {
    False: Plan(FULL, 2, {}),
    True: Plan(
        SMOKE,
        1,
        {
            "hardware": {"nodes": 1, "gpus": 0, "memory_gib": 20, "spread": "single", "threads": 1},
            "sft": {"batch": 2, "micro_batch": 1, "max_steps": 3},
            "grpo": {"prompts": 1, "rollouts": 4, "micro_batch": 4, "max_steps": 2, "max_completion_tokens": 96},
        },
    ),
}


def main() -> None:
    arguments = _arguments()
    plan = PLANS[arguments.cpu_smoke]
    out: Path = arguments.out.absolute()
    began = time.monotonic()
    with watched() as progress:
        model = str(weights_path(arguments.model, progress.note)) if arguments.model in registry() else arguments.model
        recipe = _recipe(model, plan, arguments)
        counter = open_tokenizer(arguments.model, progress.note)
        benchmark = labelled_benchmark(arguments.data, out / "benchmark", plan.sizes, counter, progress)
        run = RunFolder(out / "runs" / recipe.name)
        stages = _train(recipe, benchmark, run, progress)
        _try(recipe, benchmark, run, plan, progress)
        _baselines(recipe, benchmark, run, arguments.embedder)
    _write(out, run, arguments, benchmark, stages, (time.monotonic() - began) / 60)


def _recipe(model: str, plan: Plan, arguments: argparse.Namespace) -> Recipe:
    recipe = changed_recipe(load_recipe(RECIPE), str(RECIPE), model={"name": model}, **plan.changes)
    if arguments.grpo_steps is not None:
        recipe = changed_recipe(recipe, str(RECIPE), grpo={"max_steps": arguments.grpo_steps})
    return recipe


def _train(recipe: Recipe, benchmark: Benchmark, run: RunFolder, progress: Progress) -> list[RunInfo]:
    reasoning = ruled_reasoning(benchmark.examples("distill"))
    name = benchmark.manifest.name
    sft = train_sft(recipe, training_rows(benchmark, "distill", recipe.prompt, reasoning), run, progress, name)
    grpo = train_grpo(recipe, training_rows(benchmark, "train", recipe.prompt, None), run, progress, name)
    return [sft, grpo]


def _try(recipe: Recipe, benchmark: Benchmark, run: RunFolder, plan: Plan, progress: Progress) -> None:
    models = {"base": _base_folder(recipe, run), "sft": run.sft.model, "grpo": run.grpo.model}
    settings = SamplingSettings(samples=plan.samples, max_tokens=recipe.grpo.max_completion_tokens, batch=128)
    for split in SPLITS:
        rows = list(training_rows(benchmark, split, recipe.prompt, None))
        for name, model in models.items():
            if not _has_trial(run, name, split):
                try_model(
                    str(model), recipe.model, rows, run, name, split, progress, settings, recipe.reward.settings()
                )


def _base_folder(recipe: Recipe, run: RunFolder) -> str:
    """The model that training started from; a .gguf file is unpacked in the run's folder."""
    return str(run.sft.base) if run.sft.base.exists() else str(recipe.model.name)


def _baselines(recipe: Recipe, benchmark: Benchmark, run: RunFolder, encoder: Path | None) -> None:
    """K-means with gold K on the texts alone: it does not read instructions."""
    ways: dict[str, Vectors] = {"tfidf-kmeans": tfidf} | ({"minilm-kmeans": _encoder(encoder)} if encoder else {})
    for split in SPLITS:
        for name, vectors in ways.items():
            if not _has_trial(run, name, split):
                try_kmeans(benchmark.examples(split), run, split, recipe.reward.settings(), name, vectors)


def _encoder(folder: Path) -> Vectors:
    model = embedder(f"sentence-transformers={folder}", Options(template="none"))
    return lambda texts: model.embed("", texts)


def _has_trial(run: RunFolder, name: str, split: str) -> bool:
    return any(trial.model == name and trial.split == split for trial in read_lines(run.trials, Trial))


def _write(
    out: Path,
    run: RunFolder,
    arguments: argparse.Namespace,
    benchmark: Benchmark,
    stages: Sequence[RunInfo],
    minutes: float,
) -> None:
    from cluster_r1.reports.training import training_page
    from cluster_r1.reports.training_markdown import trials_markdown

    run.report.write_text(training_page(run), encoding="utf-8")
    examples = ", ".join(f"{count} {split}" for split, count in benchmark.manifest.examples.items())
    lines = [
        f"# {arguments.model}: SFT and GRPO on short texts",
        "",
        f"`benchmarks/gpu_proof.py DATA --out DIR --model {arguments.model}"
        f"{' --cpu-smoke' if arguments.cpu_smoke else ''}`, {_device()}, {minutes:.1f} minutes in this call.",
        f"Benchmark: {examples}; held-out instructions: "
        + ", ".join(task.id for task in benchmark.manifest.tasks if task.held == "held-out"),
        "",
        "| stage | updates | rows | minutes | device |",
        "|---|---|---|---|---|",
        *(f"| {s.stage} | {s.step} | {s.rows} | {s.seconds / 60:.1f} | {s.device} |" for s in stages),
        "",
        trials_markdown(list(read_lines(run.trials, Trial))),
        "An invalid answer has V and reward 0. K-means knows the gold number of clusters and reads no instruction.",
        "",
    ]
    (out / "gpu-training.md").write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))
    print(f"page: {run.report}")


def _device() -> str:
    import torch

    name = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor() or "CPU"
    return f"{name}, torch {metadata.version('torch')}, TRL {metadata.version('trl')}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--embedder", type=Path, help="folder of a sentence-transformers model, such as MiniLM")
    parser.add_argument("--grpo-steps", type=int)
    parser.add_argument("--cpu-smoke", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
