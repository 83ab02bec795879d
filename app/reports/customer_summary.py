"""The customer summary: one customer, its licenses, its usage by product and feature, and how it compares with before."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from app.domain.catalogue import Record, RecordKind
from app.domain.decimal import scaled, unscaled
from app.domain.entry import Entry
from app.domain.period import Period
from app.ports import Ledger
from app.question.filters import Filters, Slice
from app.question.groups import Dimension, Group, Groups
from app.question.records import Records
from app.question.rows import Rows
from app.reports import feed
from app.reports.at_once import AtOnce
from app.reports.grouping import Summary, SummaryQuestion, Wanted, added_up, read
from app.reports.parameters import Parameters, subject
from app.reports.report import Opened, Report, Section, column, columns_of
from app.reports.subjects import described, find, record_row, record_section
from app.reports.totals import TOTAL, group_rows, measures_of, tables, total_rows

TREND_DAYS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenseRow:
    """One license of the customer."""

    license_id: str = column("License", "Its id.")
    name: str | None = column("Name", "What people call it.")
    status: str | None = column("Status", "Its state, in the caller's own word.")
    product_id: str | None = column("Product", "The product it is of.")
    events: int = column("Events", "How many events used it in the period; a reversal counts -1.")
    first_use: datetime | None = column("First use", "When it was first used in the period, UTC.")
    last_use: datetime | None = column("Last use", "When it was last used in the period, UTC.")
    opened: Filters = field(default=Filters(), compare=False, repr=False)
    """Which entries used it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendRow:
    """One total, compared with the same total over the period before."""

    measure: str = column("Measure", "What is compared: events, quantity or charge.")
    unit: str | None = column("Unit", "The quantity's unit or the charge's currency.")
    value: Decimal = column("Value", "The total over the period.", unit="unit")
    previous: Decimal = column("Previous", "The total over the period before, of the same length.", unit="unit")
    change: Decimal = column("Change", "By how much it grew.", unit="unit")
    period_start: datetime = column("From", "Where the period begins, inclusive, UTC.")
    period_end: datetime = column("To", "Where the period ends, exclusive, UTC.")
    previous_start: datetime = column("Previous from", "Where the period before begins, UTC; it ends where the period begins.")
    opened: Filters = field(default=Filters(), compare=False, repr=False)
    """Which entries the value is the sum of."""
    opened_before: Filters | None = field(default=None, compare=False, repr=False)
    """Which ones the value before is; None where there is no time before."""


CUSTOMER = record_section("customer", "Customer", "The customer's record.")
LICENSES = Section(
    "licenses",
    "Licenses",
    "One row for each license that is the customer's or was used by it.",
    LicenseRow,
    columns_of(LicenseRow),
)
PRODUCTS = tables("products", "product", "By product", ("product_id",))
FEATURES = tables("features", "feature", "By feature", ("feature_code",))
TREND = Section(
    "trend",
    "Trend",
    f"One row for each total; where the period is open, the {TREND_DAYS} days up to its end are compared with those before.",
    TrendRow,
    columns_of(TrendRow),
)
ACTIVITIES = Section("activities", "Activities", "What was recorded of the customer, newest first.", Entry, feed.COLUMNS)


async def answer(ledger: Ledger, opened: Opened, parameters: Parameters) -> AsyncIterator[tuple[Section, Sequence[Any]]]:
    """The report's rows; activities with the first `limit` rows, or all of them."""
    filters, scope, extras = parameters.filters, opened.scope, parameters.extras
    customer_id = subject(filters, "customer_id")
    record = await find(ledger, scope, RecordKind.CUSTOMER, customer_id)
    yield CUSTOMER, [record_row(record)]
    compared = _compared(opened, filters.period)
    async with AtOnce(ledger) as at_once:
        by_both = at_once.start(read(ledger, opened, SummaryQuestion(filters, (Dimension.LICENSE, Dimension.PRODUCT))))
        owned = at_once.start(ledger.records(Records(scope, RecordKind.LICENSE, customer_id=customer_id)))
        features = SummaryQuestion(filters, (Dimension.FEATURE,))
        by_feature = at_once.start(read(ledger, opened, features, wanted=Wanted(groups=extras)))
        totals = [at_once.start(read(ledger, opened, SummaryQuestion(filters.within(each)))) for each in compared]
        activities = feed.begun(at_once, ledger, Rows(scope, filters, limit=parameters.limit))
        used = await by_both
        by_license = added_up(used, Groups(scope, filters, (Dimension.LICENSE,)))
        yield LICENSES, await _licenses(ledger, opened, parameters, await owned, by_license)
        by_product = added_up(used, Groups(scope, filters, (Dimension.PRODUCT,)))
        if extras:  # which cannot be added up
            products = SummaryQuestion(filters, (Dimension.PRODUCT,))
            by_product = await read(ledger, opened, products, wanted=Wanted.everywhere(extras))
        for told in (*total_rows(by_product), *group_rows(PRODUCTS, by_product)):
            yield told
        for told in group_rows(FEATURES, await by_feature):
            yield told
        yield TREND, _trend(filters, compared, [(await each).grouped.total for each in totals])
        async for batch in activities:
            yield ACTIVITIES, batch


async def _licenses(
    ledger: Ledger, opened: Opened, parameters: Parameters, owned: Sequence[Record], used: Summary
) -> list[LicenseRow]:
    groups = {each.dimensions[0]: each for each in used.grouped.groups if each.dimensions[0] is not None}
    records = await described(ledger, opened.scope, RecordKind.LICENSE, {str(each) for each in groups} | {r.id for r in owned})
    rows = []
    for each in records:
        group = groups.get(each.id) or Group(None, (each.id,))
        rows.append(
            LicenseRow(
                license_id=each.id,
                name=each.name,
                status=each.status,
                product_id=each.product_id,
                events=group.events,
                first_use=group.first_use,
                last_use=group.last_use,
                opened=parameters.filters.opened(Slice((Dimension.LICENSE,), (each.id,))),
            )
        )
    return rows


def _compared(opened: Opened, period: Period) -> list[Period]:
    """The period that the trend is about, and the one before it where there is time before; none of an empty ledger."""
    end = period.end or opened.recorded_at
    if end is None:
        return []
    start = period.start
    if start is None or period.end is None:
        start = _earlier(end, timedelta(days=TREND_DAYS))
    before = _earlier(start, end - start)
    return [Period(start, end), Period(before, start)] if before < start else [Period(start, end)]


def _trend(filters: Filters, compared: Sequence[Period], totals: Sequence[Group]) -> list[TrendRow]:
    """The totals of these periods beside each other."""
    if not compared:
        return []
    period, before = compared[0], compared[1] if len(compared) > 1 else None
    assert period.start is not None
    assert period.end is not None
    now, then = measures_of(totals[0]), measures_of(Group(None, ()) if before is None else totals[1])
    rows = []
    for key in sorted(now.keys() | then.keys(), key=lambda each: (_MEASURES.index(each[0]), each[1] is None, each[1] or "")):
        value, previous = now.get(key, Decimal(0)), then.get(key, Decimal(0))
        rows.append(
            TrendRow(
                measure=key[0],
                unit=key[1],
                value=value,
                previous=previous,
                change=unscaled(scaled(value) - scaled(previous)),
                period_start=period.start,
                period_end=period.end,
                previous_start=(before and before.start) or period.start,
                opened=filters.within(period),
                opened_before=None if before is None else filters.within(before),
            )
        )
    return rows


def _earlier(moment: datetime, span: timedelta) -> datetime:
    """So much before `moment`; the first instant there is, where a caller asks for all times."""
    first = datetime.min.replace(tzinfo=UTC)
    return moment - span if moment - first > span else first


_MEASURES = ("events", "quantity", "charge")


REPORT = Report(
    "customer_summary",
    "Customer summary",
    "One customer: its record, its licenses with their last use, usage by product and feature, and the trend.",
    (CUSTOMER, LICENSES, *TOTAL, *PRODUCTS, *FEATURES, TREND, ACTIVITIES),
    ("customer_id", "from", "to"),
    answer,
    required=("customer_id",),
)
