"""What a review of labels by people came to: counts by slice, agreement among people and of people with the models."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

from pydantic import BaseModel, ConfigDict, Field

from .agreement import Agreement, Interval
from .human import Slice
from .raters import RaterAgreement

Model = Literal["labeler A", "labeler B", "consensus"]
MODELS: tuple[Model, ...] = get_args(Model)


class Unsettled(NamedTuple):
    """A document that was asked about and has no label by people yet: why, and who answered."""

    key: int
    document_id: str
    reason: str
    authors: tuple[str, ...]


class SliceCounts(NamedTuple):
    """Documents of one slice; corrected ones are settled and people say something else than the consensus."""

    slice: Slice
    asked: int
    answered: int
    settled: int
    corrected: int


class Comparison(NamedTuple):
    """People's labels (rows of the matrix) against a model's votes.

    `random` holds the random slice alone, which estimates the whole corpus; `all` holds the documents that were
    chosen for being hard as well. The consensus is compared where there is one, on kept documents.
    """

    model: Model
    random: Agreement
    all: Agreement


class LabelReview(BaseModel):
    """Statistics of one taxonomy version's review.

    `people` and `people_random` are people among themselves, on every document that two answered and on those of the
    random slice. `confirmed` is the share of kept labels that people confirm, with its 95 % Wilson interval,
    estimated on the random slice's `confirmed_of` settled kept documents.
    """

    model_config = ConfigDict(frozen=True)

    task: str
    taxonomy: str = Field(description="fingerprint")
    slices: tuple[SliceCounts, ...]
    unsettled: tuple[Unsettled, ...]
    people: RaterAgreement
    people_random: RaterAgreement
    models: tuple[Comparison, ...]
    confirmed: Interval
    confirmed_of: int

    @property
    def asked(self) -> int:
        return sum(counts.asked for counts in self.slices)

    @property
    def answered(self) -> int:
        return sum(counts.answered for counts in self.slices)

    @property
    def settled(self) -> int:
        return sum(counts.settled for counts in self.slices)

    @property
    def corrected(self) -> int:
        return sum(counts.corrected for counts in self.slices)
