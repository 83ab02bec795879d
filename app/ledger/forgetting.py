"""Dropping what was refused of an event or a customer whose personal text is erased: its payload would say it still."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from app.domain.account import Principal
from app.domain.reject import OPEN_ONLY, Reject, RejectFilters, RejectStatus
from app.ledger.commands import Rules
from app.ledger.replaying import MOST_DROPPED, drop
from app.ports import Store

_AT_ONCE = 500


async def forget_event(store: Store, principal: Principal, event: int, *, rules: Rules) -> list[str]:
    """Drop what contradicted the event with that first sequence. Gives the ids; needs `admin`."""
    filters = RejectFilters(status=(RejectStatus.CONFLICT,), sequence=(event,))
    return await _drop(store, principal, filters, lambda reject: True, rules)


async def forget_customer(store: Store, principal: Principal, customer_id: str, *, rules: Rules) -> list[str]:
    """Drop every open reject whose payload names the customer: as a value of its own, wherever that stands. Needs `admin`."""
    return await _drop(store, principal, OPEN_ONLY, lambda reject: names(reject, customer_id), rules)


def names(reject: Reject, customer_id: str) -> bool:
    """Whether the payload has that id as a value of its own; of a text that cannot be read, as a word of its own."""
    text = reject.text or ""
    if customer_id not in text and json.dumps(customer_id)[1:-1] not in text:
        return False
    try:
        return _holds(json.loads(text, parse_float=str, parse_int=str), customer_id)
    except (ValueError, RecursionError):
        return re.search(rf"(?<![\w-]){re.escape(customer_id)}(?![\w-])", text) is not None


def _holds(value: Any, wanted: str) -> bool:
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
        elif each == wanted:
            return True
    return False


async def _drop(
    store: Store, principal: Principal, filters: RejectFilters, wanted: Callable[[Reject], bool], rules: Rules
) -> list[str]:
    dropped: list[str] = []
    above = 0
    while True:
        page: Sequence[Reject] = await store.rejects(
            principal.account.id, limit=_AT_ONCE, above=above, descending=False, filters=filters
        )
        if not page:
            return dropped
        above = page[-1].number
        ids = [each.id for each in page if wanted(each)]
        assert len(ids) <= MOST_DROPPED
        if ids:
            dropped += await drop(store, principal, ids, rules=rules)
