"""The engine as a whole: opening a database, transactions, readiness and closing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg
from sqlalchemy import text

from app.ports import Transaction
from app.storage.postgres.accounts import PostgresAccounts
from app.storage.postgres.attestations import PostgresAttestations
from app.storage.postgres.connection import Limits, prepare_database, reading_pool, refuse_other, walking_pool, writing_pool
from app.storage.postgres.dialect import PostgresDialect
from app.storage.postgres.exports import PostgresExports
from app.storage.postgres.formats import PostgresFormats
from app.storage.postgres.ledger import PostgresLedger
from app.storage.postgres.months import Months
from app.storage.postgres.readers import Readers
from app.storage.postgres.rejects import PostgresRejects
from app.storage.postgres.transfer import PostgresTransfer
from app.storage.postgres.writer import Writer
from app.storage.sql.dialect import compile_statement

T = TypeVar("T")


async def open_postgres(url: str, limits: Limits | None = None) -> PostgresStore:
    """Open the database behind a `postgresql://` URL, making the tables where it is empty.

    Raises Unavailable where it cannot be reached, or is of another revision than this version's.
    """
    await prepare_database(url)
    limits = limits or Limits()
    return PostgresStore(await reading_pool(url, limits), await walking_pool(url, limits), await writing_pool(url, limits))


class PostgresStore(
    PostgresLedger, PostgresAccounts, PostgresExports, PostgresFormats, PostgresRejects, PostgresAttestations, PostgresTransfer
):
    """See `app.ports.Store`. Use `open_postgres` to get one. To be used on one event loop."""

    def __init__(self, reading: asyncpg.Pool, walking: asyncpg.Pool, writing: asyncpg.Pool) -> None:
        months = Months()
        readers = Readers(reading, walking)
        self._writer = Writer(writing, months)
        self._version = compile_statement(text("SELECT version_num FROM alembic_version"), PostgresDialect())
        PostgresLedger.__init__(self, readers, months)
        PostgresAccounts.__init__(self, readers, writing)
        PostgresFormats.__init__(self, readers)
        PostgresRejects.__init__(self, readers, writing)
        PostgresExports.__init__(self, readers)
        PostgresAttestations.__init__(self, readers, writing)
        PostgresTransfer.__init__(self, readers, writing)

    async def transact(self, account_id: int, body: Callable[[Transaction], Awaitable[T]]) -> T:
        return await self._writer.submit(account_id, body)

    async def ready(self) -> None:
        rows = await self._readers.fetch(self._version, {})
        refuse_other(str(rows[0][0]) if rows else None)

    async def close(self) -> None:
        await self._writer.close()
        await self._readers.close()
