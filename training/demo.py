"""The demonstration: a random model learns to cluster a toy benchmark, by the steps that a real one takes."""

from __future__ import annotations

from pathlib import Path

from ..benchmark.files import Benchmark, Split
from ..core.errors import BenchmarkError
from ..core.training_runs import RunFolder
from ..core.workspace import Workspace
from ..graphs.progress import Progress
from .data import proven_benchmark, stage_source
from .grpo import train_grpo
from .recipe_file import load_recipe
from .resuming import held
from .sft import train_sft
from .toy import TOY, write_toy_benchmark, write_toy_traces
from .trying import TrialOrder, run_trials

RECIPE = "tiny-cpu"
SPLITS: tuple[Split, ...] = ("c1", "c2")


def run_demo(folder: Path, progress: Progress) -> RunFolder:
    """Toy benchmark, SFT, GRPO and trials in `folder`, which becomes a project; what is done already is not repeated.

    Raises BenchmarkError when something else is in `folder`.
    """
    recipe, workspace = load_recipe(RECIPE), Workspace(folder)
    run = RunFolder(workspace.runs / recipe.name)
    benchmark = _benchmark(workspace, recipe.seed, progress)
    with held(run):
        learnt = stage_source(recipe, "sft", benchmark, workspace.traces)
        train_sft(recipe, learnt.rows, run, progress, learnt.says)
        sampled = stage_source(recipe, "grpo", benchmark, workspace.traces)
        train_grpo(recipe, sampled.rows, run, progress, sampled.says)
        run_trials(TrialOrder(recipe, splits=SPLITS), benchmark, run, progress)
    return run


def _benchmark(workspace: Workspace, seed: int, progress: Progress) -> Benchmark:
    if workspace.root.exists() and any(workspace.root.iterdir()):
        found = Benchmark(workspace.benchmark) if workspace.benchmark.exists() else None
        if found is None or found.manifest.name != TOY:
            raise BenchmarkError(f"{workspace.root} is there and is no demonstration; name another folder with --out")
    progress.stage("toy benchmark", None)
    if not workspace.benchmark.exists():
        write_toy_benchmark(workspace.benchmark, seed)
    benchmark = proven_benchmark(workspace.benchmark)
    write_toy_traces(benchmark, workspace.traces)
    return benchmark
