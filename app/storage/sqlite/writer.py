"""The one writer: a thread that runs what is queued in one transaction after another and commits whole groups at once.

A commit costs a sync of the disk, whatever is in it. Under load many callers share one, so that single events are
recorded as fast as batches; a caller alone waits for nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Generic, Protocol, TypeVar

from app.domain.errors import Unavailable
from app.observability import counters

T = TypeVar("T")
_LOG = logging.getLogger("gateway.storage")

MOST_JOBS = 512
"""Jobs in one commit."""
LONGEST_SECONDS = 0.1
"""Jobs are added to a commit for no longer than this."""
_ATTEMPTS = 2
"""Times that a transaction is begun, each waiting as long as the busy timeout says, until the store is called busy."""


class Buffer(Protocol):
    """What the jobs of a group leave to be written at its end."""

    def flush(self, connection: sqlite3.Connection) -> None:
        """Write it."""
        ...

    def clear(self) -> None:
        """Forget it: the group was undone."""
        ...


class Unit:
    """What a job works on: the connection inside the group's transaction, and what is to be done once it is committed."""

    __slots__ = ("_buffer", "_committed", "reading", "saved")

    def __init__(self, connection: sqlite3.Connection, buffer: Buffer) -> None:
        self.reading = connection
        """The connection for reading what is committed and what the buffer has written."""
        self.saved = False
        """Whether this job has a savepoint, and so may have written."""
        self._buffer = buffer
        self._committed: list[Callable[[], None]] = []

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection for writing: what other jobs left is written first, so that undoing this one leaves it alone."""
        if not self.saved:
            self._buffer.flush(self.reading)
            self.reading.execute("SAVEPOINT job")
            self.saved = True
        return self.reading

    def when_committed(self, call: Callable[[], None]) -> None:
        """Have `call` made after the commit; never if this job or its group fails."""
        self._committed.append(call)

    def committed(self) -> None:
        """Make the calls. What is committed is committed, so that none of them may fail it or end the thread."""
        for call in self._committed:
            try:
                call()
            except Exception:
                _LOG.exception("what was to follow a commit has failed")


class _Nothing:
    """The buffer of jobs that leave nothing."""

    def flush(self, connection: sqlite3.Connection) -> None:
        return None

    def clear(self) -> None:
        return None


@dataclass(slots=True)
class _Job(Generic[T]):
    work: Callable[[Unit], T]
    future: asyncio.Future[T]
    loop: asyncio.AbstractEventLoop


@dataclass(slots=True)
class _Done:
    """A job whose work is done, while its group is not yet committed."""

    job: _Job[Any]
    unit: Unit | None = None
    result: Any = None
    error: BaseException | None = None


class Writer:
    """The thread and its queue. Jobs run in the order in which they were submitted."""

    def __init__(self, connect: Callable[[], sqlite3.Connection], buffer: Buffer | None = None) -> None:
        self._connect = connect
        self._buffer = buffer or _Nothing()
        self._queue: SimpleQueue[_Job[Any] | None] = SimpleQueue()
        self._closing = threading.Lock()
        self._closed = False
        # A daemon, so that an interpreter which ends without closing the store does not hang; what was not committed is lost.
        self._thread = threading.Thread(target=self._run, name="sqlite-writer", daemon=True)
        self._thread.start()

    async def submit(self, work: Callable[[Unit], T]) -> T:
        """Run `work` on the writer's thread and return once it is committed.

        What `work` raises is undone and reaches this caller alone. Raises Unavailable when the file stays locked, cannot be
        written, or the store is closed. A caller that is cancelled may or may not have written.
        """
        loop = asyncio.get_running_loop()
        job = _Job(work, loop.create_future(), loop)
        with self._closing:
            if self._closed:
                raise Unavailable("the store is closed")
            self._queue.put(job)
        with counters.transaction():
            result: T = await job.future
        return result

    async def close(self) -> None:
        """Finish what is queued, and end the thread."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        while self._thread.is_alive():
            await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        while (job := self._queue.get()) is not None:
            try:
                connection = connection or self._connect()
            except Exception as error:
                _resolve([_Done(job, error=_translated(error))])
                continue
            self._commit(connection, job)
        if connection is not None:
            connection.close()

    def _commit(self, connection: sqlite3.Connection, first: _Job[Any], most: int = MOST_JOBS) -> None:
        """Run and commit the first job and those that are queued behind it."""
        done: list[_Done] = []
        try:
            _begin(connection)
        except sqlite3.Error as error:
            # Whoever queued meanwhile has waited as long: failing them together keeps waiting times bounded.
            _resolve([_Done(job, error=_translated(error)) for job in [first, *self._queued()]])
            return
        try:
            self._fill(connection, first, done, most)
            self._buffer.flush(connection)
            connection.execute("COMMIT")
        except BaseException as error:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            self._buffer.clear()
            if isinstance(error, sqlite3.IntegrityError) and len(done) > 1:
                # One of them left what cannot be written. Which one is told by running each alone.
                for each in done:
                    self._commit(connection, each.job, most=1)
                return
            for each in done:
                each.error = each.error or _translated(error)
        for each in done:
            if each.error is None and each.unit is not None:
                each.unit.committed()
        _resolve(done)

    def _fill(self, connection: sqlite3.Connection, first: _Job[Any], done: list[_Done], most: int) -> None:
        until = time.monotonic() + LONGEST_SECONDS
        job: _Job[Any] | None = first
        while job is not None:
            if not job.future.cancelled():
                done.append(each := _Done(job))
                self._run_job(connection, each)
            job = None
            if len(done) < most and time.monotonic() < until:
                job = self._next()

    def _run_job(self, connection: sqlite3.Connection, each: _Done) -> None:
        """Run one job. Once it writes it does so inside a savepoint, so that its failure undoes its own work only."""
        each.unit = unit = Unit(connection, self._buffer)
        try:
            each.result = each.job.work(unit)
        except BaseException as error:
            each.error = _translated(error)
            if unit.saved:
                # After a full disk or a failed read SQLite has undone the whole transaction by itself, and this fails it.
                connection.execute("ROLLBACK TO job")
        if unit.saved:
            connection.execute("RELEASE job")

    def _next(self) -> _Job[Any] | None:
        try:
            job = self._queue.get_nowait()
        except Empty:
            return None
        if job is None:
            self._queue.put(None)  # the end is for `_run` to see, and nothing can be queued behind it
        return job

    def _queued(self) -> list[_Job[Any]]:
        found = []
        while (job := self._next()) is not None:
            found.append(job)
        return found


def _begin(connection: sqlite3.Connection) -> None:
    for attempt in range(_ATTEMPTS):
        try:
            connection.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError:
            if attempt == _ATTEMPTS - 1:
                raise


def _translated(error: BaseException) -> BaseException:
    """Locks, full disks and damaged files as Unavailable; whatever else, broken constraints among it, as it is."""
    if type(error) not in (sqlite3.OperationalError, sqlite3.DatabaseError):
        return error
    busy = "locked" in str(error) or "busy" in str(error)
    word = "the store is busy; the same call may succeed later" if busy else "the store cannot be written"
    unavailable = Unavailable(word, detail=str(error))
    unavailable.__cause__ = error
    return unavailable


def _resolve(done: list[_Done]) -> None:
    """Hand results over to the callers' own loops, with one wake-up for each loop."""
    loops: dict[asyncio.AbstractEventLoop, list[_Done]] = defaultdict(list)
    for each in done:
        loops[each.job.loop].append(each)
    for loop, own in loops.items():
        with contextlib.suppress(RuntimeError):  # a loop that was closed has nobody waiting
            loop.call_soon_threadsafe(_settle, own)


def _settle(done: list[_Done]) -> None:
    for each in done:
        future = each.job.future
        if future.done():
            continue
        if each.error is not None:
            future.set_exception(each.error)
        else:
            future.set_result(each.result)
