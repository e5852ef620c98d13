"""Settings of tasks: those that the user asks for, and those inside the clusters of a coarse task (paper App. H.1)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from .section import Section

Split = Literal["held-in", "held-out"]

TASK_ID = r"^[a-z0-9][a-z0-9._-]{0,63}$"
_LONGEST_ID = 64
_LONGEST_NUMBER = 6
_Instruction = Annotated[str, Field(min_length=3, max_length=2000)]


class TaskSettings(Section):
    """A task the user asks for: an instruction, and a taxonomy if there already is one."""

    id: str = Field(pattern=TASK_ID)
    instruction: _Instruction
    taxonomy: str | None = Field(
        default=None, description="YAML file with clusters to use as given, without generation"
    )
    gold: str | None = Field(
        default=None, description="labeling in the corpus' gold column that this instruction is about"
    )
    split: Split = Field(default="held-in", description="a held-out task is never trained on (paper §4.3, split C2)")


class InsideSettings(TaskSettings):
    """A task over the documents of one coarse cluster."""

    id: str | None = Field(  # type: ignore[assignment]
        default=None, pattern=TASK_ID, description="null: the coarse task's id and the cluster's name"
    )


def _as_list(value: Any) -> Any:
    """One instruction, one task or a list of either, as a list of tasks."""
    items = value if isinstance(value, list | tuple) else [value]
    return [{"instruction": item} if isinstance(item, str) else item for item in items]


InsideTasks = Annotated[tuple[InsideSettings, ...], BeforeValidator(_as_list), Field(min_length=1)]


class HierarchySettings(Section):
    """`synth --hierarchical`: a coarse task over the corpus, then tasks inside its clusters (paper App. H.1)."""

    id: str = Field(default="coarse", pattern=r"^[a-z0-9][a-z0-9._-]{0,23}$", description="the coarse task's id")
    instruction: _Instruction = "Cluster the texts by the primary intent of the user who wrote them."
    clusters: int = Field(default=12, ge=2, le=100, description="coarse clusters that the generator is asked for")
    taxonomy: str | None = Field(default=None, description="YAML file with coarse clusters to use as given")
    gold: str | None = Field(default=None, description="labeling in the corpus' gold column for the coarse task")
    split: Split = Field(default="held-in", description="of the coarse task")
    inside: dict[str, InsideTasks] = Field(
        default_factory=dict,
        description="by coarse cluster: an instruction, a task as in tasks, or a list of them;"
        " the generator proposes for the others",
    )
    proposals: int = Field(default=1, ge=1, le=20, description="instructions proposed inside a coarse cluster")
    min_documents: int = Field(default=40, ge=2, description="a coarse cluster with fewer documents is not divided")
    parallel: int = Field(default=4, ge=1, le=64, description="coarse clusters worked on at once")

    @model_validator(mode="after")
    def _distinct(self) -> HierarchySettings:
        seen = {self.id}
        for cluster, task in self.tasks_inside():
            if task.id in seen:
                raise ValueError(
                    f"inside: two tasks have the id {task.id!r}, one of them in {cluster!r}; name their ids"
                )
            seen.add(task.id)
        return self

    @property
    def coarse(self) -> TaskSettings:
        """The task of the first level."""
        return TaskSettings(
            id=self.id, instruction=self.instruction, taxonomy=self.taxonomy, gold=self.gold, split=self.split
        )

    def tasks_inside(self) -> list[tuple[str, TaskSettings]]:
        """Given tasks with their coarse cluster, each with its id."""
        found: list[tuple[str, TaskSettings]] = []
        for cluster, tasks in self.inside.items():
            for task in tasks:
                taken = {known.id for _, known in found}
                chosen = task.id or inside_id(self.id, cluster, taken)
                found.append((cluster, TaskSettings(**{**task.model_dump(), "id": chosen})))
        return found


def inside_id(coarse: str, cluster: str, taken: Mapping[str, object] | set[str]) -> str:
    """`coarse.the-clusters-name`, with a number where that is taken."""
    plain = unicodedata.normalize("NFKD", cluster).encode("ascii", "ignore").decode().casefold()
    words = "-".join(re.findall(r"[a-z0-9]+", plain)) or "cluster"
    stem = f"{coarse}.{words}"[: _LONGEST_ID - _LONGEST_NUMBER].rstrip("-._")
    number = 1
    while (chosen := stem if number == 1 else f"{stem}.{number}") in taken:
        number += 1
    return chosen
