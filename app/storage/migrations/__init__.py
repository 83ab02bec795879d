"""The database's revisions: how an empty or an older one is brought to the present tables. They are frozen once released."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.resources
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, create_engine, inspect, make_url, pool, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

T = TypeVar("T")

REVISIONS = ("0001", "0002")
"""Every revision that this version knows, oldest first: opening an up-to-date database need not load Alembic to know."""


def upgrade(url: str) -> None:
    """Bring the database to the newest revision, in one transaction; does nothing where it is there already.

    Blocks; to be called outside an event loop. Of several processes that start at once, one migrates and the others wait.
    """
    _connected(url, _upgrade)


def current(url: str) -> str | None:
    """The revision of the database; None for an empty one."""
    return _connected(url, revision)


def revision(connection: Connection) -> str | None:
    """The revision of the database behind an open connection; None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    # Alembic leaves SQLite's transactions to the driver, which begins none for DDL: so one is begun here by hand, and it locks.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.dialect.name == "sqlite" else "BEGIN")
    try:
        config = Config()
        config.set_main_option("script_location", str(importlib.resources.files(__name__)).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    except BaseException:
        with contextlib.suppress(DBAPIError):
            connection.exec_driver_sql("ROLLBACK")
        raise
    connection.exec_driver_sql("COMMIT")


def _connected(url: str, work: Callable[[Connection], T]) -> T:
    parsed = make_url(url)
    if parsed.get_dialect().is_async:

        async def run() -> T:
            engine = create_async_engine(parsed, isolation_level="AUTOCOMMIT", poolclass=pool.NullPool)
            async with engine.connect() as connection:
                return await connection.run_sync(work)

        return asyncio.run(run())
    engine = create_engine(parsed, isolation_level="AUTOCOMMIT", poolclass=pool.NullPool)
    with engine.connect() as connection:
        return work(connection)
