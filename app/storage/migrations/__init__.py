"""The database's revisions: how an empty or an older one is brought to the present tables. They are frozen once released.

There is one history for both engines; a revision asks which one it runs on where they differ. URLs are as operators write them:
`sqlite:///…`, `postgresql://…`.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.resources
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, create_engine, inspect, pool, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from app.domain.errors import Conflict, Unavailable

T = TypeVar("T")

REVISIONS = tuple(f"{number:04}" for number in range(1, 19))
"""Every revision that this version knows, oldest first: opening an up-to-date database need not load Alembic to know."""


_LOCK = 0x6761_7465_7761_7900
"""The advisory lock of PostgreSQL under which a database is migrated."""


def upgrade(url: str) -> None:
    """Bring the database to the newest revision, in one transaction; does nothing where it is there already.

    Blocks; to be called outside an event loop. Of several processes that start at once, one migrates and the others wait.
    """
    move(url, REVISIONS[-1])


def move(url: str, target: str, *, down: bool = False) -> tuple[str | None, str | None]:
    """Bring the database to the revision `target`, in one transaction, and tell those before and after; None is an empty one.

    Blocks, as `upgrade` does. Raises Conflict for a way down that was not asked for, Unavailable for a database that a newer
    version made or that cannot be reached, and ValueError for an unknown target.
    """
    if target not in REVISIONS:
        raise ValueError(f"{target} is not a revision; there are {', '.join(REVISIONS)}")
    return _connected(url, lambda connection: _move(connection, target, down))


def current(url: str) -> str | None:
    """The revision of the database; None for an empty one."""
    return _connected(url, revision)


def revision(connection: Connection) -> str | None:
    """The revision of the database behind an open connection; None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def refuse_unknown(found: str | None) -> None:
    """Raises Unavailable for a revision that this version has never heard of."""
    if found is not None and found not in REVISIONS:
        raise Unavailable(
            f"database revision {found[:64]} is unknown to this version; a newer version of the gateway made it",
            detail=f"this version knows revisions up to {REVISIONS[-1]}",
        )


def _move(connection: Connection, target: str, down: bool) -> tuple[str | None, str | None]:
    from alembic import command
    from alembic.config import Config

    # Alembic leaves SQLite's transactions to the driver, which begins none for DDL: so one is begun here by hand, and it locks.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.dialect.name == "sqlite" else "BEGIN")
    try:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        before = revision(connection)
        refuse_unknown(before)
        back = before is not None and REVISIONS.index(target) < REVISIONS.index(before)
        if back and not down:
            raise Conflict(f"the database is at revision {before}; going back to {target} loses what later revisions hold")
        config = Config()
        config.set_main_option("script_location", str(importlib.resources.files(__name__)).replace("%", "%%"))
        config.attributes["connection"] = connection
        (command.downgrade if back else command.upgrade)(config, target)
        after = revision(connection)
    except BaseException:
        with contextlib.suppress(DBAPIError):
            connection.exec_driver_sql("ROLLBACK")
        raise
    connection.exec_driver_sql("COMMIT")
    return before, after


def _connected(url: str, work: Callable[[Connection], T]) -> T:
    if url.startswith("sqlite:"):
        engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=pool.NullPool)
        with engine.connect() as connection:
            return work(connection)

    import asyncpg

    async def run() -> T:
        # The driver reads the URL by itself, with all that PostgreSQL's own tools take in it, such as sslmode.
        engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=lambda: asyncpg.connect(url),
            isolation_level="AUTOCOMMIT",
            poolclass=pool.NullPool,
        )
        async with engine.connect() as connection:
            return await connection.run_sync(work)

    try:
        return asyncio.run(run())
    except (OSError, asyncpg.PostgresError) as error:
        raise Unavailable("the database cannot be reached", detail=str(error)) from error
