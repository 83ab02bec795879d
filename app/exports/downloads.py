"""Handing out the file of an export: always the same bytes, and every time an entry in the ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator

import structlog

from app.domain.account import Principal
from app.domain.errors import ExportNotReady, Unavailable
from app.domain.export import Export, ExportStatus
from app.exports.register import find
from app.ledger.acts import append_act
from app.ledger.commands import Rules
from app.ports import Files, Store, Transaction

_log = structlog.stdlib.get_logger("gateway.exports")


async def ready(store: Store, files: Files, principal: Principal, export_id: str) -> Export:
    """The export, if its file can be handed out. Needs `report:export`; raises NotFound and what `require_file` raises."""
    export = await find(store, principal, export_id)
    await require_file(files, export)
    return export


async def require_file(files: Files, export: Export) -> None:
    """Return if the export's file can be handed out.

    Raises ExportNotReady, and Unavailable for a file that is not there in its full length.
    """
    if export.status is ExportStatus.FAILED:
        raise ExportNotReady(f"export {export.id} failed and has no file", detail=export.reason)
    if export.status is ExportStatus.CANCELLED:
        raise ExportNotReady(f"export {export.id} is cancelled and has no file", detail=export.reason)
    if export.status is ExportStatus.EXPIRED:
        raise ExportNotReady(f"the file of export {export.id} was deleted", detail=export.reason)
    if export.status is not ExportStatus.READY or export.file is None:
        raise ExportNotReady(f"export {export.id} is {export.status.value}; its status tells when it is ready")
    size = await files.size(export.file)
    if size != export.size:
        _log.error("the file of an export is not as it was made", export=export.id, file=export.file, size=size)
        raise Unavailable(f"the file of export {export.id} is missing or damaged; freeze the report again as of {export.as_of}")


async def opened(
    store: Store, files: Files, principal: Principal, export_id: str, *, rules: Rules
) -> tuple[Export, AsyncIterator[bytes]]:
    """The export and its file's bytes in chunks, once `export.downloaded` is recorded. Needs `report:export`.

    Raises as `ready` does; then nothing is recorded.
    """
    export = await ready(store, files, principal, export_id)
    return export, await hand_out(store, files, export, actor=principal.actor, rules=rules)


async def hand_out(
    store: Store,
    files: Files,
    export: Export,
    *,
    actor: str,
    rules: Rules,
    start: int = 0,
    end: int | None = None,
    by_link: bool = False,
) -> AsyncIterator[bytes]:
    """The bytes from `start` up to and without `end` of an export that has its file, once it is recorded who gets them.

    A part is recorded as one, since a download that was cut off and gone on with is not handed out twice.
    """
    assert export.file is not None
    assert export.size is not None
    facts = {"kind": "export", "id": export.id, "digest": export.digest, "artifact_digest": export.artifact_digest}
    end = export.size if end is None else end
    if (start, end) != (0, export.size):
        facts["bytes"] = f"{start}-{end - 1}"
    if by_link:
        facts["by"] = "link"

    async def body(tx: Transaction) -> None:
        await append_act(tx, export.account_id, "export.downloaded", facts, actor=actor, rules=rules)

    await store.transact(export.account_id, body)
    return files.read(export.file, start, end)
