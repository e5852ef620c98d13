"""A benchmark's table of statistics in Markdown, as data cards and documents show it."""

from __future__ import annotations

from .benchmark_summary import BenchmarkSummary, SplitRow, Spread

HEAD = ("domain", "split", "tasks", "examples", "tokens of a text", "tokens of a prompt", "texts (N)", "clusters (K)")


def statistics_markdown(summary: BenchmarkSummary) -> str:
    """A row for each domain and split: means, with smallest and largest; the paper's values in brackets (Figure 4)."""
    rows = [HEAD, *(row_cells(row) for row in summary.rows)]
    lines = ["| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |" for cells in rows]
    lines.insert(1, "|---|---|" + "---:|" * (len(HEAD) - 2))
    if any(row.paper for row in summary.rows):
        lines += ["", "In brackets: the paper's values (Figure 4)."]
    return "\n".join(lines) + "\n"


def row_cells(row: SplitRow) -> tuple[str, ...]:
    """A row under HEAD, as text."""
    paper = row.paper
    return (
        row.domain,
        row.split,
        f"{row.tasks:,}",
        f"{row.examples:,}{f' ({paper.examples:,})' if paper else ''}",
        f"{row.text_tokens:,.1f}{f' ({paper.text_tokens:,.1f})' if paper else ''}",
        f"{row.prompt_tokens:,.0f}{f' ({paper.prompt_tokens:,})' if paper else ''}",
        spread_text(row.texts),
        spread_text(row.clusters),
    )


def spread_text(spread: Spread) -> str:
    """29.3 (6–84)."""
    return f"{spread.mean:,.1f} ({spread.low:,}–{spread.high:,})"
