"""A clustered corpus: a row for each text, the figures of how they came about, and where all of it lies.

The folder of a result is a workspace (core/workspace.py): corpus/, taxonomies/ and state/ lie where they lie in any
project. Beside them:

OUT/assignments.parquet   AssignedText: one row a document, in the corpus' order
OUT/taxonomy.yaml         the clusters with their descriptions
OUT/result.json           ClusteringResult
OUT/report.html           the page
OUT/jobs/FINGERPRINT/     one pass over the corpus: job.json, classifier.npz, shards 00000.parquet …
OUT/jobs/prepared         URL of the pass that other processes are to do
OUT/batches/NAME/         documents that were added later (`--into`), each a folder like this one, with drift.json
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from .agreement import Interval
from .answer import AnswerErrorKind

if TYPE_CHECKING:
    import pyarrow as pa

Decided = Literal["prompt", "repaired", "similar", "model", "classifier", "copied", "only", "unanswered"]
"""How a text came to its cluster.

prompt      by the one generation over all texts
repaired    by a question after it, since the generation left the text out or listed it twice
similar     no answer could be had for it: it went with the text whose words are most like its own
model       the model was asked about this text
classifier  by the classifier on embeddings that the model's choices trained
copied      another text reads the same
only        there is but one cluster, so nobody was asked
unanswered  nobody answered; the same command asks again
"""

Way = Literal["prompt", "taxonomy", "only"]
"""How clusters came about: in one generation, as a taxonomy, or there is but one."""


class AssignedText(NamedTuple):
    """Where a text went. `cluster` is None where it fits none, or was not answered; `confidence` lies in [0, 1].

    Of the classifier it is the probability of its choice, of the model the share of its votes where it was asked more
    than once, None where nothing measures it. `second` is the next best cluster, where one is known. `cut` tells that
    the prompt did not hold the whole text.
    """

    row: int
    key: int
    document_id: str
    cluster: str | None
    decided: Decided
    confidence: float | None = None
    second: str | None = None
    cut: bool = False
    error: str | None = None


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Repairs(_Frozen):
    """What one generation over all texts left to repair; counts are of texts."""

    valid: bool = Field(description="the generation was a partition as it stood")
    problem: AnswerErrorKind | None = Field(default=None, description="why it was none, as App. I.1 counts")
    detail: str = ""
    missing: int = Field(default=0, description="in no cluster")
    twice: int = Field(default=0, description="in several clusters")
    unreadable: bool = Field(default=False, description="no cluster could be read of it: everything was asked anew")
    similar: int = Field(default=0, description="without an answer in the end")
    questions: int = Field(default=0, description="asked after the generation")


class ClassifierQuality(_Frozen):
    """What the classifier is worth, on labels of the model that neither trained it nor set its threshold."""

    embedder: str
    labelled: int = Field(description="texts that the model labelled for it")
    held_back: int = Field(description="those of them that only measure")
    accuracy: Interval = Field(description="agreement with the model on them")
    sure_accuracy: Interval = Field(description="the same where it is sure")
    sure_share: float = Field(description="of the held-back texts where it is sure")
    threshold: float = Field(description="probability from which it is sure; above 1: never")
    target: float
    clusters: int = Field(description="that it learnt; the others had no labelled text")


class ResidualRound(_Frozen):
    """Texts that fitted nowhere were clustered again."""

    before: int = Field(description="texts that fitted nowhere")
    added: tuple[str, ...] = Field(description="clusters that were added for them")
    after: int
    classifier: ClassifierQuality | None = Field(default=None, description="that learnt such texts alone")


class ClusterSize(_Frozen):
    name: str
    description: str = ""
    group: str | None = Field(default=None, description="of the second level")
    texts: int


class ClusterShare(NamedTuple):
    """A cluster's share of the texts that fit one, before and in new texts."""

    cluster: str
    before: float
    now: float


class Drift(_Frozen):
    """New texts under a taxonomy that was made without them."""

    texts: int
    none_fits: Interval = Field(description="share of the new texts that fit nowhere")
    none_fits_before: Interval
    divergence: float = Field(description="Jensen-Shannon divergence of the clusters' shares, in bits: 0 to 1")
    divergence_p: float | None = Field(description="chi-squared test that the shares are the same; null: too few texts")
    confidence: float | None = Field(default=None, description="mean, where it is known")
    confidence_before: float | None = None
    shares: tuple[ClusterShare, ...] = ()
    verdict: Literal["covers", "shifted", "no longer covers"]
    says: str = Field(description="the verdict in a sentence, with what to do")


class Batch(_Frozen):
    """Documents that were added to a result."""

    name: str
    source: str
    documents: int
    drift: Drift


class ClusteringResult(_Frozen):
    """What came of it, all figures of the page; `batches` are not counted in the others."""

    instruction: str
    source: str
    model: str
    way: Way
    assign: str = "llm"
    documents: int
    clusters: tuple[ClusterSize, ...]
    none_fits: int = 0
    unanswered: int = 0
    cut: int = Field(default=0, description="texts longer than their prompt held")
    decided: dict[str, int] = Field(default_factory=dict, description="texts by how they were decided")
    repairs: Repairs | None = None
    classifier: ClassifierQuality | None = None
    residual: tuple[ResidualRound, ...] = ()
    taxonomy_version: int = 1
    calls: int = Field(default=0, description="answered calls that the result rests on, whenever they were paid")
    prompt_tokens: int = 0
    completion_tokens: int = 0
    usd: float = 0.0
    skipped: dict[str, int] = Field(
        default_factory=dict, description="rows of the source that were not used, by reason"
    )
    trouble: tuple[str, ...] = Field(default=(), description="what could not be done as asked, in sentences")
    batches: tuple[Batch, ...] = ()
    finished: str = ""


class ResultFolder:
    """The files of a result beside those of its workspace."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.assignments = folder / "assignments.parquet"
        self.taxonomy = folder / "taxonomy.yaml"
        self.result = folder / "result.json"
        self.report = folder / "report.html"
        self.jobs = folder / "jobs"
        self.prepared = self.jobs / "prepared"
        self.batches = folder / "batches"
        self.drift = folder / "drift.json"

    def batch(self, name: str) -> ResultFolder:
        return ResultFolder(self.batches / name)


def assignments_schema() -> pa.Schema:
    """Columns of a shard, and of assignments.parquet, which has `group` beside them."""
    import pyarrow as pa

    columns = {"row": pa.int64(), "key": pa.uint64(), "document_id": pa.string(), "cluster": pa.string()}
    columns |= {"decided": pa.string(), "confidence": pa.float32(), "second": pa.string()}
    return pa.schema(columns | {"cut": pa.bool_(), "error": pa.string()})
