"""What may change while a stage goes on, complete and broken checkpoints, logs cut back, runs held by one process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cluster_r1.core.errors import SettingsError, WorkspaceLocked
from cluster_r1.core.json_lines import append_line, read_lines
from cluster_r1.core.training_runs import Alarm, MetricLine, RunFolder, SampledCompletion, StageFolder
from cluster_r1.core.workspace import write_text
from cluster_r1.training.recipe import Stage
from cluster_r1.training.resuming import (
    Beginning,
    begin,
    cut_back,
    held,
    mark_complete,
    newest_checkpoint,
    remove_broken,
    set_aside,
)
from training_stages import small_recipe


@pytest.fixture
def stage(tmp_path: Path) -> StageFolder:
    return RunFolder(tmp_path / "run").sft


def beginning(stage: Stage = "sft", data: str = "aa", start: str = "tiny", **changes: Any) -> Beginning:
    return Beginning.of(small_recipe(**changes), stage, data, start)


def checkpoint(stage: StageFolder, step: int, keep: int = 9) -> None:
    write_text(stage.checkpoints / f"checkpoint-{step}" / "trainer_state.json", "{}")
    mark_complete(stage.checkpoints, step, keep)


def steps(stage: StageFolder) -> list[str]:
    return sorted(path.name for path in stage.checkpoints.iterdir())


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (beginning(sft={"learning_rate": 0.5}), r"sft\.learning_rate was 0\.01 and is now 0\.5"),
        (beginning(seed=7), r"seed was 0 and is now 7"),
        (beginning(model={"tiny": None, "name": "other"}), r"model\.tiny\.hidden was 32 and is now None"),
        (beginning(data="bb"), "the rows to train on are others"),
        (beginning(start="other"), "it started from 'tiny' and would now start from 'other'"),
    ],
)
def test_a_stage_that_learnt_goes_on_with_the_same_alone(stage: StageFolder, changed: Beginning, says: str) -> None:
    begin(stage, beginning(), "train sft")
    checkpoint(stage, 2)
    begin(stage, beginning(), "train sft")
    with pytest.raises(SettingsError, match=says) as refused:
        begin(stage, changed, "train sft")
    assert "--restart" in str(refused.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"about": "said otherwise"},
        {"keeping": {"checkpoint_every": 7, "completions": 0}},
        {"hardware": {"threads": 2, "memory_gib": 3.0}},
        {"grpo": {"alarms": {"stop": True}}},
    ],
)
def test_what_changes_nothing_that_is_learnt_may_change(changes: dict[str, Any]) -> None:
    for stage in ("sft", "grpo"):
        assert beginning(stage) == beginning(stage, **changes)


def test_a_stage_does_not_look_at_the_others_settings() -> None:
    assert beginning("sft") == beginning("sft", grpo={"learning_rate": 0.5}, reward={"decay": 2.0})
    assert beginning("grpo") == beginning("grpo", sft={"learning_rate": 0.5})
    assert beginning("grpo") != beginning("grpo", reward={"decay": 2.0})


def test_before_anything_is_learnt_everything_may_change(stage: StageFolder) -> None:
    begin(stage, beginning(), "train sft")
    stage.base.mkdir()
    begin(stage, beginning(), "train sft")
    assert stage.base.exists()
    begin(stage, beginning(data="bb"), "train sft")
    assert not stage.base.exists()  # made from the rows of before


def test_only_complete_checkpoints_count_and_the_newest_are_kept(stage: StageFolder) -> None:
    assert newest_checkpoint(stage.checkpoints) is None
    for step in (2, 4, 10):
        checkpoint(stage, step, keep=2)
    assert steps(stage) == ["checkpoint-10", "checkpoint-4"]
    write_text(stage.checkpoints / "checkpoint-12" / "model.safetensors", "half of it")
    assert newest_checkpoint(stage.checkpoints) == (10, stage.checkpoints / "checkpoint-10")
    remove_broken(stage.checkpoints)
    assert steps(stage) == ["checkpoint-10", "checkpoint-4"]


def test_a_new_checkpoint_that_is_not_complete_takes_no_old_ones_place(stage: StageFolder) -> None:
    checkpoint(stage, 2, keep=1)
    write_text(stage.checkpoints / "checkpoint-4" / "model.safetensors", "half of it")
    assert newest_checkpoint(stage.checkpoints) == (2, stage.checkpoints / "checkpoint-2")


def test_logs_are_cut_back_to_a_step_and_a_torn_line_goes(stage: StageFolder) -> None:
    for step in (1, 2, 3):
        append_line(
            stage.metrics, MetricLine(step=step, seconds=0.5, values={"loss": float("nan") if step == 2 else 0.1})
        )
        append_line(stage.alarms, Alarm(step=step, kind="kl", value=2.0, limit=1.0, says="look"))
        append_line(stage.completions, SampledCompletion(step=step, example="e", completion="c", reward=0.0))
    with stage.metrics.open("ab") as file:
        file.write(b'{"step": 4, "sec')
    before = stage.metrics.read_bytes()
    cut_back(stage, 2)
    assert stage.metrics.read_bytes() == b"".join(before.splitlines(keepends=True)[:2])
    assert [line.step for line in read_lines(stage.alarms, Alarm)] == [1, 2]
    assert [line.step for line in read_lines(stage.completions, SampledCompletion)] == [1, 2]
    cut_back(stage, 0)
    assert stage.metrics.read_bytes() == b""


def test_an_old_stage_is_moved_aside_and_never_over_another(stage: StageFolder) -> None:
    assert set_aside(stage) is None
    moved = []
    for content in ("first", "second"):
        write_text(stage.info, content)
        moved.append(set_aside(stage))
    assert [path and path.name for path in moved] == ["sft.before-1", "sft.before-2"]
    assert [(path / "run.json").read_text() for path in moved if path] == ["first", "second"]


def test_one_process_at_a_time_trains_a_run(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    with held(run):
        other = (
            "from pathlib import Path; from cluster_r1.core.training_runs import RunFolder;"
            "from cluster_r1.training.resuming import held;"
            f"held(RunFolder(Path({str(run.folder)!r}))).__enter__()"
        )
        tried = subprocess.run([sys.executable, "-c", other], capture_output=True, text=True, check=False)
    assert WorkspaceLocked.__name__ in tried.stderr
    with held(run):
        pass
