"""What a benchmark's page and its table of statistics show, as typed data: all is computed, they only draw it."""

from __future__ import annotations

from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from ..core.agreement import Interval


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Spread(NamedTuple):
    """Mean, smallest and largest of some numbers."""

    mean: float
    low: int
    high: int


class PaperFigures(NamedTuple):
    """Figure 4 of the paper: mean tokens of a text and of a prompt, number of examples."""

    text_tokens: float
    prompt_tokens: int
    examples: int


class SplitRow(_Frozen):
    """A split in one domain; `text_tokens` counts a text once for every example that has it."""

    domain: str
    split: str
    tasks: int
    examples: int
    text_tokens: float
    prompt_tokens: float
    texts: Spread = Field(description="of an example (N)")
    clusters: Spread = Field(description="of an example (K)")
    paper: PaperFigures | None = None


class Histogram(_Frozen):
    """How many examples, clusters or texts fall into each range; `labels` name the ranges."""

    labels: tuple[str, ...]
    counts: tuple[int, ...]
    spread: Spread | None = Field(default=None, description="null where there is nothing")


class SplitShape(_Frozen):
    """The distributions of one split over all domains; the ranges of a measure are those of every split."""

    split: str
    examples: int
    texts: Histogram = Field(description="examples by number of texts (N)")
    clusters: Histogram = Field(description="examples by number of clusters (K)")
    prompt_tokens: Histogram = Field(description="examples by tokens of the prompt")
    cluster_sizes: Histogram = Field(description="clusters of examples by number of texts")
    uses: Histogram = Field(description="texts by number of examples that have them")


class ClusterPools(NamedTuple):
    """A cluster: kept documents, and its texts by pool."""

    name: str
    kept: int
    train: int
    evaluation: int


class TaskRow(_Frozen):
    """A task: how it was labelled, its clusters, its examples by split."""

    id: str
    domain: str
    held: str
    instruction: str
    parent: tuple[str, str] | None = None
    clusters: tuple[ClusterPools, ...]
    documents: int
    outcomes: dict[str, int]
    too_long: int
    human: int
    agreement: Interval
    kappa: Interval
    alpha: Interval
    examples: dict[str, int]


class Funnel(_Frozen):
    """From rows of the corpora to examples. A text counts once, however many tasks keep it."""

    rows: int = Field(description="read from the corpora")
    documents: int = Field(description="kept as documents")
    texts: int = Field(description="that some task keeps, not too long")
    used: int = Field(description="texts in at least one example")
    examples: int


class OriginRow(_Frozen):
    project: str
    domain: str
    source: str
    licence: str
    read: int
    kept: int
    skipped: dict[str, int]
    models: dict[str, str]
    prompts: dict[str, str]


class ShortRow(_Frozen):
    """Examples that could not be made."""

    split: str
    task: str
    wanted: int
    made: int
    reason: str


class CheckRow(_Frozen):
    """A check of the proof."""

    name: str
    says: str
    looked_at: int
    leaks: int
    examples: tuple[str, ...] = ()


class BenchmarkSummary(_Frozen):
    """A benchmark as a whole. `overlap` counts C0 examples by the largest share (Jaccard, in percent) of their texts
    that one training example of their task has."""

    name: str
    version: str
    seed: int
    tokenizer: str
    max_prompt_tokens: int
    rows: tuple[SplitRow, ...]
    shapes: tuple[SplitShape, ...]
    tasks: tuple[TaskRow, ...]
    funnel: Funnel
    groups: int
    overlap: Histogram
    origins: tuple[OriginRow, ...]
    shortfalls: tuple[ShortRow, ...]
    proof: tuple[CheckRow, ...]

    @property
    def leaks(self) -> int:
        return sum(check.leaks for check in self.proof)
