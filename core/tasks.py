"""ClusteringTask and Example: what labelled documents become (paper §3 and §4.3)."""

from __future__ import annotations

from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_validator

from .answer import Answer
from .taxonomy import Taxonomy


class Parent(NamedTuple):
    """The coarse task and the cluster of it that a task's documents lie in (paper App. H.1)."""

    task: str
    cluster: str


class ClusteringTask(BaseModel):
    """An instruction over a corpus with an accepted taxonomy; its labels lie in the workspace as consensus rows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    domain: str = Field(description="the corpus it is about, e.g. 'echr'")
    taxonomy: Taxonomy
    documents: int = Field(ge=0)
    outcomes: dict[str, int] = Field(default_factory=dict, description="documents by outcome")
    sizes: dict[str, int] = Field(default_factory=dict, description="kept documents by cluster")
    parent: Parent | None = Field(default=None, description="where its documents come from; null: the whole corpus")

    @property
    def instruction(self) -> str:
        return self.taxonomy.instruction


class Example(BaseModel):
    """One prompt: N texts under an instruction, and each text's gold cluster (paper §3)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = ""
    task: str
    instruction: str
    document_ids: tuple[str, ...]
    texts: tuple[str, ...] = Field(min_length=1)
    clusters: tuple[str, ...]

    @model_validator(mode="after")
    def _same_length(self) -> Example:
        if not len(self.document_ids) == len(self.texts) == len(self.clusters):
            raise ValueError(
                f"an example needs one id and one cluster for each text, got "
                f"{len(self.document_ids)} ids, {len(self.texts)} texts, {len(self.clusters)} clusters"
            )
        return self

    @property
    def gold(self) -> Answer:
        """The gold partition, clusters numbered by first appearance."""
        return Answer.from_labels(self.clusters)
