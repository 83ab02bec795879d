"""Freezing once for each idempotency key: a repeated call is answered as the first one was, and nothing is frozen anew."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from app.domain.account import Permission, Principal
from app.domain.errors import GatewayError, IdempotencyConflict
from app.domain.export import Export
from app.domain.first_answer import FirstAnswer
from app.exports.freeze import Beside
from app.exports.register import find
from app.ledger.commands import Rules
from app.ports import Store, Transaction

KEPT = timedelta(hours=24)
"""How long a key is remembered: senders retry for minutes, and come back after a night at most."""
LONGEST_KEY = 255

_log = structlog.stdlib.get_logger("gateway.exports")


@dataclass(frozen=True, slots=True)
class Once:
    """One call: the caller's key, what was asked (a digest), and the status and JSON that an export is answered with."""

    key: str
    digest: bytes
    status: int
    told: Callable[[Export], str]


@dataclass(frozen=True, slots=True)
class Answered:
    """What the call is answered with, and whether that was said before."""

    status: int
    data: str
    replayed: bool


class _Taken(Exception):
    """Another call with the same key was first."""

    def __init__(self, first: FirstAnswer) -> None:
        super().__init__(first.key)
        self.first = first


async def create_once(
    store: Store, principal: Principal, call: Once, freeze: Callable[[Beside], Awaitable[Export]], *, rules: Rules
) -> Answered:
    """Freeze, unless a call with the same key did. Needs `report:export`; raises what freezing raises, and IdempotencyConflict.

    The key is taken in the transaction that records the export, so of several calls at once one freezes and the others are
    answered with what it froze; and a call that failed takes no key.
    """
    principal.require(Permission.REPORT_EXPORT)
    account_id = principal.account.id

    async def known(tx: Transaction) -> FirstAnswer | None:
        return _standing(await tx.first_answer(call.key), rules.clock())

    async def taken(tx: Transaction, export: Export) -> None:
        await tx.lock()
        moment = rules.clock()
        first = _standing(await tx.first_answer(call.key), moment)
        if first is not None:
            raise _Taken(first)
        await tx.put_first_answer(_first(call, export, moment, None))

    first = await store.transact(account_id, known)
    if first is not None:
        return await _replayed(store, principal, call, first)
    try:
        export = await freeze(taken)
    except _Taken as error:
        return await _replayed(store, principal, call, error.first)
    data = call.told(export)

    async def keep(tx: Transaction) -> None:
        await tx.lock()
        await tx.put_first_answer(_first(call, export, rules.clock(), data))

    try:
        await store.transact(account_id, keep)
    except GatewayError as error:
        # The export is there and its key is taken: a repeated call will be told how it stands then.
        _log.warning("an answer was not kept", export=export.id, code=error.code, reason=error.message)
    return Answered(call.status, data, replayed=False)


async def _replayed(store: Store, principal: Principal, call: Once, first: FirstAnswer) -> Answered:
    if first.digest != call.digest:
        raise IdempotencyConflict(f"the idempotency key {call.key} was used before with another body")
    data = first.data if first.data is not None else call.told(await find(store, principal, first.subject))
    return Answered(first.status, data, replayed=True)


def _standing(first: FirstAnswer | None, moment: datetime) -> FirstAnswer | None:
    return first if first is not None and first.expires_at > moment else None


def _first(call: Once, export: Export, moment: datetime, data: str | None) -> FirstAnswer:
    return FirstAnswer(
        account_id=export.account_id,
        key=call.key,
        digest=call.digest,
        subject=export.id,
        status=call.status,
        data=data,
        created_at=moment,
        expires_at=moment + KEPT,
    )
