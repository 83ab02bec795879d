"""The worker: makes the exports that were too long to be made while their callers waited.

What there is to do stands in the store, so a worker that starts finds what an earlier one left, and begins it anew from the
same frozen point. Several processes on one store may each have a worker: until they share leases, two may make the same export,
and the first to finish is believed (see `app.exports.making`).
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import replace

import structlog

from app.domain.errors import GatewayError, Unavailable
from app.domain.export import UNFINISHED, Export, ExportStatus
from app.exports.making import keep, make
from app.exports.order import order_of
from app.ledger.commands import Rules
from app.ports import Files, Store, Transaction

POLL_SECONDS = 5.0
"""How often what other processes froze is looked for."""
PROGRESS_SECONDS = 2.0
"""How often the number of rows done is stored."""
MOST_ATTEMPTS = 5
"""How often one export is begun in one process while the store or the folder is unavailable."""

_log = structlog.stdlib.get_logger("gateway.exports")


class Worker:
    """One for each process. `run` is its whole life; `notify` tells it that there may be something to do."""

    def __init__(self, store: Store, files: Files, *, rules: Rules, progress_seconds: float = PROGRESS_SECONDS) -> None:
        self._store = store
        self._files = files
        self._rules = rules
        self._progress_seconds = progress_seconds
        self._woken = asyncio.Event()
        self._attempts: dict[str, int] = {}

    def notify(self) -> None:
        """Look for work now rather than at the next poll."""
        self._woken.set()

    async def run(self) -> None:
        """Make what is unfinished, and go on until cancelled."""
        while True:
            self._woken.clear()
            try:
                await self.work()
            except Exception:  # a store that is away for a while must not end the making of exports
                _log.exception("unfinished exports could not be looked for")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), POLL_SECONDS)

    async def work(self) -> None:
        """Make everything that is unfinished now, oldest first, once."""
        tried: set[str] = set()
        while todo := [each for each in await self._store.unfinished() if each.id not in tried]:
            for export in todo:
                tried.add(export.id)
                await self._finish(export)

    async def _finish(self, export: Export) -> None:
        """Make one export, and store what became of it."""
        log = _log.bind(export=export.id, account=export.account_id, report=export.report, format=export.format)
        self._attempts[export.id] = self._attempts.get(export.id, 0) + 1
        began = time.monotonic()
        try:
            ready = await self._made(export)
        except Unavailable as error:
            log.warning("export has to wait", attempt=self._attempts[export.id], reason=error.message, detail=error.detail)
            if self._attempts[export.id] < MOST_ATTEMPTS:
                return
            reason = f"{error.message}; ask for it again once that is put right"
        except GatewayError as error:
            reason = error.message
            log.info("export cannot be made", code=error.code, reason=reason)
        except Exception:
            reason = f"the gateway failed to make it; its log tells why, under {export.id}"
            log.exception("export failed")
        else:
            log.info("export is ready", rows=ready.rows, bytes=ready.size, seconds=round(time.monotonic() - began, 1))
            del self._attempts[export.id]
            return
        del self._attempts[export.id]
        await self._change(export, status=ExportStatus.FAILED, reason=reason)

    async def _made(self, export: Export) -> Export:
        wanted, opened = order_of(export)
        await self._change(export, status=ExportStatus.RUNNING, rows=0)
        stored = time.monotonic()

        async def progress(rows: int) -> None:
            nonlocal stored
            if time.monotonic() - stored >= self._progress_seconds:
                await self._change(export, status=ExportStatus.RUNNING, rows=rows)
                stored = time.monotonic()

        made = await make(self._store, self._files, wanted, opened, progress=progress)
        try:
            return await keep(self._store, self._files, export, made, rules=self._rules)
        finally:
            made.draft.drop()

    async def _change(self, export: Export, **changes: object) -> None:
        """Store the changes, unless the export is finished: another process may have been faster."""

        async def body(tx: Transaction) -> None:
            await tx.lock()
            current = await tx.export(export.id)
            if current is not None and current.status in UNFINISHED:
                await tx.put_export(replace(current, updated_at=self._rules.clock(), **changes))  # type: ignore[arg-type]

        await self._store.transact(export.account_id, body)
