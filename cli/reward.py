"""`cluster-r1 reward`: completions scored offline, with the reason for every zero."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.errors import SettingsError
from ..core.scoring import DEFAULT_REWARD, Composition, RewardSettings
from .console import err, out

if TYPE_CHECKING:
    from ..training.completion_rows import BadRow
    from ..training.offline import RewardSummary, ScoredRow

_MOST_BAD_SHOWN = 20
_UNUSABLE = 2
_BAR = 40


def reward(
    file: Annotated[Path, typer.Argument(help="completions with gold labels: .jsonl, .json or .parquet")],
    column: Annotated[str | None, typer.Option(help="the completion's column, a text or messages")] = None,
    benchmark: Annotated[
        Path | None, typer.Option(help="take the gold labels from this benchmark, by the example's id in each row")
    ] = None,
    zeros: Annotated[bool, typer.Option("--zeros", help="print the reason for every zero, one line each")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
    output: Annotated[Path | None, typer.Option("--out", help="write the rows with their scores, as JSONL")] = None,
    composition: Annotated[Composition, typer.Option(help="of count and quality")] = DEFAULT_REWARD.composition,
    epsilon: Annotated[float, typer.Option(help="added to both factors")] = DEFAULT_REWARD.epsilon,
    decay: Annotated[float, typer.Option(help="of the count factor")] = DEFAULT_REWARD.decay,
    process: Annotated[
        float, typer.Option(help="weight of the agreement between reasoning and answer, 0 to 1")
    ] = DEFAULT_REWARD.process,
) -> None:
    """Score completions: mean reward and factors, kinds of errors, a histogram; exit code 2 where rows are unusable."""
    from ..training.completion_rows import read_completions
    from ..training.offline import RewardTally, score_rows, write_scored

    settings = _settings(composition, epsilon, decay, process)
    if zeros and as_json:
        raise SettingsError("--zeros and --json exclude each other; --out has the reasons too")
    if output is not None and output.resolve() == file.resolve():
        raise SettingsError(f"--out {output} is the file that is read; name another")
    scored = score_rows(read_completions(file, column, benchmark), settings)
    tally = RewardTally(settings)
    for row in scored if output is None else write_scored(scored, output):
        tally.add(row)
        _say(row, zeros, tally.bad_rows)
    summary = tally.summary()
    if output is not None:
        err.print(f"rows with scores: {output}", markup=False)
    if summary.bad_rows > _MOST_BAD_SHOWN:
        err.print(f"and {summary.bad_rows - _MOST_BAD_SHOWN:,} rows more that cannot be scored", markup=False)
    if not summary.rows:
        raise SettingsError(f"{file} has no row that can be scored")
    if as_json:
        typer.echo(summary.model_dump_json(indent=1))
    else:
        _show(summary)
    if summary.bad_rows:
        raise typer.Exit(_UNUSABLE)


def _settings(composition: Composition, epsilon: float, decay: float, process: float) -> RewardSettings:
    settings = RewardSettings(composition, epsilon, decay, process)
    try:
        settings.check()
    except ValueError as error:
        raise SettingsError(str(error)) from None
    return settings


def _say(row: ScoredRow | BadRow, zeros: bool, bad_rows: int) -> None:
    from ..training.completion_rows import BadRow

    if isinstance(row, BadRow):
        if bad_rows <= _MOST_BAD_SHOWN:
            err.print(f"{row.place}: {row.says}", markup=False)
    elif zeros and row.why:
        name = f"{row.row.place} {row.row.id}".rstrip()
        out.print(f"{name}: {row.why}", markup=False)


def _show(summary: RewardSummary) -> None:
    lines = [
        f"{summary.rows:,} completions, mean reward {summary.reward:.4f}, {summary.zeros:,} zeros",
        f"  format {summary.format:.4f}   count {summary.count:.4f}   V-measure {summary.quality:.4f}",
        f"  of valid answers: reasoning agrees {summary.process:.4f}, K predicted - K gold {summary.k_difference:+.2f}",
    ]
    lines += [f"  invalid, {kind}: {count:,} ({count / summary.rows:.1%})" for kind, count in summary.errors.items()]
    most = max(1, *summary.histogram)
    lines += [
        f"  {place / 10:.1f}-{(place + 1) / 10:.1f}  {'#' * -(-count * _BAR // most)} {count:,}"
        for place, count in enumerate(summary.histogram)
    ]
    for line in lines:
        out.print(line, markup=False)
