"""Reinforcement learning and evaluation with Prime's verifiers 0.4: an environment package that can be installed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ... import __version__
from ...core.prompt import example_prompt
from ...core.workspace import write_text
from ..files import Benchmark, Split
from ..reward_file import reward_file_source
from .order import ExportOrder, Written
from .rows import write_jsonl
from .trl_grpo import REWARD_FILE
from .verifiers_files import package_files, package_name


def write(benchmark: Benchmark, splits: Sequence[Split], folder: Path, order: ExportOrder) -> Written:
    """pyproject.toml, README.md and PACKAGE with its one taskset, data/SPLIT.jsonl and compute_score.py."""
    name = benchmark.manifest.name
    package = folder / package_name(name)
    for path, text in package_files(name, __version__, tuple(splits)).items():
        write_text(folder / path, text)
    write_text(package / REWARD_FILE, reward_file_source())
    (package / "data").mkdir()
    rows = {split: write_jsonl(package / "data" / f"{split}.jsonl", _rows(benchmark, split)) for split in splits}
    return Written(dict(rows), (f"for `vf-eval {package.name.replace('_', '-')}` pip install this folder:",))


def _rows(benchmark: Benchmark, split: Split) -> Iterator[dict[str, Any]]:
    for record in benchmark.records(split):
        example = benchmark.example(record)
        prompt = example_prompt(example.instruction, example.texts)
        yield {
            "id": record.id,
            "prompt": prompt.user,
            "system_prompt": prompt.system,
            "labels": example.gold.labels(),
            "task": record.task,
            "domain": record.domain,
        }
