"""Both stages on a model of 38,000 weights: what is learnt, how it is kept, how it goes on after a kill."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cluster_r1.cli.app import app
from cluster_r1.core.errors import SettingsError, TrainingStopped
from cluster_r1.core.json_lines import read_lines
from cluster_r1.core.training_runs import Alarm, MetricLine, RunFolder, SampledCompletion, StageFolder, read_run_info
from cluster_r1.training.recipe_file import render_recipe
from training_stages import GRPO_STEPS, SFT_STEPS, Watcher, grpo, sft, small_recipe, small_rows
from typer.testing import CliRunner

pytestmark = pytest.mark.slow
torch: Any = pytest.importorskip("torch", reason="torch is not installed: pip install 'cluster-r1[train]'")
transformers: Any = pytest.importorskip("transformers", reason="transformers is not installed")
pytest.importorskip("trl", reason="TRL is not installed: pip install 'cluster-r1[train]'")

_TIMES = ("step_time",)
ONE_BATCH = {"batch": 10, "micro_batch": 5, "max_steps": 2}
QUICK = {"grpo": {"start": "base", "max_steps": 4, "updates": 1}}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """whole/ and killed/, where both stages were killed twice with kill -9."""
    folder = tmp_path_factory.mktemp("stages")
    script = Path(__file__).parents[1] / "training_stages.py"
    subprocess.run([sys.executable, str(script), str(folder)], check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    return folder


def metrics(stage: StageFolder) -> list[tuple[int, dict[str, float]]]:
    """Without what is a time."""
    lines = read_lines(stage.metrics, MetricLine)
    return [(line.step, {k: v for k, v in line.values.items() if k not in _TIMES}) for line in lines]


def weights(folder: Path) -> dict[str, Any]:
    return transformers.AutoModelForCausalLM.from_pretrained(folder).state_dict()


@pytest.mark.parametrize(("stage", "steps"), [("sft", SFT_STEPS), ("grpo", GRPO_STEPS)])
def test_killed_and_resumed_equals_uninterrupted_to_the_last_bit(runs: Path, stage: Any, steps: int) -> None:
    whole, killed = (RunFolder(runs / name).stage(stage) for name in ("whole", "killed"))
    assert [step for step, _ in metrics(whole)] == list(range(1, steps + 1))
    assert metrics(whole) == metrics(killed)
    assert whole.completions.exists() == (stage == "grpo")
    assert list(read_lines(whole.completions, SampledCompletion)) == list(
        read_lines(killed.completions, SampledCompletion)
    )
    left, right = weights(whole.model), weights(killed.model)
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)
    infos = [read_run_info(folder.info) for folder in (whole, killed)]
    assert [(info.starts, info.outcome, info.step) for info in infos if info] == [
        (1, "done", steps),
        (3, "done", steps),
    ]


def test_both_stages_learn(runs: Path) -> None:
    run = RunFolder(runs / "whole")
    losses = [values["loss"] for _, values in metrics(run.sft)]
    assert losses[-1] < losses[0] / 10
    before, after = weights(run.sft.model), weights(run.grpo.model)
    assert any(not torch.equal(before[name], after[name]) for name in before)
    rewards = [values["reward"] for _, values in metrics(run.grpo) if "reward" in values]
    assert len(rewards) == GRPO_STEPS // 2  # two updates a rollout
    assert max(rewards) > 0


def test_the_loss_is_on_the_completion_alone(tmp_path: Path) -> None:
    """The first step's loss is the untrained model's mean over the tokens of all completions, and of nothing else."""
    sft(tmp_path, sft=ONE_BATCH)
    stage = RunFolder(tmp_path).sft
    tokenizer = transformers.AutoTokenizer.from_pretrained(stage.base)
    model = transformers.AutoModelForCausalLM.from_pretrained(stage.base)
    summed, tokens = 0.0, 0
    for row in small_rows():
        text = tokenizer.apply_chat_template(row.prompt, add_generation_prompt=True, tokenize=False)
        begun = len(tokenizer(text)["input_ids"])
        ids = torch.tensor([tokenizer(f"{text}{row.completion}<|im_end|>\n")["input_ids"]])
        with torch.no_grad():
            logits = model(ids).logits[0, begun - 1 : -1]
        summed += torch.nn.functional.cross_entropy(logits, ids[0, begun:], reduction="sum").item()
        tokens += ids.shape[1] - begun
    assert metrics(stage)[0][1]["loss"] == pytest.approx(summed / tokens, rel=1e-4)


def test_a_finished_stage_does_nothing_and_a_changed_one_is_refused(runs: Path) -> None:
    folder = runs / "whole"
    stage = RunFolder(folder).sft
    before = {path: path.stat().st_mtime_ns for path in stage.model.iterdir()}
    assert sft(folder).outcome == "done"
    assert {path: path.stat().st_mtime_ns for path in stage.model.iterdir()} == before
    with pytest.raises(SettingsError, match=r"sft\.batch was 8 and is now 4"):
        sft(folder, sft={"batch": 4})
    with pytest.raises(SettingsError, match="it started from"):
        grpo(folder, grpo={"start": "base"})


def test_grpo_without_an_sft_model_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cluster-r1 train sft --recipe small"):
        grpo(tmp_path)


def test_an_alarm_stops_the_run_at_a_checkpoint_and_the_same_command_goes_on(tmp_path: Path) -> None:
    """An untrained model gives no valid answer, so every group is flat."""
    stopping = {**QUICK["grpo"], "max_steps": 6, "alarms": {"window": 2, "stop": True}}
    with pytest.raises(TrainingStopped, match=r"after step 4 .* same reward"):
        grpo(tmp_path, grpo=stopping)
    stage = RunFolder(tmp_path).grpo
    info = read_run_info(stage.info)
    assert info is not None
    assert (info.outcome, info.step) == ("stopped", 4)
    assert not stage.model.exists()
    kinds = [alarm.kind for alarm in read_lines(stage.alarms, Alarm)]
    assert set(kinds) >= {"zero_spread", "format"}
    assert grpo(tmp_path, grpo=stopping).outcome == "done"
    assert [alarm.kind for alarm in read_lines(stage.alarms, Alarm)] == kinds
    assert [step for step, _ in metrics(stage)] == [1, 2, 3, 4, 5, 6]


def test_adapters_are_merged_and_the_model_is_kept_in_the_recipes_numbers(tmp_path: Path) -> None:
    model = {"dtype": "bfloat16", "lora": {"rank": 4, "alpha": 8}}
    changes = {"model": model, "sft": ONE_BATCH, "grpo": {"max_steps": 2}, "keeping": {"checkpoint_every": 9}}
    trained = sft(tmp_path, **changes)
    assert grpo(tmp_path, **changes).outcome == "done"
    run = RunFolder(tmp_path)
    base, learnt = weights(run.sft.base), weights(run.sft.model)
    assert trained.parameters < sum(tensor.numel() for tensor in base.values()) / 4
    assert {tensor.dtype for tensor in learnt.values()} == {torch.bfloat16}
    moved = {name for name in base if not torch.equal(base[name].to(torch.bfloat16), learnt[name])}
    assert moved
    assert all("proj" in name for name in moved)


def test_the_commands_train_from_files(tmp_path: Path) -> None:
    recipe = small_recipe(sft=ONE_BATCH, grpo={"max_steps": 2}, keeping={"checkpoint_every": 9})
    (tmp_path / "recipe.yaml").write_text(render_recipe(recipe))
    rows = [json.dumps(row._asdict()) for row in small_rows()]
    (tmp_path / "rows.jsonl").write_text("\n".join(rows))

    recipe_and_rows = ("--recipe", str(tmp_path / "recipe.yaml"), "--data", str(tmp_path / "rows.jsonl"))
    command = [sys.executable, "-m", "cluster_r1", "train", "sft", *recipe_and_rows]
    first = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert first.returncode == 0, first.stderr
    assert "sft done: 2 steps on 10 rows" in first.stdout
    for noise in ("Warning", "warn", "Traceback", "it/s]"):
        assert noise not in first.stderr

    def grpo_command(*words: str) -> Any:
        return CliRunner().invoke(app, ["-C", str(tmp_path), "train", "grpo", *words, *recipe_and_rows])

    assert "grpo done: 4 steps" in grpo_command("--max-steps", "4").stdout
    assert "<html" in RunFolder(tmp_path / "runs" / "small").report.read_text()
    assert "grpo.max_steps was 4 and is now 2" in str(grpo_command().exception)
    assert "grpo done: 2 steps" in grpo_command("--restart").stdout
    assert (tmp_path / "runs" / "small" / "grpo.before-1" / "model").exists()


def test_ctrl_c_is_kept_as_a_stop(tmp_path: Path) -> None:
    class Impatient(Watcher):
        def advance(self, steps: int = 1) -> None:
            super().advance(steps)
            if self.taken == 3:
                raise KeyboardInterrupt

    from cluster_r1.training.sft import train_sft

    watcher, run = Impatient(), RunFolder(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        train_sft(small_recipe(), small_rows(), run, watcher, "rows")
    info = read_run_info(run.sft.info)
    assert info is not None
    assert (info.outcome, info.step) == ("stopped", 2)
    assert "the same command goes on after step 2" in watcher.notes[-1]
    assert not run.sft.model.exists()
