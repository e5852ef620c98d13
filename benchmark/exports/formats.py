"""The formats by name, and exporting to one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from ... import __version__
from ...core.errors import BenchmarkError, LeakError
from ...core.prompt import PROMPT_VERSION
from ...core.workspace import atomic_folder
from ..files import EVALUATION, SPLITS, Benchmark, Split
from ..proof import assert_proven
from . import huggingface, jsonl, mteb, trl_grpo, trl_sft, verifiers, verl
from .folder import ExportMarker, refuse_other_content, write_marker
from .order import ExportOrder, Written

DEFAULT = ExportOrder()
_REINFORCED: tuple[Split, ...] = ("train", *EVALUATION)


class ExportFormat(NamedTuple):
    """`splits` is what is written unless an order names others; `possible` are the ones that it may name."""

    says: str
    write: Callable[[Benchmark, Sequence[Split], Path, ExportOrder], Written]
    splits: tuple[Split, ...]
    possible: tuple[Split, ...] = SPLITS


FORMATS: dict[str, ExportFormat] = {
    "trl-sft": ExportFormat("TRL's SFTTrainer: prompt and completion", trl_sft.write, ("train",)),
    "trl-grpo": ExportFormat("TRL's GRPOTrainer: prompts, labels, compute_score.py", trl_grpo.write, _REINFORCED),
    "verl": ExportFormat("verl: Parquet and compute_score.py", verl.write, _REINFORCED),
    "verifiers": ExportFormat("Prime's verifiers: an environment package to install", verifiers.write, _REINFORCED),
    "hf": ExportFormat("a Hugging Face data set with its data card", huggingface.write, SPLITS),
    "mteb": ExportFormat("clustering tasks for mteb: the evaluation pools", mteb.write, ("c1", "c2"), ("c1", "c2")),
    "jsonl": ExportFormat("plain rows with texts, labels and answer", jsonl.write, SPLITS),
}


def export_benchmark(benchmark: Benchmark, name: str, folder: Path, order: ExportOrder = DEFAULT) -> Written:
    """Write one format to `folder`, whole or not at all; the same benchmark gives the same bytes.

    An earlier export there is replaced. Raises LeakError for a benchmark that leaks, and BenchmarkError for an unknown
    format, a split that it does not have, a folder with other content, and a benchmark that was changed since it was
    proven or was never proven.
    """
    if name not in FORMATS:
        raise BenchmarkError(f"there is no format {name!r}; there are {', '.join(FORMATS)}")
    if order.traces is not None and name != "trl-sft":
        raise BenchmarkError(f"--traces goes with --to trl-sft: {name} has no reasoning")
    folder = folder.absolute()
    splits = _splits(benchmark, name, order)
    refuse_other_content(folder)
    _refuse_unproven(benchmark)
    with atomic_folder(folder) as temporary:
        written = FORMATS[name].write(benchmark, splits, temporary, order)
        manifest = benchmark.manifest
        write_marker(
            temporary,
            ExportMarker(
                format=name,
                benchmark=manifest.name,
                version=__version__,
                prompt_version=PROMPT_VERSION,
                rows=written.rows,
            ),
        )
    return written


def _splits(benchmark: Benchmark, name: str, order: ExportOrder) -> tuple[Split, ...]:
    """What to write: splits that are asked for must have examples, others are left out without any."""
    chosen = FORMATS[name]
    if not order.splits:
        usual = ("distill",) if order.traces is not None else chosen.splits
        there: tuple[Split, ...] = tuple(split for split in usual if benchmark.manifest.examples.get(split))
        if not there:
            raise BenchmarkError(
                f"{benchmark.folder} has no example in {', '.join(usual)}; name another split with --split"
            )
        return there
    for split in order.splits:
        if split not in chosen.possible:
            raise BenchmarkError(f"{name} has no split {split!r}; it takes {', '.join(chosen.possible)}")
        if not benchmark.manifest.examples.get(split):
            raise BenchmarkError(f"{benchmark.folder} has no example in {split}; leave it out of --split")
    return tuple(split for split in SPLITS if split in order.splits)


def _refuse_unproven(benchmark: Benchmark) -> None:
    try:
        assert_proven(benchmark)
    except LeakError as error:
        raise LeakError(f"{benchmark.folder} is not exported: {error}") from None
