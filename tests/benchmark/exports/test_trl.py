"""TRL's trainers load what is exported for them: what they train on, what their reward gives."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cluster_r1.benchmark.exports.formats import export_benchmark
from cluster_r1.benchmark.exports.order import ExportOrder
from cluster_r1.benchmark.files import Benchmark
from cluster_r1.core.answer import parse_answer, render_answer
from cluster_r1.core.prompt import example_prompt
from datasets import load_dataset
from exporting import tiny_model

ON_CPU: dict[str, Any] = {
    "use_cpu": True,
    "bf16": False,
    "gradient_checkpointing": False,
    "report_to": "none",
    "save_strategy": "no",
    "disable_tqdm": True,
    "max_steps": 1,
}


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("exported_compute_score", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def trl() -> ModuleType:
    torch = pytest.importorskip("torch", reason="TRL is not installed: pip install 'cluster-r1[train]'")
    torch.set_num_threads(1)
    return pytest.importorskip("trl", reason="TRL is not installed: pip install 'cluster-r1[train]'")


def test_rows_for_fine_tuning(benchmark: Benchmark, tmp_path: Path) -> None:
    export_benchmark(benchmark, "trl-sft", tmp_path / "out")
    examples = list(benchmark.examples("train"))
    for row, example in zip(rows_of(tmp_path / "out" / "train.jsonl"), examples, strict=True):
        assert set(row) == {"prompt", "completion", "id", "task", "domain"}
        assert row["prompt"] == example_prompt(example.instruction, example.texts).messages()
        (message,) = row["completion"]
        assert message["role"] == "assistant"
        assert parse_answer(message["content"], len(example.texts)) == example.gold
        assert re.search(r"\b(red|green|blue)\b", json.dumps(row)) is None


def test_rows_for_grpo(benchmark: Benchmark, tmp_path: Path) -> None:
    written = export_benchmark(benchmark, "trl-grpo", tmp_path / "out")
    assert written.rows == {"train": 8, "c0": 4, "c1": 4, "c2": 4}
    reward = loaded(tmp_path / "out" / "compute_score.py").cluster_reward
    examples = list(benchmark.examples("c1"))
    rows = rows_of(tmp_path / "out" / "c1.jsonl")
    for row, example in zip(rows, examples, strict=True):
        assert set(row) == {"prompt", "labels", "n", "k", "task", "domain", "id"}
        assert (row["n"], row["k"], row["labels"][0]) == (9, 3, 0)
        assert row["prompt"] == example_prompt(example.instruction, example.texts).messages()
    golds = [render_answer(example.gold) for example in examples]
    assert reward(completions=golds, labels=[row["labels"] for row in rows]) == [1] * len(rows)


@pytest.mark.slow
def test_the_sft_trainer_trains_on_the_answer_alone(trl: ModuleType, benchmark: Benchmark, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    path = tmp_path / "traces.jsonl"
    ids = [record.id for record in benchmark.records("distill")]
    path.write_text("".join(json.dumps({"example": name, "think": "colours differ"}) + "\n" for name in ids))
    export_benchmark(benchmark, "trl-sft", tmp_path / "out", ExportOrder(traces=path))
    model = tiny_model(tmp_path / "model")
    tokenizer = AutoTokenizer.from_pretrained(model)
    rows = load_dataset("json", data_files=str(tmp_path / "out" / "distill.jsonl"), split="train")
    trainer = trl.SFTTrainer(
        model=str(model),
        args=trl.SFTConfig(output_dir=str(tmp_path / "runs"), max_length=4096, per_device_train_batch_size=2, **ON_CPU),
        train_dataset=rows,
    )
    assert len(trainer.train_dataset) == 4
    for row, tokens in zip(rows, trainer.train_dataset, strict=True):
        assert isinstance(row, dict)
        trained = [token for token in tokens["labels"] if token != -100]
        assert tokenizer.decode(trained) == row["completion"][0]["content"] + "<|im_end|>\n"
        whole = tokenizer.decode(tokens["input_ids"])
        assert whole.startswith("<|im_start|>system\nYou group texts")
        assert row["prompt"][1]["content"] in whole
    trainer.train()
    assert trainer.state.log_history[-1]["train_loss"] > 0


@pytest.mark.slow
def test_the_grpo_trainer_takes_prompts_and_reward(trl: ModuleType, benchmark: Benchmark, tmp_path: Path) -> None:
    export_benchmark(benchmark, "trl-grpo", tmp_path / "out")
    reward = loaded(tmp_path / "out" / "compute_score.py").cluster_reward
    files = {split: str(tmp_path / "out" / f"{split}.jsonl") for split in ("train", "c1")}
    rows = load_dataset("json", data_files=files)
    seen: list[list[int]] = []

    def watched(completions: list[Any], labels: list[list[int]], **columns: Any) -> list[float]:
        seen.extend(labels)
        assert [(len(gold), len(set(gold))) for gold in labels] == list(zip(columns["n"], columns["k"], strict=True))
        return [r + i for i, r in enumerate(reward(completions=completions, labels=labels, **columns))]

    trainer = trl.GRPOTrainer(
        model=str(tiny_model(tmp_path / "model")),
        reward_funcs=watched,
        args=trl.GRPOConfig(
            output_dir=str(tmp_path / "runs"),
            num_generations=2,
            per_device_train_batch_size=2,
            max_completion_length=8,
            logging_steps=1,
            **ON_CPU,
        ),
        train_dataset=rows["train"],
        eval_dataset=rows["c1"],
    )
    trainer.train()
    logged = next(entry for entry in trainer.state.log_history if "reward" in entry)
    assert logged["reward"] == 0.5
    assert logged["cluster/format"] == 0
    assert logged["cluster/error/tags"] == 1
    golds = [row["labels"] for row in rows_of(tmp_path / "out" / "train.jsonl")]
    assert len(seen) == 2
    assert seen[0] == seen[1]
    assert seen[0] in golds
