"""The demo account's usage: some months of it, recorded through the ordinary commands with a clock that walks along.

Everything is drawn from a fixed seed and dated backwards from `now`, so filling again after an interruption makes the same
events, which are then found recorded already. Customers are skewed, days and weeks have their rhythm, some calls fail, some
events come late, some are corrected, and units and currencies differ, as they do in real life.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from app.domain.account import Principal
from app.domain.catalogue import RecordKind
from app.domain.entry import Entry, EntryKind
from app.domain.errors import AlreadyCorrected
from app.ledger import commands
from app.ledger.catalogue import upsert
from app.ledger.commands import Rules
from app.ports import Store

DAYS = 92
EVENTS_A_DAY = 330
_ZONE = ZoneInfo("Europe/Berlin")
_SEED = 20_260_401


@dataclass(frozen=True, slots=True)
class _Product:
    id: str
    name: str
    unit: str
    price: Decimal
    features: tuple[str, ...]
    digits: int
    """Digits after the point of its quantities."""
    most: int
    """The most that one event uses."""


_PRODUCTS = (
    _Product("prod_gateway", "API Gateway", "requests", Decimal("0.0004"), ("route_lookup", "transform", "cache_hit"), 0, 400),
    _Product("prod_identity", "Identity Check", "checks", Decimal("2.95"), ("pan_plus", "face_match", "address"), 0, 1),
    _Product("prod_storage", "Object Storage", "GB-hours", Decimal("0.00003"), ("hot", "archive"), 6, 50),
    _Product("prod_compute", "Batch Compute", "vCPU-hours", Decimal("0.045"), ("standard", "gpu"), 4, 24),
    _Product("prod_mail", "Transactional Mail", "messages", Decimal("0.0012"), ("send", "validate"), 0, 40),
    _Product("prod_maps", "Map Tiles", "requests", Decimal("0.00002"), ("raster", "vector", "geocode"), 0, 300),
)
_FIRST = (
    *("Acme", "Birch", "Cobalt", "Dune", "Ember", "Fjord", "Granite", "Harbor", "Indigo", "Juniper"),
    *("Krypton", "Lumen", "Meridian", "Nimbus", "Onyx", "Prairie", "Quartz", "Ridge", "Saffron", "Tundra"),
)
_LAST = ("Analytics", "Logistics")
_CURRENCIES = ("EUR", "USD")
_FAILURES = (
    (400, "Invalid request."),
    (404, "No match found."),
    (429, "Too many calls."),
    (500, "Upstream failed."),
    (503, "Busy."),
)
_ACTORS = ("ops@example.com", "billing@example.com")


@dataclass(frozen=True, slots=True)
class _Customer:
    id: str
    name: str
    currency: str
    products: tuple[_Product, ...]
    weight: float


async def fill(
    store: Store, principal: Principal, *, now: datetime, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> None:
    """Record the demo's usage, dated up to `now`. `on_progress` is told the days done and the days in all."""
    draw = random.Random(_SEED)
    customers = list(_customers(draw))
    first_day = (now - timedelta(days=DAYS)).astimezone(_ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    await _describe(store, principal, customers, first_day.astimezone(UTC))
    for day in range(DAYS + 1):
        begins = (first_day + timedelta(days=day)).astimezone(UTC)
        recorded_at = min(begins + timedelta(days=1), now)
        rules = Rules(clock=lambda at=recorded_at: at)  # type: ignore[misc]
        events = sorted(_events(draw, customers, day, begins), key=lambda each: str(each["occurred_at"]))
        events = [each for each in events if each["occurred_at"] < recorded_at]
        outcomes = await commands.record(store, principal, events, rules=rules, source="meter")
        recorded = [each.entry for each in outcomes if each.entry is not None]
        activities = [each for each in _activities(draw, customers, day, begins) if each["occurred_at"] < recorded_at]
        if activities:
            await commands.record(store, principal, activities, rules=rules, source="licensing", kind=EntryKind.ACTIVITY)
        await _correct(store, principal, draw, recorded, rules)
        on_progress(day + 1, DAYS + 1)


def _customers(draw: random.Random) -> Iterator[_Customer]:
    for rank, name in enumerate(f"{first} {last}" for last in _LAST for first in _FIRST):
        count = draw.choice((1, 2, 2, 3, 4))
        yield _Customer(
            id=f"cust_{rank + 1:03}",
            name=name,
            currency=_CURRENCIES[rank % 3 == 0],
            products=tuple(draw.sample(_PRODUCTS, count)),
            weight=1 / (rank + 1),  # Zipf: the first customer uses most of all
        )


async def _describe(store: Store, principal: Principal, customers: list[_Customer], at: datetime) -> None:
    rules = Rules(clock=lambda: at)

    async def put(kind: RecordKind, record_id: str, **fields: Any) -> None:
        await upsert(store, principal, kind, record_id, fields, rules=rules, source="catalogue")

    for product in _PRODUCTS:
        await put(RecordKind.PRODUCT, product.id, name=product.name, status="active")
    for customer in customers:
        number = customer.id.removeprefix("cust_")
        await put(RecordKind.CUSTOMER, customer.id, name=customer.name, status="active")
        await put(RecordKind.ORDER, f"ord_{number}", customer_id=customer.id, status="open")
        await put(
            RecordKind.SUBSCRIPTION,
            f"sub_{number}",
            customer_id=customer.id,
            order_id=f"ord_{number}",
            status="active",
            starts_at=at,
            ends_at=at + timedelta(days=365),
        )
        for product in customer.products:
            await put(
                RecordKind.LICENSE,
                _license(customer, product),
                name=f"{product.name} for {customer.name}",
                customer_id=customer.id,
                product_id=product.id,
                order_id=f"ord_{number}",
                subscription_id=f"sub_{number}",
                status="active",
                starts_at=at,
            )


def _license(customer: _Customer, product: _Product) -> str:
    return f"lic_{customer.id.removeprefix('cust_')}_{product.id.removeprefix('prod_')}"


def _events(draw: random.Random, customers: list[_Customer], day: int, begins: datetime) -> Iterator[dict[str, Any]]:
    """A day's usage: fewer events at weekends and at night, a little more each week; some of them are reported late."""
    weekday = begins.astimezone(_ZONE).weekday()
    busy = (1.0 if weekday < 5 else 0.45) * (1 + day / 300)
    weights = [each.weight for each in customers]
    for number in range(int(EVENTS_A_DAY * busy)):
        customer = draw.choices(customers, weights)[0]
        product = draw.choice(customer.products)
        hour = min(max(draw.gauss(13.5, 4.2), 0), 23.99)
        occurred_at = begins + timedelta(hours=hour, microseconds=draw.randrange(1_000_000))
        if draw.random() < 0.01:
            occurred_at -= timedelta(days=draw.randrange(1, 4))  # reported days late
        status, message = (200, None) if draw.random() > 0.04 else draw.choice(_FAILURES)
        amount = Decimal(draw.randrange(1, product.most * 10**product.digits + 1)).scaleb(-product.digits)
        yield {
            "id": f"{day:03}-{number:05}",
            "occurred_at": occurred_at,
            "product_id": product.id,
            "customer_id": customer.id,
            "license_id": _license(customer, product),
            "order_id": f"ord_{customer.id.removeprefix('cust_')}",
            "subscription_id": f"sub_{customer.id.removeprefix('cust_')}",
            "feature_code": draw.choice(product.features),
            "quantity": amount,
            "unit": product.unit,
            "charge": amount * product.price if status < 500 else None,  # at most 12 digits: nothing is rounded
            "currency": customer.currency if status < 500 else None,
            "request_id": f"req_{draw.getrandbits(64):016x}",
            "transaction_id": f"{draw.getrandbits(128):032x}",
            "status_code": status,
            "message": message,
            "additional_data": {"region": draw.choice(("eu-central", "us-east", "ap-south")), "plan": draw.choice("SML")},
        }


def _activities(draw: random.Random, customers: list[_Customer], day: int, begins: datetime) -> Iterator[dict[str, Any]]:
    """A day's lifecycle: every license is issued on the first, later now and then one is renewed, suspended or reinstated."""
    if day == 0:
        chosen = [(each, product, "license.issued") for each in customers for product in each.products]
    else:
        happenings = ("license.renewed", "license.suspended", "license.reinstated", "subscription.renewed")
        picked = draw.sample(customers, 2)
        chosen = [(each, draw.choice(each.products), draw.choice(happenings)) for each in picked]
    for number, (customer, product, action) in enumerate(chosen):
        yield {
            "id": f"life-{day:03}-{number:03}",
            "action": action,
            "occurred_at": begins + timedelta(hours=9, minutes=number),
            "product_id": product.id,
            "customer_id": customer.id,
            "license_id": _license(customer, product),
            "subscription_id": f"sub_{customer.id.removeprefix('cust_')}",
            "actor": draw.choice(_ACTORS),
        }


async def _correct(store: Store, principal: Principal, draw: random.Random, recorded: list[Entry], rules: Rules) -> None:
    """Two or three of a day's events turn out wrong and are amended or retracted."""
    for entry in draw.sample(recorded, min(len(recorded), draw.choice((2, 3)))):
        retracted = draw.random() < 0.4
        # Halves of at most a dozen digits: the default context rounds none of them.
        changes = {name: value / 2 for name in ("quantity", "charge") if (value := getattr(entry, name)) is not None}
        try:
            if retracted:
                reason, actor = "test traffic", _ACTORS[0]
                await commands.retract(store, principal, entry.event_ref, rules=rules, reason=reason, actor=actor)
            else:
                said: dict[str, Any] = {"reason": "metered twice by the edge", "actor": _ACTORS[1], "expected_version": 1}
                await commands.amend(store, principal, entry.event_ref, changes, rules=rules, **said)
        except AlreadyCorrected:
            continue  # by an earlier filling that was interrupted
