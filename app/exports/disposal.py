"""How an export ends otherwise than ready: called off while it is made, or its file deleted, by hand or because of its age.

The record and its digests stay, and each end is an entry in the ledger: `export.cancelled`, `export.expired`. A file is deleted
once that is recorded; what a crash leaves in between is deleted by the next sweep.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import structlog

from app.domain.account import Principal
from app.domain.errors import Conflict, GatewayError, NotFound
from app.domain.export import UNFINISHED, Export, ExportStatus
from app.exports.register import find
from app.ledger.acts import SOURCE, append_act
from app.ledger.commands import Rules
from app.ports import Files, Store, Transaction

_log = structlog.stdlib.get_logger("gateway.exports")


async def cancel(store: Store, files: Files, principal: Principal, export_id: str, *, rules: Rules) -> Export:
    """Call an export off that is not made yet: whoever makes it stops within seconds. Needs `report:export`.

    One that was called off before is given back. Raises NotFound, and Conflict for one that is ready, has failed or expired.
    """
    found = await find(store, principal, export_id)
    mark = await store.mark(found.account_id, found.id)

    def changes(current: Export) -> dict[str, Any] | None:
        if current.status is ExportStatus.CANCELLED:
            return None
        if current.status not in UNFINISHED:
            raise Conflict(f"export {current.id} is {current.status.value}: there is nothing left to cancel")
        return {
            "status": ExportStatus.CANCELLED,
            "reason": f"cancelled by {principal.actor}",
            "worker": None,
            "leased_until": None,
        }

    cancelled = await _change(store, found, changes, "export.cancelled", principal.actor, rules)
    if mark is not None:
        await files.discard(mark.file)
    return cancelled


async def delete(store: Store, files: Files, principal: Principal, export_id: str, *, rules: Rules) -> Export:
    """Delete an export's file. Needs `report:export`.

    One whose file was deleted before is given back. Raises NotFound, Conflict for one that has no file, and Unavailable.
    """
    found = await find(store, principal, export_id)

    def changes(current: Export) -> dict[str, Any] | None:
        if current.status is ExportStatus.EXPIRED:
            return None
        if current.status in UNFINISHED:
            raise Conflict(f"export {current.id} is {current.status.value}: cancel it instead")
        if current.status is not ExportStatus.READY:
            raise Conflict(f"export {current.id} is {current.status.value}: it has no file")
        return {"status": ExportStatus.EXPIRED, "reason": f"its file was deleted by {principal.actor}"}

    expired = await _change(store, found, changes, "export.expired", principal.actor, rules)
    return await _without_file(store, files, expired)


async def expire(store: Store, files: Files, export: Export, reason: str, *, actor: str, rules: Rules) -> Export:
    """Delete the file of an export that is ready, for that reason. One that has none is left as it is. Raises Unavailable."""

    def changes(current: Export) -> dict[str, Any] | None:
        return {"status": ExportStatus.EXPIRED, "reason": reason} if current.status is ExportStatus.READY else None

    return await _without_file(store, files, await _change(store, export, changes, "export.expired", actor, rules))


async def sweep(store: Store, files: Files, retention: timedelta | None, *, rules: Rules) -> int:
    """Delete the files of every account that have been ready for `retention`, if that is bounded, and those that a crash left
    behind of exports that have expired. Tells how many. A file that cannot be deleted now stays for the next sweep."""
    before = None if retention is None else rules.clock() - retention
    seen: set[str] = set()
    while due := [each for each in await store.disposable(before) if each.id not in seen]:
        for export in due:
            seen.add(export.id)
            try:
                await _without_file(store, files, await _aged(store, export, retention, rules))
            except GatewayError as error:
                _log.warning("a file was not deleted", export=export.id, code=error.code, reason=error.message)
            else:
                _log.info("file of an export is deleted", export=export.id, account=export.account_id)
    return len(seen)


async def _aged(store: Store, export: Export, retention: timedelta | None, rules: Rules) -> Export:
    """The export, expired because of its age."""

    def changes(current: Export) -> dict[str, Any] | None:
        if current.status is not ExportStatus.READY or retention is None or current.updated_at > rules.clock() - retention:
            return None
        kept = "a day" if retention == timedelta(days=1) else f"{retention.days} days"
        return {"status": ExportStatus.EXPIRED, "reason": f"files are kept for {kept}; freeze it again as of its asOf"}

    return await _change(store, export, changes, "export.expired", SOURCE, rules)


async def _change(
    store: Store, export: Export, changes: Callable[[Export], dict[str, Any] | None], action: str, actor: str, rules: Rules
) -> Export:
    """The export, changed together with the entry that tells of it; or as it stands, where `changes` gives None."""

    async def body(tx: Transaction) -> Export:
        await tx.lock()
        current = await tx.export(export.id)
        if current is None:
            raise NotFound(f"no export {export.id}")
        changed = changes(current)
        if changed is None:
            return current
        facts = {"kind": "export", "id": current.id, "reason": changed["reason"], "artifact_digest": current.artifact_digest}
        entry = await append_act(tx, current.account_id, action, facts, actor=actor, rules=rules)
        ended = replace(current, updated_at=entry.recorded_at, **changed)
        await tx.put_export(ended)
        await tx.put_mark(current.id, None)
        return ended

    return await store.transact(export.account_id, body)


async def _without_file(store: Store, files: Files, export: Export) -> Export:
    """The export that has expired, once its file is gone too."""
    if export.status is not ExportStatus.EXPIRED or export.file is None:
        return export
    await files.delete(export.file)

    async def body(tx: Transaction) -> Export:
        await tx.lock()
        current = await tx.export(export.id)
        assert current is not None
        gone = replace(current, file=None)
        await tx.put_export(gone)
        return gone

    return await store.transact(export.account_id, body)
