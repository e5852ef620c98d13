"""`cluster-r1 build`: a leak-proof benchmark from labelled tasks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .console import out, watched
from .context import CommandContext

if TYPE_CHECKING:
    from ..benchmark.files import BenchmarkManifest


def build(
    context: typer.Context,
    folder: Annotated[Path | None, typer.Option("--out", help="where to; default: benchmark/ in the project")] = None,
    tokenizer: Annotated[str | None, typer.Option(help="instead of benchmark.tokenizer")] = None,
    seed: Annotated[int | None, typer.Option(help="instead of the settings' seed")] = None,
) -> None:
    """Pools, training examples and the splits C0, C1, C2, proven to share nothing; refuses to write a leak."""
    from ..benchmark.build import build_benchmark
    from ..benchmark.collecting import collect_projects
    from ..llm.tokenizers import open_tokenizer

    command: CommandContext = context.obj
    workspace = command.workspace
    settings = workspace.settings()
    target = folder or workspace.benchmark
    with workspace.lock(), watched() as progress:
        projects = collect_projects(workspace, settings.benchmark)
        counter = open_tokenizer(tokenizer or settings.benchmark.tokenizer, progress.note)
        chosen = settings.seed if seed is None else seed
        manifest = build_benchmark(projects, settings.benchmark, counter, chosen, target.absolute(), progress)
    _say(manifest)
    out.print(f"benchmark: {target}", markup=False)


def _say(manifest: BenchmarkManifest) -> None:
    held = [task.held for task in manifest.tasks]
    out.print(
        f"{len(held)} tasks ({held.count('held-in')} held-in, {held.count('held-out')} held-out),"
        f" {manifest.texts:,} texts, {manifest.groups:,} groups of near-duplicates",
        markup=False,
    )
    out.print(
        "examples: " + ", ".join(f"{count:,} {split}" for split, count in manifest.examples.items()), markup=False
    )
    for short in manifest.shortfalls:
        out.print(f"  {short.split} {short.task}: {short.made} of {short.wanted}: {short.reason}", markup=False)
    looked_at = sum(check.looked_at for check in manifest.proof)
    out.print(f"proof: {len(manifest.proof)} checks over {looked_at:,} things, no leak", markup=False)
