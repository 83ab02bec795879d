"""A ledger with everything in it that a question can tell apart, drawn from a fixed seed."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from app.domain.account import Principal
from app.domain.catalogue import RecordKind
from app.domain.entry import EntryKind
from app.ledger.catalogue import upsert
from app.ledger.commands import Rules, amend, record, retract
from app.ports import Store
from tests.events import START

DAYS = 40
VALUES: dict[str, tuple[Any, ...]] = {
    "product_id": ("api", "maps", "Größe 7", None),
    "customer_id": ("c1", "c2", "c3", "c4", None),
    "license_id": ("l1", "l2", "l3", None),
    "order_id": ("o1", "o2", None),
    "subscription_id": ("s1", "s2", None),
    "feature_code": ("lookup", "batch,export", "a&b=c", None),
    "source": ("meter", "file"),
    "request_id": ("r1", "r2", "r3", None),
    "status_code": (200, 201, 404, 503, None),
}
"""What events name, by field. Some values hold what a query string has to escape."""
ACTIONS = ("license.issued", "license.suspended", "order.placed", "subscription.renewed")
_UNITS = ("call", "GB", None)
_CURRENCIES = ("EUR", "USD", "JPY")


async def fill(store: Store, principal: Principal, *, events: int = 600, seed: int = 7) -> None:
    """Record usage in batches over forty days, activities and catalogue changes between them, then correct some of it."""
    draw = random.Random(seed)
    moment = START - timedelta(days=DAYS)
    refs = []
    for batch in range(events // 20):
        moment += timedelta(days=DAYS) / (events // 20 + 1)
        now = moment
        rules = Rules(clock=lambda now=now: now)  # type: ignore[misc]
        items = [_event(draw, now, f"e{batch}.{at}") for at in range(20)]
        refs += [each.entry.event_ref for each in await record(store, principal, items, rules=rules) if each.entry]
        lived = [{**_named(draw, now), "action": draw.choice(ACTIONS)} for _ in range(2)]
        await record(store, principal, lived, rules=rules, kind=EntryKind.ACTIVITY)
        if batch % 6 == 0:
            changes = {"status": draw.choice(("active", "suspended")), "customer_id": "c1", "name": f"License {batch}"}
            await upsert(store, principal, RecordKind.LICENSE, draw.choice(("l1", "l2")), changes, rules=rules)
    rules = Rules(clock=lambda: START)
    for at, ref in enumerate(draw.sample(refs, len(refs) // 10)):
        changes = {"quantity": _number(draw), "customer_id": draw.choice(VALUES["customer_id"])}
        await amend(store, principal, ref, changes, rules=rules, reason="metered wrongly")
        if at % 3 == 0:
            await retract(store, principal, ref, rules=replace(rules), reason="never happened")


def _named(draw: random.Random, now: Any) -> dict[str, Any]:
    stated = {name: draw.choice(values) for name, values in VALUES.items()}
    return stated | {"occurred_at": now - timedelta(minutes=draw.randrange(0, 4_000))}


def _event(draw: random.Random, now: Any, identifier: str) -> dict[str, Any]:
    stated = _named(draw, now) | {"id": identifier}
    if draw.random() < 0.85:
        stated |= {"quantity": _number(draw), "unit": draw.choice(_UNITS)}
    if "quantity" not in stated or draw.random() < 0.4:
        stated |= {"charge": _number(draw), "currency": draw.choice(_CURRENCIES)}
    if draw.random() < 0.2:
        stated["additional_data"] = {"region": draw.choice(("eu", "us")), "weight": Decimal("0.1")}
    return stated


def _number(draw: random.Random) -> Decimal:
    """Some are small, some need every digit that there is, a few are negative."""
    digits = draw.choice((0, 1, 2, 18))
    return Decimal(draw.randrange(-(10**3), 10**6 if draw.random() < 0.9 else 10**19)).scaleb(-digits)
