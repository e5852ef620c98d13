"""`cluster-r1 argilla`: a real Argilla server on this machine, for the project's reviews."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from ..core.errors import ServerError
from .console import out, watched
from .context import CommandContext

argilla = typer.Typer(
    help="A real Argilla on this machine: no Docker, no Elasticsearch, no Redis.", no_args_is_help=True
)

_POLL_S = 0.5


@argilla.command()
def up(
    context: typer.Context,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="6900 or another free one by default")] = None,
    user: Annotated[str | None, typer.Option(help="name of the first user; your login name by default")] = None,
) -> None:
    """Start Argilla and keep it until Ctrl-C; its data stay in the project. The first start installs it."""
    from ..annotation.server import embedded_argilla

    command: CommandContext = context.obj
    workspace = command.workspace
    workspace.settings()
    with watched() as progress, embedded_argilla(workspace, progress, port, user) as (running, server):
        out.print(f"Argilla: {running.url}", markup=False)
        out.print(f"sign in as {running.user}; the password is in {running.credentials_file}", markup=False)
        out.print("Ctrl-C stops it. In another terminal: cluster-r1 review push", markup=False)
        try:
            while server.running:
                time.sleep(_POLL_S)
            raise ServerError(f"Argilla ended by itself; the end of {server.log}:\n{server.log_tail()}")
        except KeyboardInterrupt:
            out.print("stopped; what people answered is kept in the project", markup=False)


@argilla.command()
def user(
    context: typer.Context, name: Annotated[str, typer.Argument(help="letters, digits, hyphens and underscores")]
) -> None:
    """Add an annotator to the running embedded Argilla."""
    from ..annotation.server import add_annotator

    command: CommandContext = context.obj
    path = add_annotator(command.workspace, name)
    out.print(f"{name} may answer reviews; the password is in {path}", markup=False)
