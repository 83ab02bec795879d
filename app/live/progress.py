"""How far an export is, as it is being made: its record is read by one reader for all who follow it in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog

from app.domain.export import UNFINISHED, Export
from app.live.watch import Watch
from app.ports import Exports

POLL_SECONDS = 0.5
"""How often an export's record is looked at while somebody follows it."""

_log = structlog.stdlib.get_logger("gateway.live")


class _Followed:
    def __init__(self) -> None:
        self.followers = 0
        self.newest: Export | None = None
        self.changed = asyncio.Event()

    def tell(self, export: Export | None) -> None:
        shown = None if export is None else export.shown()
        if shown != self.newest:  # a lease that is prolonged is no news
            self.newest = shown
            changed, self.changed = self.changed, asyncio.Event()
            changed.set()


class Progress:
    """Every export that is followed in this process."""

    def __init__(self, exports: Exports) -> None:
        self._exports = exports
        self._followed: dict[tuple[int, str], tuple[_Followed, asyncio.Task[None]]] = {}

    async def follow(self, export: Export, watch: Watch) -> AsyncGenerator[Export, None]:
        """The export as it is, and again whenever it has changed, until it is finished. Raises what `watch` raises."""
        told = export.shown()
        yield told
        if told.status not in UNFINISHED:
            return
        async with self._of(export.account_id, export.id) as followed:
            while True:
                await watch.check()
                newest, changed = followed.newest, followed.changed
                if newest is not None and newest != told:
                    told = newest
                    yield told
                    if told.status not in UNFINISHED:
                        return
                    continue
                with suppress(TimeoutError):
                    async with asyncio.timeout(watch.seconds):
                        await changed.wait()

    @asynccontextmanager
    async def _of(self, account_id: int, export_id: str) -> AsyncIterator[_Followed]:
        key = account_id, export_id
        if key not in self._followed:
            made = _Followed()
            self._followed[key] = made, asyncio.create_task(self._run(account_id, export_id, made))
        followed, running = self._followed[key]
        followed.followers += 1
        try:
            yield followed
        finally:
            followed.followers -= 1
            if followed.followers == 0:
                del self._followed[key]
                running.cancel()

    async def _run(self, account_id: int, export_id: str, followed: _Followed) -> None:
        while True:
            try:
                followed.tell(await self._exports.export(account_id, export_id))
            except Exception:  # a store that is away for a while must not end the following
                _log.exception("an export could not be read", export=export_id)
            await asyncio.sleep(POLL_SECONDS)
