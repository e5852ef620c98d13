"""A leaderboard written by hand: entries of all kinds, one hardly valid, one unfinished, one with a hostile name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cluster_r1.core.agreement import Interval
from cluster_r1.core.evaluation import (
    EVALUATED,
    Bin,
    Breakdown,
    Cell,
    CellDifference,
    Comparison,
    EntryInfo,
    EntryKind,
    Leaderboard,
    Mixing,
    ShownAnswer,
    ShownExample,
    Standing,
)

HOSTILE = "=SUM(1)|<script>alert(1)</script>&_%$#{x}~^\\end"
"""A name that means something to spreadsheets, Markdown, HTML and LaTeX."""

SHA = "0f" * 32
DOMAINS = ("court", "chat")
SIZES: Mapping[tuple[str, str], int] = {
    ("court", "c0"): 15,
    ("court", "c1"): 14,
    ("court", "c2"): 1,
    ("chat", "c0"): 50,
    ("chat", "c1"): 48,
    ("chat", "c2"): 25,
}
"""Examples of each cell; one of them has a single example, about whose spread nothing can be said."""


def info(name: str, kind: EntryKind = "model", **changes: Any) -> EntryInfo:
    content: dict[str, Any] = {
        "name": name,
        "kind": kind,
        "says": f"what {name} is",
        "model": "" if kind == "oracle" else name,
        "benchmark": "toy",
        "benchmark_sha256": SHA,
        "splits": EVALUATED,
        "examples": sum(SIZES.values()),
    }
    return EntryInfo.model_validate(content | changes)


def around(value: float, half: float = 0.02) -> Interval:
    return Interval(value, max(0.0, value - half), min(1.0, value + half))


def standing(entry: EntryInfo, v: float, valid: float = 1.0, **changes: Any) -> Standing:
    """An entry whose V is about v, more in c0 and less in c2; v = 1 is right everywhere."""
    examples = sum(SIZES.values())
    cells = tuple(_cell(domain, split, v) for domain in DOMAINS for split in EVALUATED)
    means = [cell.v.value or 0.0 for cell in cells]
    content: dict[str, Any] = {
        "info": entry,
        "examples": examples,
        "answers": examples * entry.samples,
        "cells": cells,
        "splits": {
            split: around(sum(cell.v.value or 0.0 for cell in cells if cell.split == split) / len(DOMAINS), 0.03)
            for split in EVALUATED
        },
        "macro": around(sum(means) / len(means), 0.025),
        "weighted": around(sum(cell.examples * (cell.v.value or 0.0) for cell in cells) / examples),
        "homogeneity": min(1.0, v + 0.01),
        "completeness": max(0.0, v - 0.01),
        "ari": around(v**2),
        "ami": around(max(0.0, v - 0.05)),
        "valid": around(valid, 0.0 if valid == 1 else 0.04),
        "errors": {} if valid == 1 else {"missing": round(examples * (1 - valid)) - 5, "tags": 3, "duplicate": 2},
        "k_right": v * valid,
        "k_error": 2 * (1 - v),
        "k_bias": -(1 - v),
        "cut": 0.0,
        "completion_tokens": 0.0 if entry.kind in ("oracle", "baseline") else 1234.5,
    }
    return Standing.model_validate(content | changes)


def standings() -> tuple[Standing, ...]:
    """Best first: an oracle, a model of two sizes, one of them constrained too, embeddings, one that hardly answers."""
    return (
        standing(info("gold", "oracle"), 1.0),
        standing(info("qwen-14b", parameters=14.8, usd=1.25, completion_tokens=188_000), 0.68, 0.96),
        standing(info("qwen-0.6b-constrained", "constrained", parameters=0.6), 0.52),
        standing(info("minilm-kmeans", "baseline", texts_left_out=7), 0.47),
        standing(info(HOSTILE, unanswered={"e1": "HTTP 500", "e2": "timed out"}, examples=155), 0.31, 0.7),
        standing(info("qwen-0.6b", parameters=0.6, samples=3), 0.04, 0.08, cut=0.61, k_error=None, k_bias=None),
    )


def comparison(first: Standing, second: Standing) -> Comparison:
    """As if all that is known of two entries were their means."""
    ours, theirs = first.weighted.value or 0.0, second.weighted.value or 0.0
    gap = ours - theirs
    their_cells = {(cell.domain, cell.split): cell for cell in second.cells}
    paired = ((cell, their_cells.get((cell.domain, cell.split))) for cell in first.cells)
    return Comparison(
        first=first.info.name,
        second=second.info.name,
        examples=sum(SIZES.values()),
        only_first=2,
        only_second=0,
        means=(ours, theirs),
        difference=Interval(gap, gap - 0.03, gap + 0.03),
        macro=Interval(gap, gap - 0.04, gap + 0.04),
        wins=120,
        ties=3,
        losses=30,
        permutation_p=1 / 10_001,
        wilcoxon_p=2.5e-12,
        cells=tuple(
            CellDifference(
                domain=a.domain,
                split=a.split,
                examples=a.examples,
                difference=_cell_interval(a.examples, (a.v.value or 0.0) - (b.v.value or 0.0)),
            )
            for a, b in paired
            if b is not None
        ),
        resamples=2000,
    )


def example(number: int, entries: tuple[Standing, ...]) -> ShownExample:
    """Five texts about two gold clusters, and what each entry made of them; every second one has an invalid answer."""
    answers = [
        ShownAnswer(entry=row.info.name, v=1.0, ari=1.0, clusters=(0, 0, 1, 1, 1), names=("red", "blue"), text="…")
        if place % 2 == 0
        else ShownAnswer(entry=row.info.name, v=0.0, ari=0.0, error="missing", reasoning="<b>hm</b>", text="text 3?")
        for place, row in enumerate(entries)
    ]
    return ShownExample(
        id=f"court-0/c1/{number}",
        task="court-0",
        domain="court",
        split="c1",
        instruction="Group by <colour> & shade",
        texts=tuple(f"text {place} of {number}: <i>not markup</i>" for place in range(5)),
        gold=("red", "red", "blue", "blue", "blue"),
        answers=tuple(answers),
        why=("disagreement",),
    )


def board(entries: tuple[Standing, ...] | None = None, **changes: Any) -> Leaderboard:
    """A whole leaderboard with every part of the page; `changes` replace fields."""
    rows = standings() if entries is None else entries
    content: dict[str, Any] = {
        "benchmark": "toy",
        "benchmark_sha256": SHA,
        "standings": rows,
        "breakdowns": tuple(_breakdown(row) for row in rows),
        "mixings": tuple(_mixing(row) for row in rows),
        "examples": tuple(example(number, rows) for number in range(3)) if rows else (),
        "comparisons": tuple(_comparisons(rows)),
        "resamples": 2000,
        "generated_at": "2026-01-02T03:04:05+00:00",
    }
    return Leaderboard.model_validate(content | changes)


def _cell(domain: str, split: str, v: float) -> Cell:
    examples = SIZES[domain, split]
    value = v if v == 1 else max(0.0, v + {"c0": 0.03, "c1": 0.0, "c2": -0.03}[split])
    return Cell(domain=domain, split=split, examples=examples, v=_cell_interval(examples, value))


def _cell_interval(examples: int, value: float) -> Interval:
    return Interval(value, None, None) if examples == 1 else Interval(value, value - 0.04, value + 0.04)


def _comparisons(rows: tuple[Standing, ...]) -> Iterator[Comparison]:
    """The best entry that is no oracle against each other one."""
    best = next((row for row in rows if row.info.kind != "oracle"), None)
    if best is not None:
        yield from (comparison(best, row) for row in rows if row is not best)


def _breakdown(row: Standing) -> Breakdown:
    v = row.weighted.value or 0.0
    bins = (
        Bin(label="2–9", examples=80, v=around(v), valid=1.0),
        Bin(label="10–19", examples=72, v=around(v * 0.9), valid=0.9),
        Bin(label="20–49", examples=1, v=Interval(v * 0.5, None, None), valid=0.0),
    )
    return Breakdown(entry=row.info.name, axis="texts", bins=bins)


def _mixing(row: Standing) -> Mixing:
    v = row.weighted.value or 0.0
    return Mixing(
        entry=row.info.name,
        task="court-0",
        clusters=("red", "blue", "green & <grey>"),
        together=((v, 1 - v, 0.0), (1 - v, v, None), (0.0, None, None)),
        pairs=321,
    )
