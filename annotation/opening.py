"""Which channels a project has: its own Argilla or the embedded one, and the folder for reviews without a server."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path
from typing import Literal, get_args

from ..core.errors import ArgillaError
from ..core.settings import ArgillaSettings, Settings
from ..core.workspace import Workspace
from .channels import Channel
from .connection import ArgillaChannel
from .offline import FileChannel
from .server import ARGILLA_WORKSPACE, running_server

ChannelKind = Literal["argilla", "file"]
CHANNEL_KINDS: tuple[ChannelKind, ...] = get_args(ChannelKind)


def open_channel(workspace: Workspace, settings: Settings, kind: ChannelKind) -> Channel:
    """Raises ArgillaError, saying how to get one, when there is no Argilla or it cannot be used."""
    return FileChannel(offline_folder(workspace)) if kind == "file" else _argilla(workspace, settings)


def has_argilla(workspace: Workspace, settings: Settings) -> bool:
    """Whether reviews have an Argilla to go to: one is named in the settings, or the embedded one runs."""
    return settings.argilla is not None or running_server(workspace) is not None


def offline_folder(workspace: Workspace) -> Path:
    return workspace.reviews / "offline"


def _argilla(workspace: Workspace, settings: Settings) -> ArgillaChannel:
    if importlib.util.find_spec("argilla") is None:
        raise ArgillaError("reviews in Argilla need its SDK; run: pip install 'cluster-r1[annotation]'")
    project = re.sub(r"[^A-Za-z0-9_-]+", "-", workspace.root.name).strip("-_") or "project"
    if settings.argilla is not None:
        key = _key(settings.argilla)
        source = f"${settings.argilla.api_key_env}"
        return ArgillaChannel(settings.argilla.url, key, settings.argilla.workspace, project, source)
    running = running_server(workspace)
    if running is None:
        raise ArgillaError(
            "no Argilla runs for this project: start it with `cluster-r1 argilla up` in another terminal, "
            "name your team's server as argilla.url in the settings, or review in a file with --to file"
        )
    return ArgillaChannel(running.url, running.api_key, ARGILLA_WORKSPACE, project, "the embedded server's own file")


def _key(argilla: ArgillaSettings) -> str:
    key = os.environ.get(argilla.api_key_env)
    if not key:
        raise ArgillaError(
            f"the environment variable {argilla.api_key_env} with the API key for {argilla.url} is not set "
            "(argilla.api_key_env names another one)"
        )
    return key
