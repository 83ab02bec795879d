"""The readers: connections that see what is committed and wait for no writer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import asyncpg

from app.domain.errors import Unavailable
from app.storage.postgres.connection import lost, translating
from app.storage.sql.dialect import Statement


class Readers:
    """As many questions at once as the pool has connections. A question whose caller is cancelled is stopped on the server."""

    def __init__(self, pool: asyncpg.Pool, walkers: asyncpg.Pool) -> None:
        self._pool = pool
        self._walkers = walkers
        self._closed = False

    async def ask(self, statement: Statement, **values: Any) -> list[Any]:
        """The same, with the values as arguments."""
        return await self.fetch(statement, values)

    async def fetch(self, statement: Statement, values: Mapping[str, Any], *, steady: bool = False) -> list[Any]:
        """All rows of the answer; `steady` where the statement has one plan only, whatever the values. Raises Unavailable."""
        pool = self._walkers if steady else self._pool
        parameters = statement.bind(values)
        with translating():
            try:
                return await self._fetch(pool, statement.sql, parameters)
            except Exception as error:
                if self._closed or not lost(error):
                    raise
            # A question changes nothing: where the server was restarted, it is asked again. The others of the pool are gone too.
            await pool.expire_connections()
            return await self._fetch(pool, statement.sql, parameters)

    async def close(self) -> None:
        """Wait for the questions under way, and close the connections."""
        self._closed = True
        await self._pool.close()
        await self._walkers.close()

    async def _fetch(self, pool: asyncpg.Pool, sql: str, parameters: tuple[Any, ...]) -> list[Any]:
        if self._closed:
            raise Unavailable("the store is closed")
        async with pool.acquire() as connection:
            rows: list[Any] = await connection.fetch(sql, *parameters)
            return rows
