"""Going on where a stage was stopped: what it was begun with, complete checkpoints, and logs cut back to them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict

from ..core.errors import SettingsError
from ..core.json_lines import read_lines, write_lines
from ..core.training_runs import Alarm, MetricLine, RunFolder, SampledCompletion, StageFolder
from ..core.workspace import folder_lock, read_json, write_json, write_text
from .ranks import rank
from .recipe import Recipe, Stage

_PREFIX = "checkpoint-"
_COMPLETE = "complete"
_FREE = {"about": True, "name": True, "keeping": True, "hardware": {"memory_gib", "threads"}, "grpo": {"alarms"}}
"""What may change while a stage goes on: nothing is learnt otherwise by it."""

_Line = TypeVar("_Line", MetricLine, Alarm, SampledCompletion)


class Beginning(BaseModel):
    """What decides a stage's result: its share of the recipe, its rows and the model it starts from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: dict[str, Any]
    data_sha256: str
    start: str

    @classmethod
    def of(cls, recipe: Recipe, stage: Stage, data_sha256: str, start: str) -> Beginning:
        other = {"grpo": True, "reward": True} if stage == "sft" else {"sft": True}
        return cls(
            recipe=recipe.model_dump(mode="json", exclude={**_FREE, **other}), data_sha256=data_sha256, start=start
        )


def begin(folder: StageFolder, beginning: Beginning, command: str) -> None:
    """Note what the stage is begun with; a stage that has learnt something goes on with the same alone.

    Raises SettingsError naming what is different and what to do.
    """
    path = folder.folder / "beginning.json"
    changed = _changes(Beginning.model_validate(read_json(path)), beginning) if path.exists() else []
    if not folder.model.exists() and newest_checkpoint(folder.checkpoints) is None:
        if changed:
            shutil.rmtree(folder.base, ignore_errors=True)  # it was made from the rows, or the settings, of before
            folder.info.unlink(missing_ok=True)
        write_json(path, beginning.model_dump(mode="json"))
    elif changed:
        raise SettingsError(
            f"{folder.folder} was begun otherwise: {'; '.join(changed)}. Give it back as it was to go on, or begin"
            f" again with `cluster-r1 {command} --restart`, which moves the old stage aside, or name another --run"
        )


def _changes(before: Beginning, now: Beginning) -> list[str]:
    old, new = _flat(before.recipe), _flat(now.recipe)
    keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    changes = [f"{key} was {old.get(key)!r} and is now {new.get(key)!r}" for key in keys]
    if before.data_sha256 != now.data_sha256:
        changes.append("the rows to train on are others (benchmark, traces, or the prompt's words)")
    if before.start != now.start:
        changes.append(f"it started from {before.start!r} and would now start from {now.start!r}")
    return changes


def _flat(tree: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat.update(_flat(value, f"{above}{key}."))
        else:
            flat[f"{above}{key}"] = value
    return flat


@contextmanager
def held(run: RunFolder) -> Iterator[None]:
    """Have a run alone, through the first of its processes; the kernel frees it when that dies.

    Raises WorkspaceLocked at once.
    """
    if rank() != 0:
        yield
        return
    with folder_lock(run.folder, str(run.folder), "wait for it, or name another --run"):
        yield


def set_aside(folder: StageFolder) -> Path | None:
    """Move a stage's folder to a free name beside it; None where there is nothing."""
    if not folder.folder.exists():
        return None
    number = 1
    while (target := folder.folder.with_name(f"{folder.folder.name}.before-{number}")).exists():
        number += 1
    return folder.folder.rename(target)


def mark_complete(checkpoints: Path, step: int, keep: int) -> None:
    """Say that the step's checkpoint is all there, then delete all but the newest `keep` complete ones."""
    write_text(checkpoints / f"{_PREFIX}{step}" / _COMPLETE, f"{step}\n")
    complete = [path for _, path in _checkpoints(checkpoints) if (path / _COMPLETE).exists()]
    for old in complete[:-keep]:
        _delete(old)


def newest_checkpoint(checkpoints: Path) -> tuple[int, Path] | None:
    """Step and folder of the newest complete checkpoint."""
    complete = [(step, path) for step, path in _checkpoints(checkpoints) if (path / _COMPLETE).exists()]
    return complete[-1] if complete else None


def remove_broken(checkpoints: Path) -> None:
    """Delete the checkpoints that a kill left half written, or half deleted."""
    for _, path in _checkpoints(checkpoints):
        if not (path / _COMPLETE).exists():
            shutil.rmtree(path)


def cut_back(folder: StageFolder, step: int) -> None:
    """Drop what was logged after `step`: those steps are taken again."""
    _cut(folder.metrics, MetricLine, step)
    _cut(folder.alarms, Alarm, step)
    _cut(folder.completions, SampledCompletion, step)


def _cut(path: Path, model: type[_Line], step: int) -> None:
    if path.exists():
        write_lines(path, (line for line in read_lines(path, model) if line.step <= step))


def _checkpoints(folder: Path) -> Iterator[tuple[int, Path]]:
    """Every checkpoint with its step, oldest first."""
    found = [(path.name.removeprefix(_PREFIX), path) for path in folder.glob(f"{_PREFIX}*")]
    yield from sorted((int(step), path) for step, path in found if step.isdigit())


def _delete(checkpoint: Path) -> None:
    """The mark first: a kill in between leaves a folder that counts as broken."""
    (checkpoint / _COMPLETE).unlink()
    shutil.rmtree(checkpoint)
