"""Statistics of a benchmark, streamed from its files: the paper's table (Figure 4), distributions, tasks, origins."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from ..core.build_settings import PAPER_SIZES
from ..core.errors import BenchmarkError
from ..reports.benchmark_summary import (
    BenchmarkSummary,
    CheckRow,
    ClusterPools,
    Funnel,
    Histogram,
    OriginRow,
    PaperFigures,
    ShortRow,
    SplitRow,
    SplitShape,
    Spread,
    TaskRow,
)
from .files import SPLITS, TRAINING, Benchmark, BenchmarkTask, ExampleRecord, Split
from .histograms import histograms, spread, use_histograms
from .overlap import Overlap

PAPER_TEXT_TOKENS: dict[tuple[str, Split], float] = {
    ("echr", "c0"): 696.4,
    ("echr", "c1"): 687.9,
    ("echr", "c2"): 959.6,
    ("lmsy", "c0"): 410.5,
    ("lmsy", "c1"): 411.3,
    ("lmsy", "c2"): 478.1,
    ("sp500", "c0"): 772.5,
    ("sp500", "c1"): 809.1,
    ("sp500", "c2"): 836.6,
}
"""Figure 4 of the paper: mean tokens of a text by domain and split."""

_Numbers = Counter[int]


class _Cell:
    """What is counted of the examples of one split in one domain."""

    def __init__(self) -> None:
        self.examples: Counter[str] = Counter()
        self.texts: _Numbers = Counter()
        self.clusters: _Numbers = Counter()
        self.prompts: _Numbers = Counter()
        self.sizes: _Numbers = Counter()
        self.text_tokens = 0

    def add(self, record: ExampleRecord, text_tokens: int) -> None:
        inside = Counter(record.labels)
        self.examples[record.task] += 1
        self.texts[len(record.texts)] += 1
        self.clusters[len(inside)] += 1
        self.prompts[record.tokens] += 1
        self.sizes.update(inside.values())
        self.text_tokens += text_tokens


def summarise(benchmark: Benchmark) -> BenchmarkSummary:
    """One pass over the examples; 24 bytes a text. Raises BenchmarkError when a file is missing or damaged."""
    tokens = np.array(benchmark.texts.column("tokens"), dtype=np.int32)
    cells: dict[tuple[str, Split], _Cell] = defaultdict(_Cell)
    uses = {split: np.zeros(tokens.size, dtype=np.int32) for split in SPLITS}
    overlap = Overlap()
    for split in SPLITS:
        for record in benchmark.records(split):
            texts = np.array(record.texts, dtype=np.int32)
            if texts.size and not 0 <= texts.min() <= texts.max() < tokens.size:
                raise BenchmarkError(f"example {record.id!r} has a text that does not exist; run `cluster-r1 verify`")
            cells[record.domain, split].add(record, int(tokens[texts].sum()))
            uses[split][texts] += 1
            if split in TRAINING:
                overlap.train(record)
            elif split == "c0":
                overlap.test(record)
    manifest = benchmark.manifest
    return BenchmarkSummary(
        name=manifest.name,
        version=manifest.version,
        seed=manifest.seed,
        tokenizer=manifest.tokenizer,
        max_prompt_tokens=manifest.settings.max_prompt_tokens,
        rows=_rows(benchmark, cells),
        shapes=_shapes(cells, [_counted(uses[split]) for split in SPLITS]),
        tasks=tuple(_task_row(task, cells) for task in manifest.tasks),
        funnel=Funnel(
            rows=sum(origin.read for origin in manifest.origins),
            documents=sum(origin.kept for origin in manifest.origins),
            texts=manifest.texts,
            used=int(np.any([uses[split] > 0 for split in SPLITS], axis=0).sum()),
            examples=sum(manifest.examples.values()),
        ),
        groups=manifest.groups,
        overlap=histograms([overlap.percent])[0],
        origins=tuple(OriginRow(**origin.model_dump(exclude={"fingerprint"})) for origin in manifest.origins),
        shortfalls=tuple(ShortRow(**shortfall.model_dump()) for shortfall in manifest.shortfalls),
        proof=tuple(CheckRow(**check.model_dump()) for check in manifest.proof),
    )


def paper_figures(domain: str, split: Split) -> PaperFigures | None:
    """Figure 4's values; None for training splits and for domains that the paper does not have."""
    text_tokens = PAPER_TEXT_TOKENS.get((domain, split))
    if text_tokens is None:
        return None
    size = getattr(PAPER_SIZES[domain], split)
    return PaperFigures(text_tokens, size.prompt_tokens, size.examples)


def _rows(benchmark: Benchmark, cells: dict[tuple[str, Split], _Cell]) -> tuple[SplitRow, ...]:
    domains = dict.fromkeys(task.domain for task in benchmark.manifest.tasks)
    places: list[tuple[str, Split]] = [(domain, split) for domain in domains for split in SPLITS]
    return tuple(_row(*place, cells[place]) for place in places if place in cells)


def _row(domain: str, split: Split, cell: _Cell) -> SplitRow:
    none = Spread(0.0, 0, 0)
    texts = spread(cell.texts) or none
    return SplitRow(
        domain=domain,
        split=split,
        tasks=len(cell.examples),
        examples=sum(cell.examples.values()),
        text_tokens=cell.text_tokens / max(1, sum(n * times for n, times in cell.texts.items())),
        prompt_tokens=(spread(cell.prompts) or none).mean,
        texts=texts,
        clusters=spread(cell.clusters) or none,
        paper=paper_figures(domain, split),
    )


def _shapes(cells: dict[tuple[str, Split], _Cell], uses: Sequence[_Numbers]) -> tuple[SplitShape, ...]:
    def measured(measure: Callable[[_Cell], _Numbers]) -> list[Histogram]:
        return histograms(
            [sum((measure(cell) for (_, at), cell in cells.items() if at == split), _Numbers()) for split in SPLITS]
        )

    examples = [sum(cell.examples.total() for (_, at), cell in cells.items() if at == split) for split in SPLITS]
    columns = (
        measured(lambda cell: cell.texts),
        measured(lambda cell: cell.clusters),
        measured(lambda cell: cell.prompts),
        measured(lambda cell: cell.sizes),
        use_histograms(uses),
    )
    return tuple(
        SplitShape(split=split, examples=n, texts=a, clusters=b, prompt_tokens=c, cluster_sizes=d, uses=e)
        for split, n, a, b, c, d, e in zip(SPLITS, examples, *columns, strict=True)
    )


def _counted(uses: np.ndarray) -> _Numbers:
    numbers, times = np.unique(uses[uses > 0], return_counts=True)
    return Counter(dict(zip(numbers.tolist(), times.tolist(), strict=True)))


def _task_row(task: BenchmarkTask, cells: dict[tuple[str, Split], _Cell]) -> TaskRow:
    pools = [
        ClusterPools(c.name, task.sizes.get(c.name, 0), inside.get("train", 0), inside.get("eval", 0))
        for c in task.clusters
        for inside in [task.pools.get(c.name, {})]
    ]
    examples = {split: cells[task.domain, split].examples[task.id] for split in SPLITS if (task.domain, split) in cells}
    known = task.model_dump(include={"id", "domain", "held", "instruction", "parent", "documents", "outcomes"})
    return TaskRow(
        **known,
        clusters=tuple(pools),
        too_long=task.too_long,
        human=task.human,
        agreement=task.agreement,
        kappa=task.kappa,
        alpha=task.alpha,
        examples={split: count for split, count in examples.items() if count},
    )
