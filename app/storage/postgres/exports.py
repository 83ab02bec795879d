"""Exports: `app.ports.Exports` over the readers."""

from __future__ import annotations

from datetime import datetime

from app.domain.export import Export, ExportFilters, Mark
from app.ports import EVERY_EXPORT
from app.storage.postgres.dialect import PostgresDialect
from app.storage.postgres.readers import Readers
from app.storage.sql.exports import ExportStatements, export_of, listing, mark_of


class PostgresExports:
    """See `app.ports.Exports`."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._dialect = PostgresDialect()
        self._exports = ExportStatements(self._dialect)

    async def export(self, account_id: int, export_id: str) -> Export | None:
        rows = await self._readers.fetch(self._exports.one, {"account_id": account_id, "id": export_id})
        return export_of(rows[0], self._dialect) if rows else None

    async def exports(
        self,
        account_id: int,
        *,
        limit: int,
        above: int | None = None,
        below: int | None = None,
        descending: bool = True,
        filters: ExportFilters = EVERY_EXPORT,
    ) -> list[Export]:
        statement = self._exports.page(filters, descending=descending)
        rows = await self._readers.fetch(statement, listing(account_id, limit, above, below, filters))
        return [export_of(row, self._dialect) for row in rows]

    async def subtrees(self, account_id: int, export_id: str) -> bytes:
        rows = await self._readers.fetch(self._exports.subtrees, {"account_id": account_id, "id": export_id})
        return bytes(rows[0][0]) if rows else b""

    async def mark(self, account_id: int, export_id: str) -> Mark | None:
        rows = await self._readers.fetch(self._exports.mark, {"account_id": account_id, "export_id": export_id})
        return mark_of(rows[0]) if rows else None

    async def unfinished(self) -> list[Export]:
        return [export_of(row, self._dialect) for row in await self._readers.fetch(self._exports.unfinished, {})]

    async def disposable(self, before: datetime | None) -> list[Export]:
        if before is None:
            rows = await self._readers.fetch(self._exports.expired, {})
        else:
            rows = await self._readers.fetch(self._exports.outdated, {"before": self._dialect.bound(before)})
        return [export_of(row, self._dialect) for row in rows]
