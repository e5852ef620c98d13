"""The trainers' snippets of docs/exports.md, run as they stand but for a model of their own and a single step."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from cluster_r1.benchmark.exports.formats import FORMATS, export_benchmark
from cluster_r1.benchmark.files import Benchmark
from exporting import tiny_model

PAGE = (Path(__file__).parents[3] / "docs" / "exports.md").read_text("utf-8")
ON_CPU = (
    "use_cpu=True, bf16=False, gradient_checkpointing=False, report_to='none', save_strategy='no', disable_tqdm=True,"
    " max_steps=1, "
)


def section(name: str) -> str:
    return PAGE.split(f"\n## {name}\n")[1].split("\n## ")[0]


def snippet(name: str) -> str:
    (code,) = re.findall(r"^```py\n(.*?)^```", section(name), re.DOTALL | re.MULTILINE)
    return code


def test_every_format_is_described() -> None:
    assert re.findall(r"^## (.*)$", PAGE, re.MULTILINE) == list(FORMATS)
    for name, chosen in FORMATS.items():
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |"))
        default = row.split("|")[-2].strip().partition(";")[0]
        assert default == ("all" if len(chosen.splits) == 5 else ", ".join(chosen.splits))


@pytest.mark.parametrize("name", ["jsonl", "hf"])
def test_readers(name: str, benchmark: Benchmark, monkeypatch: pytest.MonkeyPatch) -> None:
    export_benchmark(benchmark, name, benchmark.folder / "exports" / name)
    monkeypatch.chdir(benchmark.folder)
    exec(snippet(name), {})


@pytest.mark.slow
@pytest.mark.parametrize("name", ["trl-sft", "trl-grpo"])
def test_trainers(name: str, benchmark: Benchmark, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch", reason="TRL is not installed: pip install 'cluster-r1[train]'")
    pytest.importorskip("trl", reason="TRL is not installed: pip install 'cluster-r1[train]'")
    torch.set_num_threads(1)
    export_benchmark(benchmark, name, benchmark.folder / "exports" / name)
    monkeypatch.chdir(benchmark.folder)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "compute_score", raising=False)
    model = tiny_model(benchmark.folder / "model")
    code = snippet(name).replace("Qwen/Qwen2.5-7B-Instruct", str(model)).replace("output_dir=", f"{ON_CPU}output_dir=")
    code = code.replace("max_completion_length=4096", "max_completion_length=8")
    names: dict[str, object] = {}
    exec(code, names)
    assert names["trainer"].state.global_step == 1  # type: ignore[attr-defined]
