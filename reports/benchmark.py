"""The page of a benchmark: its table of statistics beside the paper's, pools, distributions, origins, the proof."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from .benchmark_markdown import spread_text
from .benchmark_summary import BenchmarkSummary, Histogram, SplitShape, TaskRow
from .charts import Bar, Estimate, Part, bars, intervals, stacks
from .histogram import histogram
from .page import Section, count, decimal, plural, render_page, render_part

SPLIT_WORDS = {"train": "Training", "distill": "Distillation", "c0": "C0", "c1": "C1", "c2": "C2"}
_UNDEFINED = "undefined: too few votes, or one label only"


def render_benchmark(summary: BenchmarkSummary) -> str:
    """The whole page as one HTML file's text."""
    sections = [
        Section("statistics", "Statistics", _statistics(summary)),
        Section("tasks", "Tasks and pools", _tasks(summary.tasks)),
        Section("examples", "Examples", _examples(summary)),
        Section("origins", "Origins", render_part("benchmark_origins.html", summary=summary)),
        Section("proof", "Proof", render_part("benchmark_proof.html", summary=summary)),
    ]
    body = render_part("benchmark.html", summary=summary, held=[task.held for task in summary.tasks])
    return render_page(summary.name, body, kicker="Benchmark", sections=sections)


def _statistics(summary: BenchmarkSummary) -> Markup:
    funnel = summary.funnel
    stages = [
        Bar("Rows read from the corpora", funnel.rows, count(funnel.rows)),
        Bar("Documents kept", funnel.documents, count(funnel.documents)),
        Bar("Texts in the pools", funnel.texts, count(funnel.texts)),
        Bar("Texts in examples", funnel.used, count(funnel.used)),
    ]
    return render_part(
        "benchmark_statistics.html",
        summary=summary,
        split_words=SPLIT_WORDS,
        spread=spread_text,
        with_paper=any(row.paper for row in summary.rows),
        funnel=bars("From the corpora to the examples", stages),
    )


def _tasks(tasks: Sequence[TaskRow]) -> Markup:
    agreement = [Estimate(task.id, task.kappa, _UNDEFINED) for task in tasks]
    shown = [(task, _pools(task), sum(task.outcomes.values())) for task in tasks]
    return render_part(
        "benchmark_tasks.html",
        tasks=shown,
        agreement=intervals("Cohen's kappa of the two labelers by task", agreement),
        split_words=SPLIT_WORDS,
    )


def _pools(task: TaskRow) -> Markup:
    rows = [
        (c.name, (Part("to train on", c.train, "kept"), Part("to evaluate on", c.evaluation, "open")))
        for c in task.clusters
    ]
    return stacks(f"Texts of each cluster of {task.id} by pool", rows)


def _examples(summary: BenchmarkSummary) -> Markup:
    shapes = [shape for shape in summary.shapes if shape.examples]
    measures = (
        ("Texts of an example (N)", [shape.texts for shape in shapes]),
        ("Clusters of an example (K)", [shape.clusters for shape in shapes]),
        ("Tokens of a prompt", [shape.prompt_tokens for shape in shapes]),
        ("Texts of a cluster in an example", [shape.cluster_sizes for shape in shapes]),
        ("Examples that have a text", [shape.uses for shape in shapes]),
    )
    return render_part(
        "benchmark_examples.html",
        measures=[(name, _panels(name, shapes, found)) for name, found in measures],
        overlap=summary.overlap,
        overlap_chart=histogram("Examples of C0 by their overlap with training, in percent", summary.overlap),
        mean=decimal(summary.overlap.spread.mean if summary.overlap.spread else None, 1),
    )


def _panels(name: str, shapes: Sequence[SplitShape], found: Sequence[Histogram]) -> list[tuple[str, str, Markup]]:
    """A small chart for each split: its name, mean and range in words, the columns."""
    return [
        (
            f"{SPLIT_WORDS[shape.split]}, {plural(shape.examples, 'example')}",
            f"mean {spread_text(shown.spread)}" if shown.spread else "none",
            histogram(f"{name}, {SPLIT_WORDS[shape.split]}", shown),
        )
        for shape, shown in zip(shapes, found, strict=True)
    ]
