"""Leases: which worker makes an export, so that several processes share them and no two make the same one.

An export is taken for a short time, and held for as long as its worker says again and again that it is at work. Each taking has a
number of its own, and everything that a worker stores bears it: one that was held up for so long that another took its export
can store nothing any more, whatever its clock says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from app.domain.export import UNFINISHED, Export, ExportStatus, Mark
from app.ledger.commands import Rules
from app.ports import Store, Transaction


class Lost(Exception):
    """The export is somebody else's now, or was called off."""


@dataclass(slots=True)
class Lease:
    """A worker's hold on an export. What it stores raises Lost, with nothing stored, once the hold is gone."""

    store: Store
    rules: Rules
    export: Export
    """As it was taken."""
    lasting: timedelta
    rows: int = 0
    """How many rows are done, as the worker last said."""
    rows_expected: int | None = None

    async def renew(self) -> None:
        """Hold it for longer, and let everyone see how far it is."""
        await self._store_change(self._held)

    async def mark(self, mark: Mark | None) -> None:
        """The same, and keep where another can go on; None where there is nothing to go on with."""
        await self._store_change(self._held, mark=mark)

    async def release(self) -> None:
        """Let whoever comes next take it. What was marked stays."""
        await self._store_change(lambda: {"status": ExportStatus.PENDING, **self._free()})

    async def fail(self, reason: str) -> None:
        """Say that it cannot be made, and why."""
        await self._store_change(lambda: {"status": ExportStatus.FAILED, "reason": reason, **self._free()}, mark=None)

    def holds(self, current: Export | None) -> bool:
        """Whether the export, as it stands, is still held."""
        return current is not None and current.status is ExportStatus.RUNNING and current.lease == self.export.lease

    def _held(self) -> dict[str, Any]:
        until = self.rules.clock() + self.lasting
        return {"rows": self.rows, "rows_expected": self.rows_expected, "leased_until": until}

    def _free(self) -> dict[str, Any]:
        return {"worker": None, "leased_until": None, "updated_at": self.rules.clock()}

    async def _store_change(self, changes: Callable[[], dict[str, Any]], **marked: Mark | None) -> None:
        async def body(tx: Transaction) -> None:
            await tx.lock()
            current = await tx.export(self.export.id)
            if current is None or not self.holds(current):
                raise Lost(self.export.id)
            for mark in marked.values():
                await tx.put_mark(current.id, mark)
            await tx.put_export(replace(current, **changes()))

        await self.store.transact(self.export.account_id, body)


async def take(store: Store, export: Export, worker: str, *, rules: Rules, lasting: timedelta) -> Lease | None:
    """The lease to make an export; None where somebody has it, or there is nothing to be made any more."""

    async def body(tx: Transaction) -> Export | None:
        await tx.lock()
        current, moment = await tx.export(export.id), rules.clock()
        if current is None or current.status not in UNFINISHED or current.leased(moment):
            return None
        begun = current.status is ExportStatus.RUNNING
        taken = replace(
            current,
            status=ExportStatus.RUNNING,
            updated_at=current.updated_at if begun else moment,
            worker=worker,
            lease=current.lease + 1,
            leased_until=moment + lasting,
        )
        await tx.put_export(taken)
        return taken

    taken = await store.transact(export.account_id, body)
    return None if taken is None else Lease(store, rules, taken, lasting, taken.rows, taken.rows_expected)
