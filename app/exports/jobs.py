"""The worker: makes the exports that were too long to be made while their callers waited.

What there is to do stands in the store, so a worker that starts finds what an earlier one left. Several processes on one store
share what there is by lease (see `app.exports.leases`). Where one was killed, another takes its export over once the lease is
over, and goes on at the last mark, or begins anew from the same frozen point: the file is the same.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import structlog

from app.domain.errors import GatewayError, Unavailable
from app.domain.export import Export, Mark
from app.exports.leases import Lease, Lost, take
from app.exports.making import Marking, keep, make
from app.exports.order import order_of
from app.ledger.commands import Rules
from app.ports import Files, Store

AT_ONCE = 2
"""Exports that one process makes at a time, so that a long one does not hold up all others."""
POLL_SECONDS = 5.0
"""How often what other processes froze or left is looked for."""
LEASE_SECONDS = 20.0
"""How long an export is taken for: what a killed worker left is taken over after so long."""
BEAT_SECONDS = 2.0
"""How often a lease is prolonged, and the number of rows done is stored."""
MARK_SECONDS = 2.0
"""How often it is stored where another can go on."""
MOST_ATTEMPTS = 5
"""How often one export is begun in one process while the store or the folder is unavailable."""
MOST_LEASES = 100
"""How often an export is taken at all: one that ends every process that makes it must come to an end itself."""

_log = structlog.stdlib.get_logger("gateway.exports")


class Worker:
    """One for each process. `run` is its whole life; `notify` tells it that there may be something to do."""

    def __init__(
        self,
        store: Store,
        files: Files,
        *,
        rules: Rules,
        lease_seconds: float = LEASE_SECONDS,
        beat_seconds: float = BEAT_SECONDS,
        mark_seconds: float = MARK_SECONDS,
        poll_seconds: float = POLL_SECONDS,
        at_once: int = AT_ONCE,
    ) -> None:
        self.name = f"{os.getpid()}-{secrets.token_hex(4)}"
        """What leases name it by: no two are the same."""
        self._store = store
        self._files = files
        self._rules = rules
        self._lease_seconds = lease_seconds
        self._beat_seconds = beat_seconds
        self._mark_seconds = mark_seconds
        self._poll_seconds = poll_seconds
        self._at_once = at_once
        self._woken = asyncio.Event()
        self._attempts: dict[str, int] = {}

    def notify(self) -> None:
        """Look for work now rather than at the next poll."""
        self._woken.set()

    async def run(self) -> None:
        """Make what is unfinished, and go on until cancelled. What is under way then is left for the next one to go on with."""
        async with asyncio.TaskGroup() as hands:
            for _ in range(self._at_once):
                hands.create_task(self._live())

    async def work(self) -> None:
        """Make everything that is unfinished now and that nobody else makes, oldest first, once."""
        tried: set[str] = set()
        while todo := [each for each in await self._store.unfinished() if each.id not in tried]:
            for export in todo:
                tried.add(export.id)
                await self.attend(export)

    async def attend(self, export: Export) -> bool:
        """Make one export, and store what became of it; tells whether it was there to be taken."""
        if export.leased(self._rules.clock()):
            return False
        lease = await take(self._store, export, self.name, rules=self._rules, lasting=timedelta(seconds=self._lease_seconds))
        if lease is not None:
            await self._finish(lease)
        return lease is not None

    async def _live(self) -> None:
        while True:
            self._woken.clear()
            try:
                await self.work()
            except Exception:  # a store that is away for a while must not end the making of exports
                _log.exception("unfinished exports could not be looked for")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), self._poll_seconds)

    async def _finish(self, lease: Lease) -> None:
        """Make the export, and store what became of it."""
        export = lease.export
        log = _log.bind(
            export=export.id,
            account=export.account_id,
            report=export.report,
            format=export.format,
            worker=self.name,
            lease=export.lease,
        )
        if export.lease > MOST_LEASES:
            log.error("export is given up")
            await self._failed(lease, f"it was begun {MOST_LEASES} times, and the processes that made it ended each time")
            return
        self._attempts[export.id] = self._attempts.get(export.id, 0) + 1
        began = time.monotonic()
        log.info("export is taken")
        try:
            made = await self._made(lease)
        except Lost:
            log.info("export is no longer this worker's")
        except Unavailable as error:
            log.warning("export has to wait", attempt=self._attempts[export.id], reason=error.message, detail=error.detail)
            if self._attempts[export.id] < MOST_ATTEMPTS:
                with suppress(Lost):
                    await lease.release()
                return
            await self._failed(lease, f"{error.message}; ask for it again once that is put right")
        except GatewayError as error:
            log.info("export cannot be made", code=error.code, reason=error.message)
            await self._failed(lease, error.message)
        except Exception:
            log.exception("export failed")
            await self._failed(lease, f"the gateway failed to make it; its log tells why, under {export.id}")
        else:
            seconds = round(time.monotonic() - began, 1)
            log.info(f"export is {made.status.value}", rows=made.rows, bytes=made.size, seconds=seconds)
        self._attempts.pop(export.id, None)

    async def _made(self, lease: Lease) -> Export:
        export = lease.export
        wanted, opened = order_of(export)

        async def progress(rows: int) -> None:
            lease.rows = rows

        async with self._holding(lease):
            mark = await self._store.mark(export.account_id, export.id)
            lease.rows = 0 if mark is None else mark.rows
            if lease.rows_expected is None:
                lease.rows_expected = await wanted.count(self._store, opened)
            await lease.renew()
            marking = Marking(lease.mark, self._mark_seconds, mark)
            made = await make(self._store, self._files, wanted, opened, progress=progress, marking=marking)
            try:
                return await keep(self._store, self._files, export, made, rules=self._rules, lease=lease)
            finally:
                made.draft.drop()

    @asynccontextmanager
    async def _holding(self, lease: Lease) -> AsyncIterator[None]:
        """Prolong the lease for as long as the block lasts. Breaks the block off and raises Lost once the lease is gone."""
        held = asyncio.timeout(self._lease_seconds)
        try:
            async with held:
                beating = asyncio.create_task(self._beat(lease, held))
                try:
                    yield
                finally:
                    beating.cancel()
        except TimeoutError:
            if held.expired():
                raise Lost(lease.export.id) from None
            raise
        except asyncio.CancelledError:
            with suppress(Lost, GatewayError):
                await lease.release()
            raise

    async def _beat(self, lease: Lease, held: asyncio.Timeout) -> None:
        """Push the end of the block out with the end of the lease."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._beat_seconds)
            asked = loop.time()
            try:
                await lease.renew()
            except Lost:
                held.reschedule(asked)
                return
            except GatewayError as error:
                _log.warning("lease was not prolonged", export=lease.export.id, code=error.code, reason=error.message)
            else:
                held.reschedule(asked + self._lease_seconds)

    async def _failed(self, lease: Lease, reason: str) -> None:
        mark: Mark | None = await self._store.mark(lease.export.account_id, lease.export.id)
        with suppress(Lost):
            await lease.fail(reason)
            if mark is not None:
                await self._files.discard(mark.file)
