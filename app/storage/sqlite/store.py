"""The engine as a whole: opening a file, transactions, readiness and closing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import text

from app.domain.errors import Unavailable
from app.ports import Transaction
from app.storage.migrations import REVISIONS, refuse_unknown
from app.storage.sql.dialect import compile_statement
from app.storage.sqlite.accounts import SqliteAccounts
from app.storage.sqlite.attestations import SqliteAttestations
from app.storage.sqlite.connection import connect, prepare_file
from app.storage.sqlite.dialect import SqliteDialect
from app.storage.sqlite.exports import SqliteExports
from app.storage.sqlite.formats import SqliteFormats
from app.storage.sqlite.ledger import SqliteLedger
from app.storage.sqlite.readers import Readers
from app.storage.sqlite.rejects import SqliteRejects
from app.storage.sqlite.transaction import Shared, SqliteTransaction, drive
from app.storage.sqlite.transfer import SqliteTransfer
from app.storage.sqlite.writer import Unit, Writer

T = TypeVar("T")


async def open_sqlite(path: str | Path, *, readers: int = 3) -> SqliteStore:
    """Open the file, making it where there is none and migrating it where it is older; `readers` queries run at once.

    Raises Unavailable where the file cannot be opened, or was made by a newer version.
    """
    file = Path(path)
    await asyncio.to_thread(prepare_file, file)
    return SqliteStore(file, readers)


class SqliteStore(SqliteLedger, SqliteAccounts, SqliteExports, SqliteFormats, SqliteRejects, SqliteAttestations, SqliteTransfer):
    """See `app.ports.Store`. Use `open_sqlite` to get one."""

    def __init__(self, path: Path, readers: int) -> None:
        self._shared = Shared(SqliteDialect())
        self._version = compile_statement(text("SELECT version_num FROM alembic_version"), SqliteDialect())
        reading, writing = Readers(path, readers), Writer(lambda: connect(path), self._shared.pending)
        SqliteLedger.__init__(self, reading)
        SqliteAccounts.__init__(self, reading, writing)
        SqliteFormats.__init__(self, reading)
        SqliteRejects.__init__(self, reading, writing)
        SqliteExports.__init__(self, reading)
        SqliteAttestations.__init__(self, reading, writing)
        SqliteTransfer.__init__(self, reading, writing)

    async def transact(self, account_id: int, body: Callable[[Transaction], Awaitable[T]]) -> T:
        def work(unit: Unit) -> T:
            transaction = SqliteTransaction(unit, account_id, self._shared)
            result = drive(body, transaction)
            transaction.finish()
            return result

        return await self._writer.submit(work)

    async def ready(self) -> None:
        rows = await self._readers.fetch(self._version, {})
        found = str(rows[0][0]) if rows else None
        refuse_unknown(found)
        if found != REVISIONS[-1]:
            raise Unavailable(f"the database is at revision {found}, this version needs {REVISIONS[-1]}")

    async def close(self) -> None:
        await self._readers.close()
        # Last, so that the writer's connection is the one that checkpoints the log into the file.
        await self._writer.close()
