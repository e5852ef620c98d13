"""Checkpoints of the state machines: SQLite in the workspace, or Postgres by URL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from ..core.errors import SettingsError
from ..core.workspace import Workspace

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver


@asynccontextmanager
async def open_checkpoints(where: str, workspace: Workspace) -> AsyncIterator[BaseCheckpointSaver[str]]:
    """A checkpointer for `Settings.checkpoints`. Treat the database as trusted input: it holds serialised state."""
    if where == "sqlite":
        from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

        workspace.checkpoints.parent.mkdir(parents=True, exist_ok=True)
        async with AsyncSqliteSaver.from_conn_string(str(workspace.checkpoints)) as saver:
            await saver.setup()
            try:
                yield saver
            finally:
                async with saver.lock:  # a write cut off before its commit would keep the file locked in this process
                    await saver.conn.rollback()
    elif where.startswith(("postgres://", "postgresql://")):
        try:
            from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
        except ImportError:
            raise SettingsError("checkpoints in Postgres need `pip install 'cluster-r1[postgres]'`") from None
        async with AsyncPostgresSaver.from_conn_string(where) as saver:
            await saver.setup()
            yield saver
    else:
        shown = where.rsplit("@", maxsplit=1)[-1]
        raise SettingsError(f"checkpoints must be 'sqlite' or a postgresql:// URL, got {shown!r}")
