"""TaxonomyCheck: coverage and overlap of a taxonomy, from two labelers' votes on a probe sample (paper §4.1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from .agreement import Agreement, Confusion, confused_pairs, confusion_matrix, measure_agreement
from .consensus import Consensus
from .settings import TaxonomySettings
from .taxonomy import NONE_FITS, Taxonomy

_RESAMPLES = 200
_FEWEST_SPLIT = 2
_EXAMPLES = 3


class Finding(NamedTuple):
    """One thing to mend, in words for the refiner and the reviewer, and ids of documents that show it."""

    text: str
    document_ids: tuple[str, ...]


class TaxonomyCheck(BaseModel):
    """Coverage and overlap of a taxonomy version on a probe sample; `score` is 0 at best, lower is better.

    `uncovered` are ids of documents that a labeler found no cluster for, when they are more than the limit allows.
    """

    model_config = ConfigDict(frozen=True)

    version: int
    documents: int
    none_fits: float
    confused: tuple[Confusion, ...]
    unused: tuple[str, ...]
    uncovered: tuple[str, ...]
    agreement: Agreement
    findings: tuple[Finding, ...]
    passed: bool
    examples: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="ids of a few documents that both labelers put in a cluster, by its name"
    )

    @property
    def score(self) -> float:
        disagreement = 1 - (self.agreement.raw.value or 0.0)
        return self.none_fits + disagreement + len(self.unused) / max(1, len(self.agreement.labels) - 1)


def check_taxonomy(taxonomy: Taxonomy, votes: Sequence[Consensus], limits: TaxonomySettings) -> TaxonomyCheck:
    """Measure the probe's votes against the limits. Unanswered documents are left out."""
    answered = [vote for vote in votes if vote.outcome != "unanswered"]
    pairs = [(str(a.cluster), str(b.cluster)) for a, b in (vote.votes for vote in answered)]
    labels = (*taxonomy.names, NONE_FITS)
    matrix = confusion_matrix(pairs, labels)
    used = Counter(label for pair in pairs for label in pair)
    none_fits = used[NONE_FITS] / max(1, 2 * len(answered))
    confused = [pair for pair in confused_pairs(matrix, labels) if NONE_FITS not in pair[:2]]
    overlaps = [c for c in confused if c.documents >= _FEWEST_SPLIT and c.share > limits.max_confusion]
    findings = [_overlap_finding(pair, answered) for pair in overlaps]
    uncovered: tuple[str, ...] = ()
    if none_fits > limits.max_none_fits:
        findings.append(_coverage_finding(none_fits, answered))
        uncovered = findings[-1].document_ids
    return TaxonomyCheck(
        version=taxonomy.version,
        documents=len(answered),
        none_fits=none_fits,
        confused=tuple(confused),
        unused=tuple(name for name in taxonomy.names if not used[name]),
        uncovered=uncovered,
        agreement=measure_agreement(matrix, labels, resamples=_RESAMPLES),
        findings=tuple(findings),
        passed=bool(answered) and not findings,
        examples=_examples(taxonomy, answered),
    )


def _examples(taxonomy: Taxonomy, votes: Sequence[Consensus]) -> dict[str, tuple[str, ...]]:
    kept = {name: tuple(v.document_id for v in votes if v.cluster == name) for name in taxonomy.names}
    return {name: ids[:_EXAMPLES] for name, ids in kept.items() if ids}


def _overlap_finding(pair: Confusion, votes: Sequence[Consensus]) -> Finding:
    wanted = {pair.first, pair.second}
    ids = tuple(v.document_id for v in votes if {v.votes[0].cluster, v.votes[1].cluster} == wanted)
    split = f"the labelers split on {pair.documents} documents ({pair.share:.0%})"
    return Finding(f"{pair.first!r} and {pair.second!r} overlap: {split}", ids)


def _coverage_finding(rate: float, votes: Sequence[Consensus]) -> Finding:
    ids = tuple(v.document_id for v in votes if NONE_FITS in (v.votes[0].cluster, v.votes[1].cluster))
    return Finding(f"{rate:.0%} of the votes found no fitting cluster", ids)
