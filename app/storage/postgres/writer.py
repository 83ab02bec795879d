"""The writer: bodies that wait for the same account share one transaction, one lock and one commit.

A commit costs a sync of the disk, whatever is in it, and an account's transactions come one after another. Under load many
callers share one, so that single events are recorded nearly as fast as batches; a caller alone waits for nobody. And a caller
that waits for its account holds no connection, so that a busy account takes only one from the others.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import asyncpg

from app.domain.errors import AlreadyCorrected, Unavailable
from app.observability import counters
from app.ports import Transaction
from app.storage.postgres.appending import Appending
from app.storage.postgres.connection import lost, meaning
from app.storage.postgres.months import Months
from app.storage.postgres.statements import Statements
from app.storage.postgres.transaction import PostgresTransaction
from app.storage.postgres.unit import Unit

T = TypeVar("T")

MOST_JOBS = 64
"""Bodies in one transaction."""
MOST_ENTRIES = 20_000
"""Entries with which a transaction takes no further body in."""
_ATTEMPTS = 5
"""Times that bodies are run, in case another process was in their way or the server went away meanwhile."""
_CONFLICTS = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError, asyncpg.InvalidCachedStatementError)


class _Unknown(Exception):
    """The connection was lost while the commit was under way."""


@dataclass(slots=True)
class _Job(Generic[T]):
    body: Callable[[Transaction], Awaitable[T]]
    future: asyncio.Future[T]
    result: Any = None
    error: Exception | None = None

    def settle(self) -> None:
        """Tell the caller."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Writer:
    """One task for each account that is being written to."""

    def __init__(self, pool: asyncpg.Pool, months: Months) -> None:
        self._pool = pool
        self._months = months
        self._statements = Statements()
        self._appending = Appending()
        self._queues: dict[int, deque[_Job[Any]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    async def submit(self, account_id: int, body: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run `body` over a transaction of that account, and return once it is committed.

        What the body raises is undone and reaches this caller alone. Raises NotFound for an account that does not exist, and
        Unavailable. A caller that is cancelled may or may not have written.
        """
        if self._closed:
            raise Unavailable("the store is closed")
        job = _Job(body, asyncio.get_running_loop().create_future())
        queue = self._queues.get(account_id)
        if queue is None:
            queue = self._queues[account_id] = deque()
            self._start(self._drain(account_id, queue))
        queue.append(job)
        with counters.transaction():
            result: T = await job.future
        return result

    async def close(self) -> None:
        """Finish what is queued, and close the connections."""
        self._closed = True
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self._pool.close()

    async def _drain(self, account_id: int, queue: deque[_Job[Any]]) -> None:
        try:
            while queue:
                jobs = [queue.popleft() for _ in range(min(len(queue), MOST_JOBS))]
                jobs = [job for job in jobs if not job.future.cancelled()]
                done = await self._commit(account_id, jobs)
                for job in jobs[:done]:
                    job.settle()
                queue.extendleft(reversed(jobs[done:]))
        finally:
            del self._queues[account_id]

    async def _commit(self, account_id: int, jobs: Sequence[_Job[Any]]) -> int:
        """Run the jobs, or the first of them, in one transaction, and tell how many are done.

        Where that fails as a whole, each is run in a transaction of its own, so that each has its own error.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await self._attempt(account_id, jobs)
            except Exception as error:
                broken = lost(error)
                if attempt < _ATTEMPTS and not self._pool.is_closing() and (broken or isinstance(error, _CONFLICTS)):
                    if broken:
                        await self._pool.expire_connections()
                    await asyncio.sleep(0.01 * 2**attempt)
                    continue
                meant = _meaning(error)
                if len(jobs) == 1 or isinstance(meant, Unavailable):
                    for job in jobs:
                        job.error = meant
                    return len(jobs)
            break
        for job in jobs:
            await self._commit(account_id, [job])
        return len(jobs)

    async def _attempt(self, account_id: int, jobs: Sequence[_Job[Any]]) -> int:
        done = 0
        async with self._pool.acquire() as connection:
            alone = len(jobs) == 1
            unit = Unit(connection, account_id, self._statements, self._appending, self._months, alone=alone)
            transaction = connection.transaction()
            await transaction.start()
            try:
                for job in jobs:
                    await _run(job, unit, alone=alone)
                    done += 1
                    if len(unit.entries) >= MOST_ENTRIES:
                        break
                await unit.flush()
            except BaseException:
                with suppress(Exception):  # where the connection is lost, there is nothing to undo
                    await transaction.rollback()
                raise
            try:
                await transaction.commit()
            except Exception as error:
                if lost(error):
                    raise _Unknown from error
                raise
        unit.committed()
        if unit.blanked:
            self._start(self._clear(unit.blanked))
        return done

    async def _clear(self, tables: set[str]) -> None:
        """Have dead rows cleared away now: of a few in an old month, the server itself would take no notice for years."""
        with suppress(Exception):  # it is erased either way; the server may be going away, or a vacuum under way already
            async with self._pool.acquire() as connection:
                for table in sorted(tables):
                    await connection.execute(f"VACUUM (SKIP_LOCKED, TRUNCATE OFF) {table}")

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        # Many callers share a task: it carries the context of none of them.
        task = asyncio.create_task(work, context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _run(job: _Job[Any], unit: Unit, *, alone: bool) -> None:
    """Run one job, so that its failure undoes its own work only."""
    job.result, job.error = None, None
    unit.begin()
    try:
        job.result = await job.body(PostgresTransaction(unit))
    except Exception as error:
        # An error of the database ends the transaction for all of them.
        if alone or isinstance(error, asyncpg.PostgresError) or lost(error):
            raise
        job.error = error
        await unit.undo()
    else:
        await unit.keep()


def _meaning(error: Exception) -> Exception:
    if isinstance(error, _Unknown):
        return Unavailable("the database was lost while it committed; whether it did is not known")
    if isinstance(error, asyncpg.UniqueViolationError) and error.table_name == "reversals":
        return AlreadyCorrected("the entry was reversed before")
    return meaning(error)
