"""The leaderboard as tables: Markdown, CSV, LaTeX in the layout of the paper's Table 1, and lines for a terminal.

V and shares are in percent with two decimals, as in the paper, but in CSV, which has every figure as it is. Names come
from users: they are escaped for the format they stand in.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from ..core.agreement import Interval
from ..core.evaluation import EVALUATED, CellDifference, Comparison, EntryInfo, Leaderboard, Standing
from ..core.paper_tables import PaperRow
from ..core.training_runs import PaperFigure
from .latex_table import latex, latex_table
from .leaderboard_grid import Grid, own_grid, paper_grid, paper_tables, percent, plain
from .leaderboard_recipes import COLUMNS as RECIPE_COLUMNS
from .leaderboard_recipes import HEADING as RECIPES_HEADING
from .leaderboard_recipes import NOTE as RECIPES_NOTE
from .leaderboard_recipes import recipe_rows
from .leaderboard_rows import badges, cells_of, finite, number, probability, sure, whole
from .page import count, plural

PAPER_HEADING = "Printed in the paper (its own benchmark, not comparable)"

_TEXT_COLUMNS = 4
_MARKDOWN = str.maketrans({mark: "\\" + mark for mark in r"\`*_[]<>|~#$&!"})
_FORMULA = ("=", "+", "-", "@")


def leaderboard_lines(board: Leaderboard) -> Iterator[str]:
    """The ranking in columns, the head first, then what is left out."""
    rows = [_head(board), *_ranking(board)]
    yield from _aligned(rows, _TEXT_COLUMNS)
    if board.left_out:
        yield f"Without a score yet: {', '.join(map(plain, board.left_out))}"


def leaderboard_markdown(
    board: Leaderboard, reference: Sequence[PaperRow] = (), recipes: Sequence[PaperFigure] = ()
) -> str:
    """Ranking, cells and comparisons; printed rows of the paper stand apart, under a heading of their own."""
    parts = [
        f"# Leaderboard of {_markdown(board.benchmark)}",
        _markdown_table([_head(board), *_ranking(board)], _TEXT_COLUMNS),
    ]
    parts += [_notes(board)]
    if board.standings:
        parts += ["## By domain and split", _markdown_grid(own_grid(board))]
    if board.comparisons:
        parts += ["## The best entry against the others", _markdown_table(_comparison_rows(board.comparisons), 2)]
    for title, rows in paper_tables(reference):
        parts += [f"## {PAPER_HEADING}: {title}", _markdown_grid(paper_grid(rows))]
    if recipes:
        parts += [f"## {RECIPES_HEADING}", _markdown_table(_recipe_table(board, recipes), 2), RECIPES_NOTE]
    return "\n\n".join(parts) + "\n"


def leaderboard_csv(board: Leaderboard) -> str:
    """One row an entry; all figures and the ends of their intervals at full precision, empty where undefined."""
    cells = cells_of(board)
    kinds = sorted({kind for row in board.standings for kind in row.errors})
    records = [_csv_record(rank, row, cells, kinds) for rank, row in enumerate(board.standings, start=1)]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    if records:
        writer.writerow(_harmless(name) for name in records[0])
    for record in records:
        writer.writerow(_harmless(value) if isinstance(value, str) else value for value in record.values())
    return file.getvalue()


def leaderboard_latex(board: Leaderboard, reference: Sequence[PaperRow] = ()) -> str:
    r"""A table for `\usepackage{booktabs}`; the best entry of each column that is no oracle is bold.

    Printed rows of the paper are a table of their own.
    """
    told = [
        f"V-measure (\\%) on {latex(board.benchmark)}; in bold the best of each column, oracles apart.",
        "Constrained decoding and oracles change the task.",
    ]
    if any(row.info.unanswered for row in board.standings):
        told.append(r"$^\dagger$ without the examples that got no answer.")
    tables = [latex_table(" ".join(told), own_grid(board))]
    tables += [latex_table(f"{PAPER_HEADING}: {title}.", paper_grid(rows)) for title, rows in paper_tables(reference)]
    return "\n".join(tables)


def comparison_lines(comparison: Comparison) -> Iterator[str]:
    """Two entries in plain words: who is ahead by how much, how sure that is, and where."""
    first, second = plain(comparison.first), plain(comparison.second)
    mean = finite(comparison.difference.value) or 0.0
    yield _verdict(first, second, comparison, mean)
    yield f"Mean over domains and splits: {_signed(comparison.macro)}."
    yield (
        f"Example by example {first} is better on {count(comparison.wins)}, equal on {count(comparison.ties)},"
        f" worse on {count(comparison.losses)}."
    )
    yield (
        f"Two-sided p: {probability(comparison.permutation_p)} (permutation test),"
        f" {probability(comparison.wilcoxon_p)} (Wilcoxon signed-rank test)."
    )
    for name, alone in ((first, comparison.only_first), (second, comparison.only_second)):
        if alone:
            yield f"Left out: {plural(alone, 'example')} that only {name} answered."
    yield ""
    head = ("domain", "split", "difference in V", "examples")
    yield from _aligned([head, *map(_difference_row, comparison.cells)], 2)


def _verdict(first: str, second: str, comparison: Comparison, mean: float) -> str:
    ours, theirs = (percent(value) for value in comparison.means)
    on = f"on {plural(comparison.examples, 'example')} that both answered"
    if abs(mean) < 5e-5:
        return f"{first} and {second} are level {on}: V {ours} against {theirs}, {_signed(comparison.difference)}."
    ahead, behind = (first, second) if mean > 0 else (second, first)
    low, high = comparison.difference.low, comparison.difference.high
    said = f"{ahead} is ahead of {behind} {on}: {first} has V {ours}, {second} {theirs}"
    said += f"; the difference is {_signed(comparison.difference)}."
    return said if low is None or high is None or not low <= 0 <= high else f"{said} That may be chance."


def _head(board: Leaderboard) -> tuple[str, ...]:
    figures = (f"V [{100 * board.confidence:g} %]", "macro", *map(str.upper, EVALUATED), "valid %", "ARI", "K right %")
    return ("#", "entry", "kind", "to know", *figures, "K error", "tokens")


def _ranking(board: Leaderboard) -> Iterator[tuple[str, ...]]:
    for rank, row in enumerate(board.standings, start=1):
        yield (
            str(rank),
            plain(row.info.name),
            row.info.kind,
            _to_know(row.info),
            _with_interval(row.weighted),
            _of(row.macro),
            *(_of(row.splits.get(split)) for split in EVALUATED),
            _of(row.valid),
            _of(row.ari),
            percent(row.k_right),
            number(row.k_error),
            whole(row.completion_tokens),
        )


def _to_know(info: EntryInfo) -> str:
    """What its badges say beyond its kind; a task that is not a model's is called so."""
    said = ["another task"] if info.kind in ("constrained", "oracle") else []
    return ", ".join([*said, *(badge for badge in badges(info) if badge != info.kind)])


def _notes(board: Leaderboard) -> str:
    """What the columns mean, and what else is to be known."""
    lines = [
        f"V is the mean over examples (the paper's OVERALL) with its {100 * board.confidence:g} % bootstrap interval"
        f" ({count(board.resamples)} resamples within domain and split), macro the mean over domains and splits, C0 to"
        " C2 the mean over domains. All figures but K error and tokens are in percent; an invalid answer counts as 0."
        " Another task: constrained decoding cannot give most invalid answers, an oracle knows gold.",
    ]
    if board.left_out:
        lines += ["", f"Without a score yet: {', '.join(map(_markdown, board.left_out))}."]
    return "\n".join(lines)


def _recipe_table(board: Leaderboard, recipes: Sequence[PaperFigure]) -> Iterator[tuple[str, ...]]:
    yield ("recipe", "whose", *RECIPE_COLUMNS)
    for row in recipe_rows(board, recipes):
        yield (row.recipe, _markdown(row.whose), *map(percent, row.values))


def _comparison_rows(comparisons: Iterable[Comparison]) -> Iterator[tuple[str, ...]]:
    yield ("difference in V", "against", "mean", "macro", "better / equal / worse", "p permutation", "p Wilcoxon")
    for one in comparisons:
        yield (
            plain(one.first),
            plain(one.second),
            _signed(one.difference),
            _signed(one.macro),
            f"{count(one.wins)} / {count(one.ties)} / {count(one.losses)}",
            probability(one.permutation_p),
            probability(one.wilcoxon_p),
        )


def _difference_row(cell: CellDifference) -> tuple[str, ...]:
    return plain(cell.domain), cell.split.upper(), _signed(cell.difference), count(cell.examples)


def _markdown_grid(grid: Grid) -> str:
    columns = [f"{domain} {split.upper()}" for domain in (*grid.domains, "AVG") for split in grid.splits]
    rows = [(row.group, row.name + row.mark, *map(percent, row.values)) for row in grid.rows]
    return _markdown_table([("kind", "entry", *columns, "OVERALL"), *rows], 2)


def _markdown_table(rows: Iterable[Sequence[str]], words: int) -> str:
    """The first row is the head; columns after the first `words` are figures."""
    table = list(rows)
    lines = [f"| {' | '.join(map(_markdown, row))} |" for row in table]
    lines.insert(1, "|" + "---|" * words + "---:|" * (len(table[0]) - words))
    return "\n".join(lines)


def _csv_record(
    rank: int, row: Standing, cells: Sequence[tuple[str, str]], kinds: Sequence[str]
) -> dict[str, str | float | None]:
    info, known = row.info, {(cell.domain, cell.split): cell for cell in row.cells}
    record: dict[str, str | float | None] = {"rank": rank, "entry": info.name, "kind": info.kind, "says": info.says}
    record |= {"model": info.model, "parameters": info.parameters, "benchmark": info.benchmark}
    record |= {"examples": row.examples, "answers": row.answers, "samples": info.samples}
    record |= {"unanswered": len(info.unanswered), "texts_left_out": info.texts_left_out}
    figures = {"v": row.weighted, "macro": row.macro} | {f"v_{split}": row.splits.get(split) for split in EVALUATED}
    figures |= {"ari": row.ari, "ami": row.ami, "valid": row.valid}
    for name, interval in figures.items():
        record |= _ends(name, interval)
    record |= {"homogeneity": row.homogeneity, "completeness": row.completeness}
    record |= {"k_right": row.k_right, "k_error": row.k_error, "k_bias": row.k_bias, "cut": row.cut}
    record |= {f"error_{kind}": row.errors.get(kind, 0) for kind in kinds}
    record |= {"tokens_an_answer": row.completion_tokens, "calls": info.calls, "prompt_tokens": info.prompt_tokens}
    record |= {"completion_tokens": info.completion_tokens, "usd": info.usd, "seconds": info.seconds}
    for domain, split in cells:
        cell = known.get((domain, split))
        record |= _ends(f"{domain}/{split}", cell.v if cell else None)
        record[f"{domain}/{split} examples"] = cell.examples if cell else 0
    return record


def _ends(name: str, interval: Interval | None) -> dict[str, str | float | None]:
    value, low, high = interval or Interval(None, None, None)
    return {name: value, f"{name} low": low, f"{name} high": high}


def _of(interval: Interval | None) -> str:
    return percent(sure(interval).value)


def _with_interval(interval: Interval) -> str:
    value, low, high = sure(interval)
    return percent(value) if low is None else f"{percent(value)} [{percent(low)}, {percent(high)}]"


def _signed(interval: Interval) -> str:
    """+1.20 [-0.30, +2.70], in points of V."""
    known = [None if end is None else f"{round(100 * end, 2) + 0.0:+.2f}" for end in sure(interval)]
    if known[0] is None:
        return "–"
    return f"{known[0]} (no interval)" if known[1] is None else f"{known[0]} [{known[1]}, {known[2]}]"


def _aligned(rows: Iterable[Sequence[str]], words: int) -> Iterator[str]:
    """Columns of one width each: the first `words` lean left, figures right."""
    table = list(rows)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = [
            cell.ljust(width) if at < words else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def _markdown(text: str) -> str:
    return plain(text).translate(_MARKDOWN)


def _harmless(text: str) -> str:
    """A cell on one line that a spreadsheet takes for text."""
    shown = plain(text)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown
