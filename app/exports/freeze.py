"""Freezing a report: what is asked is checked, the sequence is settled, and both are recorded before anyone is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from app.domain.account import Permission, Principal
from app.domain.errors import GatewayError, InvalidQuery
from app.domain.export import UNFINISHED, Export, new_export_id
from app.exports.encoding import TooManyRows, require_fit
from app.exports.formats import DEFAULT
from app.exports.making import Made, Progress, keep, make
from app.exports.order import Order, of_filters, order
from app.ledger.acts import append_act
from app.ledger.commands import Rules
from app.ports import Files, Store, Transaction
from app.reports.answer import AsOf, open_ledger
from app.reports.report import Opened

_log = structlog.stdlib.get_logger("gateway.exports")


Beside = Callable[[Transaction, Export], Awaitable[None]]
"""What else is done in the transaction that records an export: what it raises leaves nothing behind of either."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How much of an export is made while its caller waits. None is no bound."""

    rows: int | None = 2_000
    seconds: float | None = 3.0


QUICK = Patience()
WHOLE = Patience(None, None)


async def create(
    store: Store,
    files: Files,
    principal: Principal,
    kind: str,
    format: str | None = None,
    parameters: Mapping[str, Sequence[str]] | None = None,
    *,
    rules: Rules,
    as_of: AsOf = None,
    patience: Patience = QUICK,
    notify: Callable[[], None] | None = None,
    progress: Progress | None = None,
    beside: Beside | None = None,
) -> Export:
    """Freeze a report as of the end of the ledger, or of an earlier point. Needs `report:export`.

    `kind` and `format` are as callers name them, `parameters` the texts given for each name. What takes no more than `patience`
    is ready in the answer; the rest is left to a worker, which `notify` wakes. The export and its entry `export.created` are
    one transaction, committed only when everything has been found in order: raises InvalidEvent naming `report_kind`, `format`
    or `filters.<name>`, NotFound for a subject that the account does not know, and Unavailable, with nothing recorded.
    """
    principal.require(Permission.REPORT_EXPORT)
    wanted = order(kind, format or DEFAULT.name, parameters or {})
    try:
        opened = await open_ledger(store, principal, as_of, permission=Permission.REPORT_EXPORT)
    except InvalidQuery as error:
        raise of_filters(InvalidQuery("as_of", error.reason)) from None
    try:
        await require_fit(store, wanted, opened)
    except InvalidQuery as error:
        raise of_filters(error) from None
    made = await _made_in_time(store, files, wanted, opened, patience, progress)
    try:
        export = await _record(store, principal, wanted, opened, rules, beside)
        if made is not None:
            export = await _kept(store, files, export, made, rules)
    finally:
        if made is not None:
            made.draft.drop()
    if notify is not None and export.status in UNFINISHED:
        notify()
    return export


async def _made_in_time(
    store: Store, files: Files, wanted: Order, opened: Opened, patience: Patience, progress: Progress | None
) -> Made | None:
    """The file; None where it takes more than `patience`."""
    try:
        async with asyncio.timeout(patience.seconds):
            return await make(store, files, wanted, opened, most_rows=patience.rows, progress=progress)
    except (TooManyRows, TimeoutError):
        return None
    except InvalidQuery as error:
        raise of_filters(error) from None


async def _record(
    store: Store, principal: Principal, wanted: Order, opened: Opened, rules: Rules, beside: Beside | None
) -> Export:
    """Commit the export together with the entry that tells of it."""
    export_id, account_id, as_of = new_export_id(), principal.account.id, opened.scope.as_of
    facts = {
        "kind": "export",
        "id": export_id,
        "report": wanted.report.name,
        "format": wanted.format.name,
        "as_of": as_of,
        "parameters": {name: list(texts) for name, texts in wanted.given.items()},
    }

    async def body(tx: Transaction) -> Export:
        entry = await append_act(tx, account_id, "export.created", facts, actor=principal.actor, rules=rules)
        export = Export(
            id=export_id,
            account_id=account_id,
            sequence=entry.sequence,
            report=wanted.report.name,
            format=wanted.format.name,
            parameters=wanted.given,
            as_of=as_of,
            recorded_at=opened.recorded_at,
            content_type=wanted.format.content_type,
            file_name=wanted.file_name(as_of),
            created_by=principal.actor,
            created_at=entry.recorded_at,
            updated_at=entry.recorded_at,
        )
        await tx.put_export(export)
        if beside is not None:
            await beside(tx, export)
        return export

    return await store.transact(account_id, body)


async def _kept(store: Store, files: Files, export: Export, made: Made, rules: Rules) -> Export:
    """The export, ready; or as it was recorded, if its file could not be kept just now, which a worker tries again."""
    try:
        return await keep(store, files, export, made, rules=rules)
    except GatewayError as error:
        _log.warning("export is left to a worker", export=export.id, code=error.code, reason=error.message)
        return export
