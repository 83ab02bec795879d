"""The readers: a few connections that see what is committed and wait for no writer."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiosqlite

from app.domain.errors import Unavailable
from app.storage.sql.dialect import Statement
from app.storage.sqlite.connection import connect_reader

GLANCE_SECONDS = 0.002
"""How long the event loop may be held by an answer that is read right here."""
_LOOKED = 1_000
"""Steps of SQLite's machine, some tens of microseconds, after which it is looked how long an answer takes."""


class Readers:
    """At most `size` queries at once, each alone on its connection. A query whose caller is cancelled is stopped."""

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._size = size
        self._free = asyncio.Semaphore(size)
        self._idle: list[aiosqlite.Connection] = []
        self._here: sqlite3.Connection | None = None
        self._until = 0.0
        """When what is read right here is given up."""
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
        """The same for an answer that is short, as one row found by its key or a page of rows along an index: read right here.

        Asking a thread takes longer than a row; and of a page, which lets go of the interpreter at each row, several readers at
        once hand it to and fro. What takes longer than it should, and what finds the file busy, is left to a thread after all.
        """
        if self._closed:
            raise Unavailable("the store is closed")
        try:
            if self._here is None:
                self._here = connect_reader(self._path)
                self._here.execute("PRAGMA busy_timeout = 0")
                self._here.set_progress_handler(self._too_long, _LOOKED)
            self._until = time.perf_counter() + GLANCE_SECONDS
            return self._here.execute(statement.sql, statement.bind(values)).fetchall()
        except sqlite3.OperationalError:
            return await self.fetch(statement, values)

    def _too_long(self) -> bool:
        return time.perf_counter() > self._until

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
