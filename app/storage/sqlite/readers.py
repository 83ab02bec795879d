"""The readers: a few connections that see what is committed and wait for no writer."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiosqlite

from app.domain.errors import Unavailable
from app.storage.sql.dialect import Statement
from app.storage.sqlite.connection import connect_reader


class Readers:
    """At most `size` queries at once, each alone on its connection. A query whose caller is cancelled is stopped."""

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._size = size
        self._free = asyncio.Semaphore(size)
        self._idle: list[aiosqlite.Connection] = []
        self._here: sqlite3.Connection | None = None
        self._closed = False

    async def fetch(self, statement: Statement, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """All rows of the answer. Raises Unavailable."""
        parameters = statement.bind(values)
        async with self._free:
            if self._closed:
                raise Unavailable("the store is closed")
            connection = self._idle.pop() if self._idle else await self._connect()
            try:
                rows: Any = await connection.execute_fetchall(statement.sql, parameters)
                return list(rows)
            except asyncio.CancelledError:
                # Only what runs on this connection is stopped: the thread takes the next query after it has ended.
                await connection.interrupt()
                raise
            except sqlite3.OperationalError as error:
                raise Unavailable("the store cannot be read", detail=str(error)) from error
            finally:
                self._idle.append(connection)

    async def glance(self, statement: Statement, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """The same for an answer that is one row found by its key: read right here, which takes less than to ask a thread for it.

        Nothing is waited for: where the file is busy, a thread waits.
        """
        if self._closed:
            raise Unavailable("the store is closed")
        try:
            if self._here is None:
                self._here = connect_reader(self._path)
                self._here.execute("PRAGMA busy_timeout = 0")
            return self._here.execute(statement.sql, statement.bind(values)).fetchall()
        except sqlite3.OperationalError:
            return await self.fetch(statement, values)

    async def close(self) -> None:
        """Wait for the queries under way, and close the connections."""
        if self._closed:
            return
        self._closed = True
        for _ in range(self._size):
            await self._free.acquire()
        if self._here is not None:
            self._here.close()
        while self._idle:
            await self._idle.pop().close()
        for _ in range(self._size):
            self._free.release()

    async def _connect(self) -> aiosqlite.Connection:
        connection = aiosqlite.Connection(lambda: connect_reader(self._path), iter_chunk_size=64)
        # An interpreter that ends without closing the store must not wait for this thread; the library has no setting for it.
        connection._thread.daemon = True
        try:
            return await connection
        except sqlite3.Error as error:
            raise Unavailable("the store cannot be read", detail=str(error)) from error
