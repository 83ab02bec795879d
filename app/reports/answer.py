"""Opening a ledger for an answer: who asks, and as of when. Every report begins here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from app.domain.account import Permission, Principal
from app.domain.entry import Entry
from app.domain.errors import InvalidQuery
from app.domain.instant import now
from app.ports import Ledger
from app.question.rows import Rows
from app.question.scope import NEWEST, Checkpoint, Scope
from app.reports.report import Opened
from app.reports.tree import root_of

AsOf = int | datetime | Checkpoint | None
"""A sequence, an instant of recording, a checkpoint, or None for the newest committed entry."""


async def open_ledger(
    ledger: Ledger, principal: Principal, as_of: AsOf = None, *, permission: Permission = Permission.REPORT_READ
) -> Opened:
    """The caller's own ledger as of that point. Needs `report:read`, or the permission that is named.

    Raises InvalidQuery for a sequence past the end of the ledger or an instant in the future, since what is asked as of a point
    must not change later, and for a checkpoint that is not one of this ledger.
    """
    principal.require(permission)
    account_id = principal.account.id
    head = await ledger.head(account_id)
    if as_of is None:
        return Opened(Scope(account_id, head.sequence), head.recorded_at, frozen=False)
    if isinstance(as_of, datetime):
        if as_of > now():
            raise InvalidQuery("asOf", "lies in the future")
        as_of = await ledger.sequence_at(account_id, as_of)
    named = as_of if isinstance(as_of, Checkpoint) else None
    if isinstance(as_of, Checkpoint):
        as_of = as_of.sequence
    if not 0 <= as_of <= head.sequence:
        raise InvalidQuery("asOf", f"is not in the ledger, which has the sequences 1 to {head.sequence}")
    if named is not None and await root_of(ledger, account_id, as_of) != named.root:
        raise InvalidQuery("asOf", f"is no checkpoint of this ledger, which has another root at sequence {as_of}")
    scope = Scope(account_id, as_of)
    newest = await ledger.rows(Rows(scope, limit=1, fields=frozenset(("recorded_at",))))
    return Opened(scope, newest[0].recorded_at if newest else None, frozen=True)


async def look(
    ledger: Ledger, principal: Principal, as_of: AsOf, asked: Callable[[Scope], Rows]
) -> tuple[Opened, list[Entry] | None]:
    """The same, and what is asked of the ledger as it was opened, where the engine tells both in one question; else None."""
    principal.require(Permission.REPORT_READ)
    account_id = principal.account.id
    if as_of is None or isinstance(as_of, int):
        found = await ledger.look(asked(Scope(account_id, NEWEST if as_of is None else as_of)))
        if found is not None:
            scope = Scope(account_id, found.head if as_of is None else as_of)
            return Opened(scope, found.recorded_at, frozen=as_of is not None), found.rows
    return await open_ledger(ledger, principal, as_of), None


async def open_with_rows(
    ledger: Ledger, principal: Principal, as_of: AsOf, asked: Callable[[Scope], Rows]
) -> tuple[Opened, list[Entry]]:
    """The same, whatever the engine."""
    opened, rows = await look(ledger, principal, as_of, asked)
    return opened, await ledger.rows(asked(opened.scope)) if rows is None else rows
