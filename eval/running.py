"""Entries of all makes in one run: endpoints' and served models, then folders that are sampled in this process."""

from __future__ import annotations

from collections.abc import Sequence

from ..benchmark.files import Benchmark
from ..core.evaluation import EntryInfo, EvaluationFolder
from ..core.settings import BudgetSettings
from ..graphs.progress import Progress
from .entries import Order, check_samples
from .folders import FolderEntry, run_folder
from .models import ModelEntry, run_models


async def run_entries(
    entries: Sequence[ModelEntry | FolderEntry],
    benchmark: Benchmark,
    evaluation: EvaluationFolder,
    order: Order,
    progress: Progress,
    budget: BudgetSettings | None = None,
    replace: bool = False,
) -> list[EntryInfo]:
    """Ask each of them what it still owes. Raises as `run_models` and `run_folder` do.

    What cannot be (a constraint that an endpoint does not take, samples at temperature 0) is refused for all of them
    before the first is asked.
    """
    folders = [entry for entry in entries if isinstance(entry, FolderEntry)]
    models = [entry for entry in entries if isinstance(entry, ModelEntry)]
    for folder in folders:
        check_samples(folder.name, order.samples, folder.temperature)
    infos = await run_models(models, benchmark, evaluation, order, progress, budget, replace) if models else []
    return infos + [run_folder(folder, benchmark, evaluation, order, progress, replace) for folder in folders]
