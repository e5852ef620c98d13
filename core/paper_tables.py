"""Tables 1 to 4 of the paper as data (`paper_tables.yaml`), and which printed means its own printed cells do not give.

Figures are V-measures in percent, as printed. Table 1 compares language models, Table 2 embeddings, Tables 3 and 4
training recipes (§7, §8.1, §8.2). They are of the paper's benchmark: reference rows beside an own leaderboard, and
golden figures of the aggregation, never results to compare with.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from statistics import fmean
from typing import Literal, NamedTuple

from .build_settings import PAPER_SIZES
from .evaluation import EVALUATED
from .section import Section
from .training_runs import PaperFigure
from .unique_keys import read_yaml

ROUNDING = 0.01
"""Two decimals are off by 0.005 at most; so is the mean of such figures, and so is the mean as printed."""


class PaperCell(NamedTuple):
    """A cell of Table 1 or 2: domains are named as in the tasks' registry."""

    domain: str
    split: str
    v: float

    @property
    def examples(self) -> int:
        """How many the paper has (Figure 4)."""
        return getattr(PAPER_SIZES[self.domain], self.split).examples


class PaperRow(Section):
    """A row of Table 1 or 2; `averages` is its AVG by split, the macro mean over domains."""

    table: Literal[1, 2]
    group: str
    model: str
    cells: tuple[PaperCell, ...]
    averages: dict[str, float]
    overall: float


class Departure(NamedTuple):
    """A printed mean that the printed figures beside it do not give; `column` is its head in the table."""

    table: int
    group: str
    row: str
    column: str
    printed: float
    recomputed: float


class _Group(Section):
    table: Literal[1, 2]
    group: str
    rows: dict[str, tuple[float, ...]]


class _Recipes(Section):
    table: Literal[3, 4]
    model: str
    rows: dict[str, tuple[float, float, float, float]]


class _File(Section):
    domains: tuple[str, ...]
    tables: tuple[_Group, ...]
    recipes: tuple[_Recipes, ...]


@cache
def paper_rows() -> tuple[PaperRow, ...]:
    """Tables 1 and 2, row by row; the paper's own models are in both."""
    content = _content()
    return tuple(
        _row(group, model, figures, content.domains)
        for group in content.tables
        for model, figures in group.rows.items()
    )


@cache
def paper_recipes() -> tuple[PaperFigure, ...]:
    """Tables 3 and 4, row by row; arms are named as in `training/arms.py`."""
    return tuple(
        PaperFigure(arm=arm, model=part.model, table=part.table, c0=c0, c1=c1, c2=c2, average=average)
        for part in _content().recipes
        for arm, (c0, c1, c2, average) in part.rows.items()
    )


def departures() -> tuple[Departure, ...]:
    """Every printed mean that is off by more than rounding, in the tables' order.

    OVERALL is taken as the mean over examples, AVG as the mean over domains, Ave. as the mean over splits: what most
    rows are within rounding.
    """
    return tuple(one for one in _means() if not math.isclose(one.printed, one.recomputed, rel_tol=0, abs_tol=ROUNDING))


def _means() -> Iterator[Departure]:
    for row in paper_rows():
        place = (row.table, row.group, row.model)
        for split, printed in row.averages.items():
            yield Departure(*place, f"AVG {split.upper()}", printed, fmean(c.v for c in row.cells if c.split == split))
        weighted = sum(cell.examples * cell.v for cell in row.cells) / sum(cell.examples for cell in row.cells)
        yield Departure(*place, "OVERALL", row.overall, weighted)
    for figure in paper_recipes():
        mean = fmean((figure.c0, figure.c1, figure.c2))
        yield Departure(figure.table, figure.model, figure.arm, "Ave.", figure.average, mean)


def _row(group: _Group, model: str, figures: Sequence[float], domains: Sequence[str]) -> PaperRow:
    places = [(domain, split) for domain in domains for split in EVALUATED]
    *means, overall = figures[len(places) :]
    cells = zip(places, figures[: len(places)], strict=True)
    return PaperRow(
        table=group.table,
        group=group.group,
        model=model,
        cells=tuple(PaperCell(domain, split, v) for (domain, split), v in cells),
        averages=dict(zip(EVALUATED, means, strict=True)),
        overall=overall,
    )


@cache
def _content() -> _File:
    path = files("cluster_r1.core") / "paper_tables.yaml"
    return _File.model_validate(read_yaml(path, str(path)))
