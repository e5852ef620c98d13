"""What a hierarchical run came to: which documents pass each level, and where the others fall out (paper App. H.1)."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from .tasks import Parent
from .workspace import Workspace, read_json, write_json

InsideStage = Literal["open", "waiting", "dropped", "failed", "labelled"]


class InsideTask(BaseModel):
    """A task inside a coarse cluster; its documents are the cluster's.

    `stage`: open (at work), waiting (at its gate), dropped (by a person), failed (`trouble` says why), labelled.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    instruction: str
    stage: InsideStage = "open"
    outcomes: dict[str, int] = Field(default_factory=dict, description="labelled documents by outcome")
    trouble: str = ""


class CoarseCluster(BaseModel):
    """A coarse cluster, the documents kept in it, and the tasks inside; a small one is not divided."""

    model_config = ConfigDict(frozen=True)

    name: str
    documents: int
    small: bool = False
    tasks: tuple[InsideTask, ...] = ()
    trouble: str = ""


class Hierarchy(BaseModel):
    """Both levels of a run: the coarse task's outcomes over the corpus, then each cluster's."""

    model_config = ConfigDict(frozen=True)

    task: str = Field(description="id of the coarse task")
    documents: int = Field(description="of the corpus")
    outcomes: dict[str, int] = Field(description="coarse outcomes; a run with a limit labels fewer than there are")
    min_documents: int
    clusters: tuple[CoarseCluster, ...]
    retired: dict[str, Parent] = Field(
        default_factory=dict, description="tasks of earlier runs whose cluster is gone, small now, or asked otherwise"
    )

    @property
    def unlabelled(self) -> int:
        return self.documents - sum(self.outcomes.values())

    @property
    def in_small(self) -> int:
        """Documents kept in coarse clusters that are too small to be divided."""
        return sum(cluster.documents for cluster in self.clusters if cluster.small)

    def parents(self) -> dict[str, Parent]:
        """Where each task's documents lie, by task."""
        found = {task.id: Parent(self.task, cluster.name) for cluster in self.clusters for task in cluster.tasks}
        return {**self.retired, **found}


def read_hierarchy(workspace: Workspace) -> Hierarchy | None:
    """What the last hierarchical run wrote, None where there was none."""
    path = workspace.tasks / "_hierarchy.json"
    return Hierarchy.model_validate(read_json(path)) if path.exists() else None


def write_hierarchy(workspace: Workspace, hierarchy: Hierarchy) -> None:
    write_json(workspace.tasks / "_hierarchy.json", hierarchy.model_dump(mode="json"))
