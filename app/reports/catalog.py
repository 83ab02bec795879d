"""The registry: every report there is. Adding one touches its module and this list."""

from __future__ import annotations

from app.reports import (
    activities,
    customer_summary,
    license_audit,
    subscription_settlement,
    usage_ledger,
    usage_summary,
)
from app.reports.report import Report

REPORTS: tuple[Report, ...] = (
    activities.REPORT,
    usage_summary.REPORT,
    usage_ledger.REPORT,
    license_audit.REPORT,
    customer_summary.REPORT,
    subscription_settlement.REPORT,
)


def report_named(name: str) -> Report | None:
    """The report of that name, in snake case or with dashes."""
    return next((each for each in REPORTS if each.name == name.replace("-", "_")), None)
