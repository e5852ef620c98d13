"""`cluster-r1 review`: what people shall look at goes out, what they decided comes back, and the run goes on."""

from __future__ import annotations

import time
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from ..core.errors import ArgillaError, ReviewError, WaitingForReview, WorkspaceLocked
from .console import out, watched
from .context import CommandContext
from .synth import run_once

if TYPE_CHECKING:
    from ..annotation.audit import Entry
    from ..annotation.channels import Channel
    from ..annotation.opening import ChannelKind
    from ..annotation.pull import Answered, PullResult
    from ..core.forms import ReviewKind
    from ..core.settings import Settings
    from ..core.workspace import Workspace

review = typer.Typer(help="Reviews by people, in Argilla or in a file.", no_args_is_help=True)

To = Literal["argilla", "file"]

_UNDECIDED = "not everything is decided; `cluster-r1 review status` says who has answered what"


class Kind(StrEnum):
    """What people look at; an enumeration because typer takes no list of literals."""

    TAXONOMY = "taxonomy"
    LABELS = "labels"
    TRACES = "traces"


class Seen(NamedTuple):
    """What people had answered at a moment, and the gates that were open."""

    answered: list[Answered]
    tickets: list[str]


@review.command()
def push(
    context: typer.Context,
    kinds: Annotated[list[Kind] | None, typer.Argument(help="what to review; all there is by default")] = None,
    to: Annotated[To, typer.Option(help="Argilla, or an offline page and a JSONL file")] = "argilla",
) -> None:
    """Show open gates, a sample of labels, or traces to people. Pushing again shows nothing twice."""
    from ..annotation.opening import open_channel
    from ..annotation.push import nothing_to_review, push_reviews

    command: CommandContext = context.obj
    workspace = command.workspace
    settings = workspace.settings()
    wanted: list[ReviewKind] = [kind.value for kind in kinds or Kind]
    channel = open_channel(workspace, settings, to)
    with workspace.lock(), watched() as progress:
        pushed = push_reviews(workspace, settings, channel, to, wanted, progress)
    if not pushed:
        raise nothing_to_review(wanted)
    for result in pushed:
        out.print(f"{result.form}: records to review: {result.records}, at {result.place}", markup=False)
    out.print("when people have answered: cluster-r1 review pull", markup=False)


_From = Annotated[To | None, typer.Option("--from", help="Argilla or files alone; by default all that was pushed to")]


@review.command()
def status(context: typer.Context, source: _From = None) -> None:
    """Who has answered what, and how far people agree so far. Nothing is stored."""
    from ..annotation.pull import gather
    from ..annotation.standing import standing_lines

    command: CommandContext = context.obj
    workspace = command.workspace
    settings = workspace.settings()
    channels = _channels(workspace, settings, source)
    answered = gather(workspace, channels)
    for line in standing_lines(workspace, settings, answered):
        out.print(line, markup=False)
    _say_problems(channels)


@review.command()
def pull(
    context: typer.Context,
    source: _From = None,
    wait: Annotated[bool, typer.Option("--wait", help="go on pulling until everything is decided")] = False,
    every: Annotated[float, typer.Option(min=0.5, help="seconds between two looks with --wait")] = 10.0,
    run: Annotated[bool, typer.Option(help="let the run go on from the gates that were decided")] = True,
) -> None:
    """Check and store what people answered, then resume the suspended run. Answers that cannot be read go back."""
    command: CommandContext = context.obj
    workspace = command.workspace
    settings = workspace.settings()
    channels = _channels(workspace, settings, source)
    closed, seen = _pull_and_resume(workspace, settings, channels, run)
    trouble = ""
    while wait and closed is not None:
        time.sleep(every)
        try:
            closed, seen = _pull_and_resume(workspace, settings, channels, run, seen)
        except (ArgillaError, WorkspaceLocked) as error:  # who waits for days outlasts a restart and another command
            if str(error) != trouble:
                trouble = str(error)
                out.print(f"waiting on: {trouble}", markup=False, style="yellow")
    if closed is not None:
        raise closed


@review.command()
def history(
    context: typer.Context,
    record: Annotated[str | None, typer.Argument(help="only records whose id holds this text")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the log's lines")] = False,
) -> None:
    """Who decided what and when, before and after: the audit log."""
    from ..annotation.audit import AuditLog
    from ..annotation.push import audit_file

    command: CommandContext = context.obj
    for entry in AuditLog(audit_file(command.workspace)).entries():
        if record is not None and record not in entry.record:
            continue
        if as_json:
            typer.echo(entry.model_dump_json())
        else:
            _say_entry(entry)


def _channels(workspace: Workspace, settings: Settings, source: To | None) -> dict[ChannelKind, Channel]:
    """The channels through which something was pushed."""
    from ..annotation.opening import CHANNEL_KINDS, open_channel
    from ..annotation.push import pushed_folder
    from ..annotation.pushed import all_pushed

    channels: dict[ChannelKind, Channel] = {}
    for kind in CHANNEL_KINDS:
        if source in (None, kind) and all_pushed(pushed_folder(workspace, kind)):
            channels[kind] = open_channel(workspace, settings, kind)
    if not channels:
        raise ReviewError("nothing has been pushed yet; `cluster-r1 review push` shows what there is to review")
    return channels


def _pull_and_resume(
    workspace: Workspace, settings: Settings, channels: dict[ChannelKind, Channel], run: bool, seen: Seen | None = None
) -> tuple[WaitingForReview | None, Seen]:
    """One pull, and the run if it may go on: what still waits for people, and what was seen.

    When nothing has changed since what was seen last, nothing is done.
    """
    from ..annotation.pull import gather, pull_reviews
    from ..graphs.reviews import open_gates

    now = Seen(gather(workspace, channels), [gate.ticket for gate in open_gates(workspace)])
    if now == seen:
        return WaitingForReview(_UNDECIDED), now
    with workspace.lock():
        result = pull_reviews(workspace, settings, now.answered)
    if result.new_answers or seen is None:
        _say(result)
        _say_problems(channels)
    closed = None if result.complete else WaitingForReview(_UNDECIDED)
    for hierarchical in sorted({gate.hierarchical for gate, _ in result.decided}) if run else []:
        try:
            run_once(workspace, settings, hierarchical=hierarchical)
        except WaitingForReview as waiting:
            closed = waiting
    return closed, now


def _say(result: PullResult) -> None:
    from ..annotation.standing import new_answers_line, pull_lines

    for line in (new_answers_line(result), *pull_lines(result)):
        out.print(line, markup=False)


def _say_problems(channels: dict[ChannelKind, Channel]) -> None:
    for channel in channels.values():
        for problem in channel.problems:
            out.print(f"not taken: {problem}", markup=False, style="yellow")


def _say_entry(entry: Entry) -> None:
    from ..annotation.standing import entry_lines

    for line in entry_lines(entry):
        out.print(line, markup=False)
