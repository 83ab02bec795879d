"""The usage that benchmarks are about: the same for the same seed, and skewed as real usage is.

One account has four fifths of it, a few customers most of an account's, a few products and features most of a customer's; 180
days, two in a hundred events reported days late, one in two hundred corrected.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import accumulate, count
from random import Random
from typing import Any

from app.domain.account import Account
from app.domain.entry import NO_VEIL, Content, Correction, EntryKind, Veil
from app.domain.instant import format_instant
from app.ledger.chain import Prepared
from app.ledger.events import claim_key

BEGINS = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 180
CUSTOMERS, PRODUCTS, FEATURES = 2_000, 20, 12
SHARES = {"northwind": 80, "contoso": 12, "fabrikam": 5, "tailspin": 3}
"""Accounts, and how much of a hundred entries is whose."""
_UNITS = ("calls", "GB", "seconds", "tokens")
_ACTIONS = ("usage.consumed", "usage.consumed", "usage.consumed", "usage.stored")
_STATUSES = (200,) * 16 + (201, 304, 404, 500)
_CLASSES = {200: "success", 201: "success", 304: "success", 404: "client_error", 500: "server_error"}
_REGIONS = tuple(f'{{"region":"{region}","tier":{tier}}}' for region in ("eu", "us", "ap") for tier in (1, 2))


_SAID = (
    *("action", "source", "product_id", "customer_id", "license_id", "order_id", "subscription_id", "feature_code", "unit"),
    *("currency", "request_id", "status_code", "result_class"),
)
_SEEDS = count(1_000)
"""What is new is another seed's each time, so that no id of a sender comes twice in a process."""


@dataclass
class Life:
    """One account's usage, batch by batch, in the order in which it is recorded."""

    account: Account
    events: int
    seed: int = 1
    sequence: int = 0
    """Of the entry that was made last."""
    _open: list[tuple[int, Content]] = field(default_factory=list)
    """Some events that may yet be corrected, with their sequences."""

    def __post_init__(self) -> None:
        self._chance = Random(f"{self.seed} {self.account.name}")
        self._customers = list(accumulate(1 / (rank + 1) for rank in range(CUSTOMERS)))
        self._products = list(accumulate(1 / (rank + 2) for rank in range(PRODUCTS)))
        self._features = list(accumulate(1 / (rank + 3) for rank in range(FEATURES)))

    def batches(self, size: int) -> Iterator[tuple[datetime, list[Prepared]]]:
        """The instants of recording, and what is recorded then: `events` entries in all."""
        step = timedelta(days=DAYS) / max(self.events, 1)
        made = 0
        while made < self.events:
            count = min(size, self.events - made)
            moment = BEGINS + step * (made + count)
            yield moment, self.batch(BEGINS + step * made, step, count)
            made += count

    def batch(self, since: datetime, step: timedelta, count: int) -> list[Prepared]:
        """So many entries from then on, one each step."""
        chance = self._chance
        batch: list[Content] = []
        customers = chance.choices(range(CUSTOMERS), cum_weights=self._customers, k=count)
        products = chance.choices(range(PRODUCTS), cum_weights=self._products, k=count)
        features = chance.choices(range(FEATURES), cum_weights=self._features, k=count)
        at = 0
        while len(batch) < count:
            number = self.sequence + len(batch) + 1
            if self._open and count - len(batch) > 1 and chance.random() < 0.005:
                batch += self._correction(*self._open.pop(), number)
                continue
            said = self._event(since + step * len(batch), customers[at], products[at], features[at])
            if chance.random() < 0.01:
                self._open.append((number, said))
            batch.append(said)
            at += 1
        self.sequence += len(batch)
        return [Prepared(each, each.digest(), None if each.correction else claim_key(each)) for each in batch]

    def _event(self, moment: datetime, customer: int, product: int, feature: int) -> Content:
        chance = self._chance
        if chance.random() < 0.02:
            moment = max(BEGINS, moment - timedelta(seconds=chance.randrange(5 * 86_400)))
        digits = chance.randrange(1, 100_000)
        status = chance.choice(_STATUSES)
        charged = product % 2 == 0
        private = chance.random() < 0.2
        said = f"customer-{customer:04}"
        return Content(
            kind=EntryKind.USAGE,
            action=_ACTIONS[product % 4],
            source=("metering", "gateway")[product % 2],
            occurred_at=moment,
            product_id=f"product-{product:02}",
            customer_id=said,
            license_id=f"license-{customer:04}-{product % 4}",
            order_id=f"order-{customer:04}-{product % 2}",
            subscription_id=f"subscription-{customer:04}-{product % 2}",
            feature_code=f"feature-{feature:02}",
            quantity=Decimal(digits) if product % 3 else Decimal(digits).scaleb(-4),
            unit=_UNITS[product % 4],
            charge=Decimal(digits).scaleb(-6) if charged else None,
            currency=("EUR", "USD")[customer % 2] if charged else None,
            request_id=f"req-{chance.getrandbits(64):016x}",
            status_code=status,
            result_class=_CLASSES[status],
            transaction_id=None,
            sender_id=f"{chance.getrandbits(96):024x}",
            additional_data=chance.choice(_REGIONS) if private else None,
            veil=Veil({"additional_data": chance.randbytes(16)}, {}) if private else NO_VEIL,
        )

    def _correction(self, sequence: int, first: Content, number: int) -> list[Content]:
        """A reversal, and three times in four a replacement with another quantity, now and then of another product."""
        chance = self._chance
        veil = Veil({"actor": chance.randbytes(16), "reason": chance.randbytes(16)}, {})
        if "additional_data" in first.veil.salts:
            veil.salts["additional_data"] = chance.randbytes(16)
        taken = _changed(first, quantity=-(first.quantity or 0), charge=None if first.charge is None else -first.charge)
        put = _changed(first, quantity=(first.quantity or 0) + 1)
        if chance.random() < 0.2:
            put.product_id = f"product-{chance.randrange(PRODUCTS):02}"
        for each, correction in ((taken, Correction.REVERSAL), (put, Correction.REPLACEMENT)):
            each.actor, each.reason, each.veil = "a person", "typo", veil
            each.event, each.corrects, each.correction = sequence, sequence, correction
        taken.sender_id = put.sender_id = first.sender_id
        put.version = 2
        return [taken, put] if chance.random() < 0.75 else [taken]


def _changed(first: Content, quantity: Decimal | int, charge: Decimal | str | None = "") -> Content:
    said = {name: getattr(first, name) for name in Content.__dataclass_fields__}
    said["quantity"] = Decimal(quantity)
    if charge != "":
        said["charge"] = charge
    return Content(**said)


def new_contents(number: int, seed: int | None = None, *, within: timedelta | None = None) -> list[Content]:
    """So many new events, over half of the days, or `within` so long after the last; corrections are left out, which are
    recorded otherwise."""
    life = Life(Account(1, next(iter(SHARES)), BEGINS), number * 2, next(_SEEDS) if seed is None else seed)
    begins, lasting = (BEGINS, timedelta(days=DAYS / 2)) if within is None else (BEGINS + timedelta(days=DAYS), within)
    found = [each.content for each in life.batch(begins, lasting / number, number * 2)]
    return [each for each in found if each.correction is None][:number]


def said(content: Content) -> dict[str, Any]:
    """The event as a sender writes it."""
    told: dict[str, Any] = {name: getattr(content, name) for name in _SAID if getattr(content, name) is not None}
    told["id"] = content.sender_id
    told["occurred_at"] = format_instant(content.occurred_at)
    for name in ("quantity", "charge"):
        number: Decimal | None = getattr(content, name)
        if number is not None:
            told[name] = str(number)
    if content.additional_data is not None:
        told["additional_data"] = json.loads(content.additional_data)
    return told
