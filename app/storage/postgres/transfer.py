"""What copying a store asks of this engine: rows of its tables, and accounts under the ids that they have elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg
from sqlalchemy import Table

from app.domain.account import Account, genesis
from app.storage.postgres.connection import translating
from app.storage.postgres.dialect import PostgresDialect
from app.storage.postgres.readers import Readers
from app.storage.sql.tables import accounts
from app.storage.sql.transfer import Row, Transfer
from app.storage.sql.writes import Writes

_COUNT_ON = "SELECT setval(pg_get_serial_sequence('accounts', 'id'), (SELECT MAX(id) FROM accounts))"


class PostgresTransfer:
    """See `app.storage.copying.Transferable`."""

    def __init__(self, readers: Readers, pool: asyncpg.Pool) -> None:
        self._readers = readers
        self._pool = pool
        self._transfer = Transfer(PostgresDialect())
        self._make_head = Writes(PostgresDialect()).make_head

    async def dump(self, table: Table, after: Row | None, limit: int) -> list[Row]:
        statement, values = self._transfer.page(table, after, limit)
        return [self._transfer.told(table, row) for row in await self._readers.fetch(statement, values)]

    async def load(self, table: Table, rows: Sequence[Row]) -> None:
        put = self._transfer.put(table)
        bound = [put.bind(self._transfer.kept(table, row)) for row in rows]
        with translating():
            async with self._pool.acquire() as connection:
                await connection.executemany(put.sql, bound)

    async def adopt(self, account: Account) -> None:
        put, head = self._transfer.put(accounts), self._make_head
        row = self._transfer.kept(accounts, (account.id, account.name, account.created_at))
        with translating():
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute(put.sql, *put.bind(row))
                await connection.execute(head.sql, *head.bind({"account_id": account.id, "chain": genesis(account.name)}))
                await connection.execute(_COUNT_ON)
