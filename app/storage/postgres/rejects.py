"""Rejects: `app.ports.Rejects` over the readers, and the writing of what concerns no single account."""

from __future__ import annotations

from datetime import datetime

import asyncpg

from app.domain.reject import OPEN_ONLY, Reject, RejectFilters
from app.storage.postgres.connection import translating
from app.storage.postgres.dialect import PostgresDialect
from app.storage.postgres.readers import Readers
from app.storage.sql.rejects import RejectStatements, listing, reject_of


class PostgresRejects:
    """See `app.ports.Rejects`."""

    def __init__(self, readers: Readers, pool: asyncpg.Pool) -> None:
        self._readers = readers
        self._pool = pool
        self._dialect = PostgresDialect()
        self._rejects = RejectStatements(self._dialect)

    async def reject(self, account_id: int, number: int) -> Reject | None:
        values = {"account_id": account_id, "first": number, "last": number}
        rows = await self._readers.fetch(self._rejects.between, values)
        return reject_of(rows[0], self._dialect) if rows else None

    async def rejects(
        self,
        account_id: int,
        *,
        limit: int,
        above: int | None = None,
        below: int | None = None,
        descending: bool = True,
        filters: RejectFilters = OPEN_ONLY,
    ) -> list[Reject]:
        statement = self._rejects.page(filters, descending=descending)
        values = listing(account_id, filters, limit=limit, above=above, below=below)
        return [reject_of(row, self._dialect) for row in await self._readers.fetch(statement, values)]

    async def count_rejects(self, account_id: int, filters: RejectFilters = OPEN_ONLY) -> int:
        rows = await self._readers.fetch(self._rejects.count(filters), listing(account_id, filters))
        return int(rows[0][0])

    async def forget_rejects(self, before: datetime) -> int:
        values = {"before": self._dialect.bound(before)}
        blank, forget = self._rejects.blank, self._rejects.forget
        with translating():
            async with self._pool.acquire() as connection, connection.transaction():
                told = await connection.execute(blank.sql, *blank.bind(values))
                await connection.execute(forget.sql, *forget.bind(values))
        return int(told.rpartition(" ")[2])
