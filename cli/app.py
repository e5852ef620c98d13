"""The command line: `cluster-r1`. Commands parse options, call one function and print; heavy imports wait for them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from .. import __version__
from ..core.errors import ClusterR1Error
from .adopt import adopt
from .argilla import argilla
from .build import build
from .cluster import cluster
from .console import say_error
from .context import CommandContext
from .corpus import corpus
from .distill import distill
from .doctor import doctor
from .estimate import estimate
from .eval import evaluation
from .export import export
from .init import init
from .report import report
from .review import review
from .reward import reward
from .serve import serve
from .stats import stats
from .status import status
from .synth import synth
from .tasks import tasks
from .train import train
from .verify import verify

_EXIT_CODES = """
Exit codes: 0 done, 1 unexpected, 2 wrong settings or input, 3 waiting for a person, 4 an endpoint, Argilla or the hub
cannot be reached, 5 some documents or examples unanswered, 6 budget spent, 7 workspace in use, 8 a benchmark
leaks, 9 an alarm stopped training, 130 stopped by Ctrl-C.
"""

app = typer.Typer(
    name="cluster-r1",
    help="Data synthesis and training for instruction-following text clustering.",
    epilog=_EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    init,
    doctor,
    estimate,
    synth,
    adopt,
    status,
    report,
    build,
    verify,
    stats,
    cluster,
    distill,
    export,
    reward,
    serve,
    tasks,
):
    app.command()(command)
app.add_typer(corpus, name="corpus")
app.add_typer(argilla, name="argilla")
app.add_typer(review, name="review")
app.add_typer(train, name="train")
app.add_typer(evaluation, name="eval")


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cluster-r1 {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    directory: Annotated[Path, typer.Option("-C", "--directory", help="the project's folder")] = Path(),
    version: Annotated[
        bool, typer.Option("--version", help="print the version and exit", is_eager=True, callback=_say_version)
    ] = False,
) -> None:
    context.obj = CommandContext(directory)


def main() -> None:
    """The console script: errors of the project become one message and their exit code."""
    try:
        app(standalone_mode=True)
    except ClusterR1Error as error:
        say_error(str(error))
        sys.exit(error.exit_code)
