"""The usage summary as GraphQL tells it: totals and pages of groups, from one read where both are asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import strawberry

from app.api.graphql.connections import After, Before, Connection, First, Last, connection
from app.api.graphql.links import links_of
from app.api.graphql.scalars import SafeInt
from app.api.graphql.shapes import Field, fields_of, object_type, resolver
from app.ports import Ledger
from app.question.groups import CurrencyTotal as Charge
from app.question.groups import Group, GroupOrder
from app.question.groups import UnitTotal as Quantity
from app.reports.report import Opened, Page, PageRequest, Section
from app.reports.totals import TOTAL, ChargeRow, GroupRow, QuantityRow, Summary, SummaryQuestion, group_rows, read, total_rows
from app.reports.usage_summary import GROUPS, REPORT


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupTold(GroupRow):
    """A group's row together with what it is the sum of."""

    quantities: Sequence[Quantity | QuantityRow]
    charges: Sequence[Charge | ChargeRow]


def group_told(row: GroupRow, quantities: Sequence[Quantity | QuantityRow], charges: Sequence[Charge | ChargeRow]) -> GroupTold:
    """The row with its parts."""
    stated = {each.name: getattr(row, each.name) for each in fields(GroupRow)}
    return GroupTold(**stated, quantities=quantities, charges=charges)


def _told(row: Any, group: Group) -> GroupTold:
    return group_told(row, group.quantities, group.charges)


UnitTotal: Any = object_type("UnitTotal", "The total in one unit.", fields_of(TOTAL.quantities.columns))
CurrencyTotal: Any = object_type("CurrencyTotal", "The total in one currency.", fields_of(TOTAL.charges.columns))
_PARTS = (
    Field(attribute="quantities", type=list[UnitTotal], description="The quantities, one for each unit; never added up."),
    Field(attribute="charges", type=list[CurrencyTotal], description="The charges, one for each currency; never added up."),
)


def group_type(name: str, description: str, section: Section) -> Any:
    """A type for the groups of a section, with their parts and with links to what they are of."""
    return object_type(name, description, [*fields_of(section.columns), *_PARTS], also=links_of(section.columns))


if TYPE_CHECKING:
    UsageTotal = GroupTold
    UsageGroup = GroupTold
else:
    UsageTotal = group_type("UsageTotal", "The totals over everything that was asked for, whatever the page.", TOTAL.groups)
    UsageGroup = group_type("UsageGroup", "The totals of one group.", GROUPS.groups)


@dataclass(slots=True)
class Reading:
    """What a summary is read from. Reads that are under way are shared."""

    ledger: Ledger
    opened: Opened
    question: SummaryQuestion
    pages: dict[PageRequest, asyncio.Future[Summary]] = field(default_factory=dict)

    async def page(self, request: PageRequest) -> Summary:
        """The summary with one page of groups."""
        if request not in self.pages:
            self.pages[request] = asyncio.ensure_future(read(self.ledger, self.opened, self.question, request))
        return await self.pages[request]

    async def total(self) -> Summary:
        """Any summary of the question: each tells the totals over everything."""
        # Fields that stand side by side begin one after the other: let `groups`, if it is asked for, begin its read first.
        await asyncio.sleep(0)
        if self.pages:
            return await next(iter(self.pages.values()))
        ungrouped = replace(self.question, by=(), granularity=None, fill=False, order=GroupOrder())
        return await read(self.ledger, self.opened, ungrouped, PageRequest(first=0))


@strawberry.type(description=REPORT.description)
class UsageSummary:
    as_of: SafeInt = strawberry.field(
        description="The sequence up to which the ledger was read; named as `asOf`, it gives the same answer again."
    )
    data_through: datetime | None = strawberry.field(description="When that entry was recorded, UTC; null for an empty ledger.")
    reading: strawberry.Private[Reading]

    @resolver("The totals over everything that was asked for, whatever the page of groups.")
    async def total(self) -> UsageTotal:
        summary = await self.reading.total()
        total = summary.grouped.total
        _, told = next(total_rows(total))
        return _told(told[0], total)

    @resolver("The groups, page by page. Without groupBy and bucket there is one group: everything.")
    async def groups(
        self, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[UsageGroup]:
        request = PageRequest(first=first, after=after, last=last, before=before)
        summary = await self.reading.page(request)
        grouped = summary.grouped
        _, told = next(group_rows(GROUPS, summary))
        page = Page(
            [_told(row, group) for row, group in zip(told, grouped.groups, strict=True)],
            summary.cursors,
            has_next=grouped.more_after,
            has_previous=grouped.more_before,
        )

        async def counted() -> int:
            return grouped.group_count

        return connection(page, self.reading.opened, counted)


def usage_summary(ledger: Ledger, opened: Opened, question: SummaryQuestion) -> UsageSummary:
    """A summary that is read once its fields are asked for."""
    return UsageSummary(
        as_of=SafeInt(opened.scope.as_of),
        data_through=opened.recorded_at,
        reading=Reading(ledger, opened, question),
    )
