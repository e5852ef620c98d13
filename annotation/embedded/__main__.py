"""Run argilla-server in this process with all it needs in one folder: no Docker, no Elasticsearch, no Redis.

    ARGILLA_OWNER_PASSWORD=... ARGILLA_OWNER_API_KEY=... python -m embedded --home DIR --port 6900 --user ann

SQLite is the database and, through search_engine.py, the search engine; Redis is a fake in this process; a thread runs
the server's queued jobs. The server's own command line is not used: its pins do not fit today's click.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sqlite3
import threading
from pathlib import Path

_HOST = "127.0.0.1"
_MOST_OPTIONS = 1000


def main() -> None:
    parser = argparse.ArgumentParser(prog="embedded")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--user", required=True)
    options = parser.parse_args()
    password = os.environ.pop("ARGILLA_OWNER_PASSWORD")
    api_key = os.environ.pop("ARGILLA_OWNER_API_KEY")
    home: Path = options.home.resolve()
    _configure(home)
    _migrate(home)
    asyncio.run(_make_owner(options.user, password, api_key))
    _use_fake_redis()
    _start_worker()
    _serve(options.port)


def _configure(home: Path) -> None:
    """The server reads its settings from the environment when it is imported."""
    os.environ.update(
        ARGILLA_HOME_PATH=str(home),
        ARGILLA_DATABASE_URL=f"sqlite+aiosqlite:///{home / 'argilla.db'}?check_same_thread=False",
        ARGILLA_SEARCH_ENGINE="database",
        ARGILLA_AUTH_SECRET_KEY=(home / "secret").read_text(),
        ARGILLA_LABEL_SELECTION_OPTIONS_MAX_ITEMS=str(_MOST_OPTIONS),
        HF_HUB_DISABLE_TELEMETRY="1",
        HF_HUB_OFFLINE="1",
        DO_NOT_TRACK="1",
    )


def _migrate(home: Path) -> None:
    from alembic import command
    from alembic.config import Config
    from argilla_server.database import ALEMBIC_CONFIG_FILE

    command.upgrade(Config(ALEMBIC_CONFIG_FILE), "head")
    with sqlite3.connect(home / "argilla.db") as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    connection.close()


async def _make_owner(user: str, password: str, api_key: str) -> None:
    """The first user, on the first start; later starts leave them as they are."""
    from argilla_server.contexts import accounts
    from argilla_server.database import AsyncSessionLocal, async_engine
    from argilla_server.enums import UserRole
    from argilla_server.models import User

    async with AsyncSessionLocal() as session:
        if await accounts.get_user_by_username(session, user) is None:
            await User.create(
                session,
                first_name=user,
                username=user,
                role=UserRole.owner,
                password_hash=accounts.hash_password(password),
                api_key=api_key,
                workspaces=[],
            )
    await async_engine.dispose()  # its connections belong to this event loop


def _use_fake_redis() -> None:
    """The server has one Redis client, made when it is imported; it is given an in-process fake to talk to."""
    from argilla_server.jobs.queues import REDIS_CONNECTION
    from fakeredis import FakeRedis

    REDIS_CONNECTION.connection_pool = FakeRedis().connection_pool


def _start_worker() -> None:
    """Queued jobs (webhooks, a changed distribution) run in a thread."""
    from argilla_server.jobs.queues import DEFAULT_QUEUE, HIGH_QUEUE, REDIS_CONNECTION
    from rq import SimpleWorker
    from rq.timeouts import TimerDeathPenalty

    class ThreadWorker(SimpleWorker):
        death_penalty_class = TimerDeathPenalty

        def _install_signal_handlers(self) -> None:
            """Only the main thread may."""

    worker = ThreadWorker([HIGH_QUEUE, DEFAULT_QUEUE], connection=REDIS_CONNECTION)
    quiet = {"with_scheduler": False, "logging_level": "WARNING"}
    threading.Thread(target=worker.work, kwargs=quiet, daemon=True, name="jobs").start()


def _serve(port: int) -> None:
    import uvicorn
    from argilla_server import app

    from . import search_engine  # noqa: F401  (importing it registers the engine that the settings name)

    uvicorn.run(app, host=_HOST, port=port, access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
