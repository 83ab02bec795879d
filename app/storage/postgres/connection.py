"""Connections to the server: two pools, how each is set up, and what the driver's errors mean to a caller."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg

from app.domain.errors import Unavailable
from app.storage.migrations import REVISIONS, refuse_unknown, upgrade

LOCK_SECONDS = 10.0
"""How long a writer waits for an account that another process is writing to."""
CONNECT_SECONDS = 10.0
_STATEMENTS = 512
"""Prepared statements kept by a connection."""

_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InternalClientError,  # what the driver says where a connection broke off between two messages
    OSError,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What this process takes of a server: connections, and seconds that one statement may run."""

    connections: int = 10
    statement_seconds: float = 60.0

    @property
    def writers(self) -> int:
        """Connections for writing, each of which may be waiting for an account's lock; the others are for questions alone."""
        return max(1, self.connections // 3)

    @property
    def readers(self) -> int:
        """Connections for questions whose statements are planned anew each time."""
        return max(1, self.connections - self.writers - self.walkers)

    @property
    def walkers(self) -> int:
        """Connections for questions whose plan does not hang on their values: a row by its key, a page along an index."""
        return max(1, (self.connections - self.writers) // 2)


async def reading_pool(url: str, limits: Limits) -> asyncpg.Pool:
    """Connections that refuse to write. They are opened when they are needed."""
    settings = _settings(limits) | {"default_transaction_read_only": "on"}
    return await _pool(url, limits.readers, settings)


async def walking_pool(url: str, limits: Limits) -> asyncpg.Pool:
    """The same for statements that have one plan only, along an index: it is made once and kept with each connection, since
    planning takes as long as reading a page does. What looks better while a table is small is no choice."""
    others = {"enable_seqscan": "off", "enable_bitmapscan": "off", "enable_sort": "off"}
    kept = {"default_transaction_read_only": "on", "plan_cache_mode": "force_generic_plan"}
    return await _pool(url, limits.walkers, _settings(limits) | kept | others)


async def writing_pool(url: str, limits: Limits) -> asyncpg.Pool:
    """Connections for transactions, which never wait for long while they hold an account."""
    settings = _settings(limits) | {
        "lock_timeout": _milliseconds(LOCK_SECONDS),
        # What is looked up is a batch's ids, a handful of rows: below some hundred thousand the planner would read all of them.
        "enable_seqscan": "off",
        # A process that stops in the middle of a transaction must not keep an account from the others.
        "idle_in_transaction_session_timeout": _milliseconds(limits.statement_seconds),
    }
    return await _pool(url, limits.writers, settings)


def _settings(limits: Limits) -> dict[str, str]:
    return {
        "application_name": "usage-gateway",
        "statement_timeout": _milliseconds(limits.statement_seconds),
        # A generic plan knows neither the partitions nor how many entries a value has, and one that was made while a table
        # was small is kept while it grows. Planning again costs some tens of microseconds.
        "plan_cache_mode": "force_custom_plan",
        # Compiling a query takes longer than most of them run.
        "jit": "off",
        # Groups are gathered in memory rather than sorted on disk.
        "work_mem": "32MB",
        "TimeZone": "UTC",
    }


def _milliseconds(seconds: float) -> str:
    return f"{round(seconds * 1_000)}ms"


async def _pool(url: str, size: int, settings: dict[str, str]) -> asyncpg.Pool:
    return await asyncpg.create_pool(
        url,
        min_size=0,
        max_size=size,
        timeout=CONNECT_SECONDS,
        statement_cache_size=_STATEMENTS,
        max_cached_statement_lifetime=0,
        server_settings=settings,
        reset=_keep,
    )


async def _keep(connection: Any) -> None:
    """Nothing a connection is used for outlives its transaction, so there is nothing to reset, and no question to the server."""


async def prepare_database(url: str) -> None:
    """Make the tables in an empty database. Raises Unavailable where the server cannot be reached, and for another revision.

    An older database is left as it is: servers of the version before may still be running on it.
    """
    found = await _asked(url, revision)
    if found is None:
        await asyncio.to_thread(upgrade, url)
    else:
        refuse_other(found)


async def revision(connection: Any) -> str | None:
    """The revision of the database; None for an empty one."""
    if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
        return None
    found: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
    return found


def refuse_other(found: str | None) -> None:
    """Raises Unavailable for any revision but this version's own."""
    refuse_unknown(found)
    if found != REVISIONS[-1]:
        raise Unavailable(
            f"the database is at revision {found}, this version needs {REVISIONS[-1]}", detail="`gateway migrate` brings it there"
        )


async def _asked(url: str, question: Callable[[Any], Any]) -> Any:
    with translating():
        connection = await asyncpg.connect(url, timeout=CONNECT_SECONDS)
        try:
            return await question(connection)
        finally:
            await connection.close()


def lost(error: BaseException) -> bool:
    """Whether the connection is gone, or never came to be: what was not committed on it is undone."""
    if isinstance(error, asyncpg.InterfaceError):
        return not isinstance(error, ValueError)  # parameters of the wrong type are an InterfaceError too
    return isinstance(error, _LOST)


@contextmanager
def translating() -> Iterator[None]:
    """What is raised within is told as `meaning` has it."""
    try:
        yield
    except Exception as error:
        meant = meaning(error)
        if meant is error:
            raise
        raise meant from error


def meaning(error: Exception) -> Exception:
    """Time limits, lost and refused connections and full disks as Unavailable; whatever else as it is."""
    word = _word(error)
    return error if word is None else Unavailable(word, detail=str(error) or type(error).__name__)


def _word(error: Exception) -> str | None:
    if isinstance(error, asyncpg.LockNotAvailableError):
        return "the store is busy; the same call may succeed later"
    if isinstance(error, (asyncpg.QueryCanceledError, asyncpg.IdleInTransactionSessionTimeoutError)):
        return "the store took too long"
    if isinstance(error, asyncpg.InsufficientResourcesError):
        return "the database is out of room"
    if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
        return "the database takes nothing new at present"
    if isinstance(error, (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError)):
        return "the database refuses the connection"
    return "the database cannot be reached" if lost(error) else None
