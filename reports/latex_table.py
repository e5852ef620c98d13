"""Figures by domain and split as a LaTeX table in the layout of the paper's Table 1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from .leaderboard_grid import Grid, GridRow, percent, plain

_LATEX = str.maketrans(
    {mark: "\\" + mark for mark in "{}$&#%_"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "|": r"\textbar{}"}
    | {"<": r"\textless{}", ">": r"\textgreater{}", "[": "{[}", "]": "{]}", "*": "{*}", "–": "--"}
)


def latex_table(caption: str, grid: Grid) -> str:
    r"""For `\usepackage{booktabs}`; `caption` is LaTeX. Bold is the best of each column among rows that may be."""
    columns = 2 + len(grid.splits) * (len(grid.domains) + 1)
    lines = [r"\begin{table*}[t]", r"\centering", r"\small", rf"\caption{{{caption}}}"]
    lines += [rf"\begin{{tabular}}{{l{'r' * (columns - 1)}}}", r"\toprule", *_heads(grid), *_body(grid, columns)]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table*}", ""])


def latex(text: str) -> str:
    """Text as LaTeX shows it, also at the start of a row, where brackets and a star would belong to the row before."""
    return plain(text).translate(_LATEX)


def _heads(grid: Grid) -> Iterator[str]:
    width, over = len(grid.splits), (*map(latex, grid.domains), "AVG")
    if width:
        yield " & ".join(["", *(rf"\multicolumn{{{width}}}{{c}}{{{name}}}" for name in over), r"OVERALL \\"])
        starts = range(2, 2 + width * len(over), width)
        yield "".join(rf"\cmidrule(lr){{{start}-{start + width - 1}}}" for start in starts)
    yield " & ".join(["Entry", *(split.upper() for _ in over for split in grid.splits), r"V \\"])


def _body(grid: Grid, columns: int) -> Iterator[str]:
    best = [_best(column) for column in zip(*(row.values for row in grid.rows if row.best), strict=True)]
    for group, rows in groupby(grid.rows, key=lambda row: row.group):
        yield r"\midrule"
        yield rf"\multicolumn{{{columns}}}{{l}}{{\textit{{{latex(group[:1].upper() + group[1:])}}}}} \\"
        for row in rows:
            yield _row(row, best)


def _best(column: Sequence[float | None]) -> str:
    return percent(max((value for value in column if value is not None), default=None))


def _row(row: GridRow, best: Sequence[str]) -> str:
    cells = [latex(row.name) + (r"$^\dagger$" if row.mark else "")]
    for at, shown in enumerate(map(percent, row.values)):
        is_best = row.best and row.values[at] is not None and shown == best[at]
        cells.append(rf"\textbf{{{shown}}}" if is_best else latex(shown))
    return " & ".join(cells) + r" \\"
