"""The growing end of an account's ledger, read once by one reader for all who follow it in this process.

The newest entries are kept for a while, the same ones for every follower, so that a follower costs a number: how far it has seen.
One that is slower than what is kept reads on from the store with its own filters and catches up; nothing is ever queued for it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import islice

import structlog

from app.domain.entry import Entry
from app.domain.errors import RateLimited
from app.ports import Ledger
from app.question.rows import Rows
from app.question.scope import Scope

POLL_SECONDS = 0.2
"""How often the end of a ledger is looked for while somebody follows it."""
MOST_KEPT = 500
"""Entries that are kept of one account."""
MOST_FOLLOWERS = 2_000
"""Followers that one account may have in one process."""
_ERASED = "entry.erased"

_log = structlog.stdlib.get_logger("gateway.live")


class Tail:
    """One account's. `position` is the sequence up to which it has been read."""

    def __init__(self, ledger: Ledger, account_id: int) -> None:
        self.position = 0
        self.followers = 0
        self._ledger = ledger
        self._account_id = account_id
        self._kept: deque[Entry] = deque(maxlen=MOST_KEPT)
        self._grown = asyncio.Event()
        self._reading = asyncio.Lock()
        self._due: asyncio.Task[None] | None = None
        self._begun = False

    async def fresh(self) -> int:
        """The end of the ledger as it is now or later. Who asks while others wait shares their reading."""
        if self._due is None:
            self._due = asyncio.create_task(self._soon())
        await asyncio.shield(self._due)
        return self.position

    def after(self, sequence: int) -> list[Entry] | None:
        """What is kept of the entries past that sequence; None where some that are past it are no longer kept."""
        missing = self.position - len(self._kept)
        return None if sequence < missing else list(islice(self._kept, sequence - missing, None))

    async def grown(self, beyond: int, seconds: float) -> None:
        """Return once there are entries past that sequence, or when the time is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.position <= beyond:
                    await self._grown.wait()

    async def run(self) -> None:
        """Look for what is new, until cancelled."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                async with self._reading:
                    await self._read()
            except Exception:  # a store that is away for a while must not end the following
                _log.exception("the end of a ledger could not be read", account_id=self._account_id)

    async def _soon(self) -> None:
        async with self._reading:
            self._due = None  # whoever comes from here on may mean an entry that this reading misses
            await self._read()

    async def _read(self) -> None:
        head = (await self._ledger.head(self._account_id)).sequence
        if not self._begun:
            self._begun, self.position = True, head
        if head <= self.position:
            return
        # Of a flood only its end is kept: to read all of it here would hold up those who keep pace.
        above = max(self.position, head - MOST_KEPT)
        question = Rows(Scope(self._account_id, head), descending=False, above=above, limit=MOST_KEPT)
        entries = await self._ledger.rows(question)
        if above > self.position or any(each.action == _ERASED for each in entries):
            self._kept.clear()  # what was erased must not be told from here
        self._kept.extend(entries)
        self.position = head
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()


class Tails:
    """Every account's that is followed in this process."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._tails: dict[int, tuple[Tail, asyncio.Task[None]]] = {}

    @asynccontextmanager
    async def of(self, account_id: int) -> AsyncIterator[Tail]:
        """The account's, which is read for as long as somebody is within. Raises RateLimited for too many."""
        if account_id not in self._tails:
            tail = Tail(self._ledger, account_id)
            self._tails[account_id] = tail, asyncio.create_task(tail.run())
        tail, running = self._tails[account_id]
        if tail.followers >= MOST_FOLLOWERS:
            raise RateLimited(f"more than {MOST_FOLLOWERS:,} subscriptions follow this account already", retry_after=5)
        tail.followers += 1
        try:
            yield tail
        finally:
            tail.followers -= 1
            if tail.followers == 0:
                del self._tails[account_id]
                running.cancel()
