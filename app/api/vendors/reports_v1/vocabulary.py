"""The contract of `/api/v1` as data: its read routes, what each may be asked, and what each parameter means."""

from __future__ import annotations

from dataclasses import dataclass

from app.reports.parameters import DIMENSIONS

BUCKETS = ("1h", "1d")
"""The contract knows no other lengths; the shared vocabulary does."""
LARGEST_SEQUENCE = 2**63 - 1

_PERIOD = ("from", "to")


@dataclass(frozen=True, slots=True)
class ReadRoute:
    """One read route. `report` is the name in the registry."""

    path: str
    operation_id: str
    summary: str
    report: str
    parameters: tuple[str, ...]


FEEDS = (
    ReadRoute(
        "/activities",
        "listActivities",
        "List normalized reporting activities",
        "activities",
        (
            *("cursor", "limit", *_PERIOD, "action", "source", *DIMENSIONS),
            *("request_id", "result_class", "status_code", "as_of"),
        ),
    ),
    ReadRoute(
        "/reports/usage-ledger",
        "listUsageLedger",
        "List row-level usage ledger entries",
        "usage_ledger",
        ("cursor", "limit", *_PERIOD, "action", *DIMENSIONS, "as_of"),
    ),
)
SUMMARIES = (
    ReadRoute(
        "/reports/usage-summary",
        "getUsageSummary",
        "Get grouped usage totals",
        "usage_summary",
        (*_PERIOD, "group_by", "bucket", "time_zone", *DIMENSIONS, "limit", "as_of"),
    ),
    ReadRoute(
        "/reports/license-audit",
        "getLicenseAuditReport",
        "Get a license audit report",
        "license_audit",
        ("license_id", *_PERIOD, "limit", "time_zone", "as_of"),
    ),
    ReadRoute(
        "/reports/customer-summary",
        "getCustomerSummary",
        "Get customer-level reporting summary",
        "customer_summary",
        ("customer_id", *_PERIOD, "limit", "as_of"),
    ),
    ReadRoute(
        "/reports/subscription-settlement",
        "getSubscriptionSettlement",
        "Get subscription or order settlement summary",
        "subscription_settlement",
        ("subscription_id", "order_id", *_PERIOD, "group_by", "limit", "as_of"),
    ),
)
EXPORTED: dict[str, ReadRoute] = {route.path.rpartition("/")[2]: route for route in (SUMMARIES[0], FEEDS[1], *SUMMARIES[1:])}
"""What can be frozen, by the contract's own word, and the read route whose parameters are its filters."""
