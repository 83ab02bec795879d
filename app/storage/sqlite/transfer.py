"""What copying a store asks of this engine: rows of its tables, and accounts under the ids that they have elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Table

from app.domain.account import Account, genesis
from app.storage.sql.tables import accounts
from app.storage.sql.transfer import Row, Transfer
from app.storage.sql.writes import Writes
from app.storage.sqlite.dialect import SqliteDialect
from app.storage.sqlite.readers import Readers
from app.storage.sqlite.writer import Unit, Writer


class SqliteTransfer:
    """See `app.storage.copying.Transferable`."""

    def __init__(self, readers: Readers, writer: Writer) -> None:
        self._readers = readers
        self._writer = writer
        self._transfer = Transfer(SqliteDialect())
        self._make_head = Writes(SqliteDialect()).make_head

    async def dump(self, table: Table, after: Row | None, limit: int) -> list[Row]:
        statement, values = self._transfer.page(table, after, limit)
        return [self._transfer.told(table, row) for row in await self._readers.fetch(statement, values)]

    async def load(self, table: Table, rows: Sequence[Row]) -> None:
        put = self._transfer.put(table)
        bound = [put.bind(self._transfer.kept(table, row)) for row in rows]
        await self._writer.submit(lambda unit: unit.connection.executemany(put.sql, bound).rowcount)

    async def adopt(self, account: Account) -> None:
        put, head = self._transfer.put(accounts), self._make_head

        def work(unit: Unit) -> None:
            row = (account.id, account.name, account.created_at)
            unit.connection.execute(put.sql, put.bind(self._transfer.kept(accounts, row)))
            unit.connection.execute(head.sql, head.bind({"account_id": account.id, "chain": genesis(account.name)}))

        await self._writer.submit(work)
