"""What the run's page shows, as typed data: everything is already computed, the page only draws it."""

from __future__ import annotations

from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from ..core.agreement import Agreement
from ..core.carried import Carried
from ..core.check import TaxonomyCheck
from ..core.consensus import Consensus
from ..core.costs import RoleCost
from ..core.gold import GoldScore
from ..core.hierarchy import Hierarchy
from ..core.human import HumanLabel
from ..core.label_review import LabelReview
from ..core.positions import PositionBias
from ..core.tasks import Parent
from ..core.taxonomy import Taxonomy


class Shown(NamedTuple):
    """A document on the page: its text shortened, its gold label where there is one, what labelers and people said."""

    text: str
    gold: str | None
    consensus: Consensus
    human: HumanLabel | None = None


class TaskSummary(BaseModel):
    """One task: its taxonomy with its history, the votes' statistics, and documents to look at."""

    model_config = ConfigDict(frozen=True)

    id: str
    taxonomy: Taxonomy
    history: tuple[Taxonomy, ...]
    checks: tuple[TaxonomyCheck, ...]
    documents: int
    outcomes: dict[str, int]
    sizes: dict[str, int]
    agreement: Agreement
    bias: tuple[PositionBias, ...]
    gold: tuple[GoldScore, ...]
    kept: dict[str, tuple[Shown, ...]]
    conflicts: tuple[Shown, ...]
    none_fits: tuple[Shown, ...]
    unanswered: tuple[Shown, ...]
    cut: int
    human: int = 0
    corrected: int = 0
    carried: Carried | None = None
    review: LabelReview | None = None
    pool: int | None = Field(default=None, description="documents that the task is about; null: the whole corpus")
    parent: Parent | None = None


class RunSummary(BaseModel):
    """A workspace's run: its tasks, its corpus, what it cost."""

    model_config = ConfigDict(frozen=True)

    title: str
    generated_at: str
    corpus_source: str
    corpus_read: int
    corpus_kept: int
    corpus_skipped: dict[str, int]
    models: dict[str, str]
    tasks: tuple[TaskSummary, ...]
    waiting: tuple[str, ...]
    cost: tuple[RoleCost, ...]
    cost_failures: dict[str, int]
    hierarchy: Hierarchy | None = None
