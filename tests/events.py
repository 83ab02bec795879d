"""Builders for what a sender says, as the plain dicts that the ledger's commands take."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 4, 1, 12, 0, 0, tzinfo=UTC)
"""What the tests' clock shows at first."""


def at(hours: float = 0) -> datetime:
    """The instant so many hours after `START` (before it, if negative)."""
    return START + timedelta(hours=hours)


def usage(**stated: Any) -> dict[str, Any]:
    """A usage event: one `call` of product `api` by customer `c1`, an hour before the clock's start, with what is stated
    put in its place."""
    return {"occurred_at": at(-1), "product_id": "api", "customer_id": "c1", "quantity": "1", "unit": "call"} | stated


def activity(**stated: Any) -> dict[str, Any]:
    """A lifecycle activity: license `l1` was issued to customer `c1`, an hour before the clock's start."""
    return {"occurred_at": at(-1), "action": "license.issued", "license_id": "l1", "customer_id": "c1"} | stated
