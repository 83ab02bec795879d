"""The reports about one subject: each is answered whole by one reading, for as many rows of its excerpts as are asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import strawberry

from app.api.graphql.arguments import (
    AsOfArgument,
    BucketArgument,
    Each,
    GroupByArgument,
    GroupOrderArgument,
    PeriodArgument,
    TimeZoneArgument,
)
from app.api.graphql.completeness import Completeness
from app.api.graphql.context import Info
from app.api.graphql.inputs import group_key, group_order, period_of, point_of
from app.api.graphql.measured import extras_in
from app.api.graphql.scalars import TimeZone
from app.api.graphql.sections import folded, report_type
from app.api.graphql.shapes import given
from app.question.filters import Filters
from app.reports import customer_summary as customers
from app.reports import license_audit as licenses
from app.reports import subscription_settlement as settlements
from app.reports.parameters import Parameters
from app.reports.report import PageRequest, Report

if TYPE_CHECKING:
    LicenseAudit: TypeAlias = Any
    CustomerSummary: TypeAlias = Any
    SubscriptionSettlement: TypeAlias = Any
else:
    LicenseAudit = report_type(licenses.REPORT)
    CustomerSummary = report_type(customers.REPORT)
    SubscriptionSettlement = report_type(settlements.REPORT)


UTC = TimeZone("UTC")


@strawberry.input(one_of=True, description="What a settlement is about.")
class SettlementSubject:
    subscription_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="A subscription, by the id that its owner names it by."
    )
    order_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="An order, by the id that its owner names it by."
    )


async def license_audit(
    info: Info,
    license_id: Annotated[strawberry.ID, strawberry.argument(description="The license, by the id that its owner names it by.")],
    period: PeriodArgument = None,
    time_zone: TimeZoneArgument = UTC,
    first: Each = None,
    as_of: AsOfArgument = None,
) -> LicenseAudit | None:
    """The audit of one license."""
    filters = Filters(period_of(period), license_id=(license_id,))
    return await _answer(info, licenses.REPORT, Parameters(filters, zone=time_zone), first, as_of)


async def customer_summary(
    info: Info,
    customer_id: Annotated[strawberry.ID, strawberry.argument(description="The customer, by the id that its owner names it by.")],
    period: PeriodArgument = None,
    first: Each = None,
    as_of: AsOfArgument = None,
) -> CustomerSummary | None:
    """The summary of one customer."""
    filters = Filters(period_of(period), customer_id=(customer_id,))
    return await _answer(info, customers.REPORT, Parameters(filters), first, as_of)


async def subscription_settlement(
    info: Info,
    subject: Annotated[SettlementSubject, strawberry.argument(description="The subscription or the order.")],
    period: PeriodArgument = None,
    group_by: GroupByArgument = (),  # type: ignore[assignment]
    bucket: BucketArgument = None,
    order_by: GroupOrderArgument = None,
    first: Each = None,
    as_of: AsOfArgument = None,
) -> SubscriptionSettlement | None:
    """The settlement of one subscription or order."""
    about = {name: (value,) for name, value in given(subject).items()}
    parameters = Parameters(
        Filters(period_of(period), **about),
        tuple(group_key(each) for each in group_by),
        bucket.granularity if bucket else None,
        bucket.time_zone if bucket else "UTC",
        bucket.fill if bucket else False,
        group_order(order_by),
    )
    return await _answer(info, settlements.REPORT, parameters, first, as_of)


async def _answer(info: Info, report: Report, parameters: Parameters, first: int | None, as_of: Any) -> Any:
    limit = PageRequest(first=first).size()
    opened = await info.context.open(point_of(as_of), info.path)
    store = info.context.services.store
    # One row more than is told, to know whether there are more.
    asked = replace(parameters, limit=limit + 1, extras=extras_in(info))
    answer = report.answer(store, opened, asked)
    return await folded(report, opened, answer, limit, Completeness.of(store, opened, parameters.filters))
