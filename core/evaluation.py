"""An evaluation on disk: what each entry answered, how it scored, and a leaderboard's figures (paper §6-8, App. I).

evals/ENTRY/entry.json          EntryInfo: what was asked, of whom, at what cost
evals/ENTRY/completions.jsonl   Completion: all that it said
evals/ENTRY/scores.jsonl        AnswerScore: one for each completion, in the same order
evals/ledger.sqlite, logs/      every call of the models under test; logs of servers that a run started
evals/vectors.sqlite            embeddings of texts, by content
evals/replaced/                 entries that were run anew with other settings
evals/leaderboard.*             tables and the page of `cluster-r1 eval report`

An entry is whatever answers the benchmark's prompts: a model, one under constrained decoding, embeddings with a
clustering algorithm, an oracle. Shares and scores lie in [0, 1]; only tables for people show percent.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from .agreement import Interval

EntryKind = Literal["model", "constrained", "baseline", "oracle"]

EVALUATED: tuple[Literal["c0", "c1", "c2"], ...] = ("c0", "c1", "c2")
"""The splits of the evaluation, in the order of every table (paper §4.3)."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EntryInfo(_Frozen):
    """What an entry is and how it was asked. Times are ISO 8601, UTC."""

    name: str
    kind: EntryKind
    says: str = Field(default="", description="one line: what it is, for people")
    model: str = Field(default="", description="the model's or embedder's name; empty for an oracle")
    parameters: float | None = Field(default=None, description="of the model, in billions, where known")
    settings: dict[str, Any] = Field(default_factory=dict, description="temperature, seed, prompt, form of the answer…")
    benchmark: str
    benchmark_sha256: str = Field(description="of the benchmark's data files")
    splits: tuple[str, ...]
    limit: int | None = Field(default=None, description="examples of each cell at most; null: all")
    examples: int = Field(description="asked for")
    samples: int = Field(default=1, description="answers asked for each example")
    unanswered: dict[str, str] = Field(
        default_factory=dict, description="examples without an answer, with the reason; they are not scored"
    )
    texts_left_out: int = Field(
        default=0, description="too long for the embedder: left out of their examples (App. E.1)"
    )
    made_from: str = Field(default="", description="hash of all that decides the answers besides the benchmark")
    calls: int = Field(default=0, description="paid over all runs")
    prompt_tokens: int = 0
    completion_tokens: int = 0
    usd: float = 0.0
    seconds: float = Field(default=0.0, description="of running, over all runs")
    versions: dict[str, str] = Field(default_factory=dict)
    started: str = ""
    ended: str = ""


class Completion(_Frozen):
    """One answer as it was given; `response` (eval/forms.py) makes the canonical text of it."""

    example: str
    sample: int = 0
    text: str
    reasoning: str = Field(default="", description="what the endpoint gave apart from the text")
    finish: str = Field(default="", description="why it ended, as the endpoint says: 'length' is an answer cut off")
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    left_out: tuple[int, ...] = Field(default=(), description="1-based texts that the answer is not about, ascending")


class AnswerScore(_Frozen):
    """A completion's scores against gold. An invalid answer has an error kind, and 0 in every measure (App. I.1)."""

    example: str
    sample: int = 0
    task: str
    domain: str
    split: str
    n: int = Field(description="texts that it was scored on")
    k_gold: int
    k_pred: int = Field(default=0, description="0 for an invalid answer")
    tokens: int = Field(default=0, description="of the example's prompt, as the benchmark counted them")
    completion_tokens: int = 0
    error: str = Field(default="", description="an AnswerErrorKind; empty for a valid answer")
    cut: bool = Field(default=False, description="it ended because its tokens were used up")
    v: float = 0.0
    homogeneity: float = 0.0
    completeness: float = 0.0
    ari: float = 0.0
    ami: float = 0.0


class Cell(_Frozen):
    """A domain's examples in a split; an example's value is the mean over its samples."""

    domain: str
    split: str
    examples: int
    v: Interval


class Standing(_Frozen):
    """An entry's figures. `macro` is the mean of its cells, `weighted` the mean of its examples (the paper's OVERALL).

    splits: macro mean over domains by split (the paper's AVG). All intervals come from one stratified bootstrap.
    """

    info: EntryInfo
    examples: int
    answers: int
    cells: tuple[Cell, ...]
    splits: dict[str, Interval]
    macro: Interval
    weighted: Interval
    homogeneity: float
    completeness: float
    ari: Interval = Field(description="mean over examples, as all that follow")
    ami: Interval
    valid: Interval = Field(description="share of valid answers")
    errors: dict[str, int] = Field(description="invalid answers by kind, most frequent first")
    k_right: float = Field(description="share of answers with as many clusters as gold; an invalid one has not")
    k_error: float | None = Field(description="mean of |K predicted - K gold| over valid answers; null without any")
    k_bias: float | None = Field(description="mean of K predicted - K gold over valid answers")
    cut: float = Field(description="share of answers that ran out of tokens")
    completion_tokens: float = Field(description="mean over answers")


class Bin(_Frozen):
    """Examples of one kind (so many texts, such an instruction)."""

    label: str
    examples: int
    v: Interval
    valid: float


Axis = Literal["texts", "clusters", "tokens", "task"]


class Breakdown(_Frozen):
    """An entry's V along one property of the examples, bins in the property's order; the same bins for all entries."""

    entry: str
    axis: Axis
    bins: tuple[Bin, ...]


class Mixing(_Frozen):
    """How an entry mixed a task's gold clusters up, over all its valid answers to examples of the task.

    together: for gold clusters i and j the share of pairs of texts, one of each, that the entry put into one cluster;
    on the diagonal pairs within i. 1 on the diagonal and 0 elsewhere is a perfect entry. null: no such pair occurred.
    """

    entry: str
    task: str
    clusters: tuple[str, ...]
    together: tuple[tuple[float | None, ...], ...]
    pairs: int = Field(description="pairs of texts that these shares are of")
    left_out: int = Field(default=0, description="clusters of the task that are not shown, those least mixed up")


class ShownAnswer(_Frozen):
    """An answer as a person reads it; `clusters` are 0-based, one a text (-1: left out), empty for an invalid one."""

    entry: str
    v: float
    ari: float
    error: str = ""
    clusters: tuple[int, ...] = ()
    names: tuple[str, ...] = Field(
        default=(), description="for each cluster the gold cluster it shares most texts with"
    )
    reasoning: str = ""
    text: str = Field(default="", description="what was said, shortened where long")


class ShownExample(_Frozen):
    """An example to read: texts, gold, and the answers of all entries side by side (Fig. 17, 18)."""

    id: str
    task: str
    domain: str
    split: str
    instruction: str
    texts: tuple[str, ...] = Field(description="shortened where long")
    gold: tuple[str, ...] = Field(description="each text's gold cluster")
    answers: tuple[ShownAnswer, ...]
    why: tuple[str, ...] = Field(description="why it is shown: success:ENTRY, failure:ENTRY, disagreement, cell")


class CellDifference(_Frozen):
    domain: str
    split: str
    examples: int
    difference: Interval


class Comparison(_Frozen):
    """Two entries on the examples that both answered; `difference` is first minus second in V, paired by example."""

    first: str
    second: str
    examples: int
    only_first: int = Field(description="examples that only the first answered; they are left out")
    only_second: int
    means: tuple[float, float]
    difference: Interval = Field(description="mean over examples, as the paper's OVERALL")
    macro: Interval = Field(description="mean over cells")
    wins: int
    ties: int
    losses: int
    permutation_p: float = Field(description="two-sided, signs of the differences flipped at random")
    wilcoxon_p: float | None = Field(description="signed-rank test, two-sided; null where no example differs")
    cells: tuple[CellDifference, ...]
    resamples: int


class Leaderboard(_Frozen):
    """Everything that tables and the page show, entries best first by `weighted`."""

    benchmark: str
    benchmark_sha256: str
    standings: tuple[Standing, ...]
    breakdowns: tuple[Breakdown, ...] = ()
    mixings: tuple[Mixing, ...] = ()
    examples: tuple[ShownExample, ...] = ()
    comparisons: tuple[Comparison, ...] = Field(default=(), description="the best entry against each other one")
    left_out: tuple[str, ...] = Field(default=(), description="entries without a score yet")
    confidence: float = 0.95
    resamples: int
    generated_at: str = ""


class EntryFolder:
    """The files of one entry."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.info = folder / "entry.json"
        self.completions = folder / "completions.jsonl"
        self.scores = folder / "scores.jsonl"

    @property
    def name(self) -> str:
        return self.folder.name


class EvaluationFolder:
    """The files of all entries of an evaluation."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.replaced = folder / "replaced"
        self.vectors = folder / "vectors.sqlite"
        self.ledger = folder / "ledger.sqlite"
        self.logs = folder / "logs"

    def entry(self, name: str) -> EntryFolder:
        return EntryFolder(self.folder / name)

    def table(self, suffix: str) -> Path:
        """`leaderboard.SUFFIX`: md, csv, tex, html, json."""
        return self.folder / f"leaderboard.{suffix}"
