"""Formats of accounts: `app.ports.Formats` over the readers."""

from __future__ import annotations

from app.domain.format_version import FormatVersion
from app.storage.sql.formats import FormatStatements, format_of
from app.storage.sqlite.dialect import SqliteDialect
from app.storage.sqlite.readers import Readers


class SqliteFormats:
    """See `app.ports.Formats`."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._dialect = SqliteDialect()
        self._formats = FormatStatements(self._dialect)

    async def format_version(self, account_id: int, name: str, version: int | None = None) -> FormatVersion | None:
        asked = self._formats.newest if version is None else self._formats.one
        rows = await self._readers.fetch(asked, {"account_id": account_id, "name": name, "version": version})
        return format_of(rows[0], self._dialect) if rows else None

    async def format_versions(self, account_id: int, name: str | None = None) -> list[FormatVersion]:
        asked = self._formats.all_newest if name is None else self._formats.versions
        rows = await self._readers.fetch(asked, {"account_id": account_id, "name": name})
        return [format_of(row, self._dialect) for row in rows]
