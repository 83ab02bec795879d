"""Rows that we wrote ourselves in the FOCUS 1.0 layout, with the oddities that real bills have."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

COLUMNS = (
    "BilledCost",
    "BillingAccountId",
    "BillingCurrency",
    "ChargeCategory",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ConsumedQuantity",
    "ConsumedUnit",
    "Id",
    "RegionName",
    "ResourceId",
    "ServiceName",
    "SkuId",
    "SubAccountId",
    "Tags",
)


def row(**stated: str) -> dict[str, str]:
    """A row: ten GB of `Object Storage` by account `7`, an hour of 1 March 2026, with what is stated put in its place."""
    return {
        "BilledCost": "0.00000080000",
        "BillingAccountId": "1234567890123",
        "BillingCurrency": "USD",
        "ChargeCategory": "Usage",
        "ChargePeriodEnd": "2026-03-01 11:00:00",
        "ChargePeriodStart": "2026-03-01 10:00:00",
        "ConsumedQuantity": "10.000000000000000",
        "ConsumedUnit": "GB",
        "Id": "1",
        "RegionName": "NULL",
        "ResourceId": "bucket/a",
        "ServiceName": "Object Storage",
        "SkuId": "SKU1",
        "SubAccountId": "7",
        "Tags": "NULL",
    } | stated


def table(rows: Iterable[dict[str, str]], *, end: str = "\r\n") -> bytes:
    """The rows as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator=end)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
