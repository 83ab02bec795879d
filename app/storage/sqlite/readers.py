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
_MOST_LONG = 1_000
"""Statements that are remembered to take longer."""
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
        self._long: set[str] = set()
        """Statements of which the last answer took longer than one that is read right here may."""
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
        rows = self._read(statement, values, GLANCE_SECONDS)
        return await self.fetch(statement, values) if rows is None else rows

    async def brief(self, statement: Statement, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """The same for an answer that is short where little is asked about: tried right here, unless the last one to the same
        statement was not. A report asks a dozen such questions one after another, and a thread for each took as long; everyone
        else has a turn between two of them."""
        await asyncio.sleep(0)
        if statement.sql in self._long:
            began = time.perf_counter()
            rows = await self.fetch(statement, values)
            if time.perf_counter() - began < GLANCE_SECONDS / 2:
                self._long.discard(statement.sql)
            return rows
        here = self._read(statement, values, GLANCE_SECONDS)
        if here is None:
            if len(self._long) >= _MOST_LONG:
                self._long.clear()
            self._long.add(statement.sql)
            return await self.fetch(statement, values)
        return here

    def _read(self, statement: Statement, values: Mapping[str, Any], seconds: float) -> list[tuple[Any, ...]] | None:
        """All rows of the answer, read in that time on this thread; None if they are not."""
        if self._closed:
            raise Unavailable("the store is closed")
        try:
            if self._here is None:
                self._here = connect_reader(self._path)
                self._here.execute("PRAGMA busy_timeout = 0")
                self._here.set_progress_handler(self._too_long, _LOOKED)
            self._until = time.perf_counter() + seconds
            return self._here.execute(statement.sql, statement.bind(values)).fetchall()
        except sqlite3.OperationalError:
            return None

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
