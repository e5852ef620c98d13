"""What every job over a workspace opens: the ledger, the models of all roles, and checkpoints."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

from ..core.settings import ModelSettings, Settings
from ..core.workspace import Workspace
from ..llm.ledger import Ledger
from ..llm.roles import Roles
from .checkpoints import open_checkpoints
from .progress import Progress

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver


class Opened(NamedTuple):
    """Open until its context ends."""

    ledger: Ledger
    roles: Roles
    checkpoints: BaseCheckpointSaver[str]


@asynccontextmanager
async def open_models(
    workspace: Workspace, settings: Settings, progress: Progress, more: Mapping[str, ModelSettings] | None = None
) -> AsyncIterator[Opened]:
    """The caller holds the workspace's lock. No endpoint is touched before the first call that has to be paid.

    `more` are models beside those of the settings' roles.
    """
    workspace.create_folders()
    ledger = Ledger(workspace.ledger, settings.budget)
    try:
        async with (
            Roles(settings.models.by_role() | dict(more or {}), ledger, workspace.logs, progress.note) as roles,
            open_checkpoints(settings.checkpoints, workspace) as checkpoints,
        ):
            yield Opened(ledger, roles, checkpoints)
    finally:
        ledger.close()
