"""The usage summary as GraphQL tells it: totals and pages of groups, from one read where both are asked for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime

import strawberry

from app.api.graphql.completeness import Completeness
from app.api.graphql.connections import After, Before, Connection, First, Last, connection
from app.api.graphql.context import Info
from app.api.graphql.measured import extras_in
from app.api.graphql.scalars import SafeInt
from app.api.graphql.shapes import resolver
from app.api.graphql.totals import GroupTold, UsageGroup, UsageTotal, group_told
from app.ports import Store
from app.question.groups import GroupOrder
from app.question.measures import NO_EXTRAS, Extras
from app.question.way import Way
from app.reports.grouping import Summary, SummaryQuestion, Wanted, read, rest, whole
from app.reports.report import Opened, Page, PageRequest
from app.reports.totals import Told, group_row, group_rows
from app.reports.usage_summary import GROUPS, REPORT


@dataclass(slots=True)
class Reading:
    """What a summary is read from. Reads that are under way are shared."""

    store: Store
    opened: Opened
    question: SummaryQuestion
    pages: dict[tuple[PageRequest, Extras], asyncio.Future[Summary]] = field(default_factory=dict)

    async def page(self, request: PageRequest, extras: Extras) -> Summary:
        """The summary with one page of groups."""
        key = (request, extras)
        if key not in self.pages:
            wanted = Wanted(groups=extras)
            self.pages[key] = asyncio.ensure_future(read(self.store, self.opened, self.question, request, wanted=wanted))
        return await self.pages[key]

    async def total(self, extras: Extras) -> Told:
        """The totals over everything, which any summary of the question tells but for extras."""
        summary = await self._begun()
        if summary is None:
            alone = replace(self.question, by=(), order=GroupOrder(), fill=False, having=(), top=None)
            if self.question.compare is None:
                alone = replace(alone, granularity=None)  # else buckets decide what the period before is
            summary = await read(self.store, self.opened, alone, PageRequest(first=0))
        total = summary.grouped.total
        if extras:
            total = await whole(self.store, summary, extras)
        return Told(total, replace(summary, grouped=replace(summary.grouped, total=total)))

    async def other(self, extras: Extras) -> Told | None:
        """What the top groups leave; None where nothing is left, or no top was named."""
        if self.question.top is None:
            return None
        summary = await self._begun() or await read(self.store, self.opened, self.question, PageRequest(first=0))
        other = summary.grouped.other
        if other is None:
            return None
        if extras:
            other = await rest(self.store, summary, extras)
        return Told(other, replace(summary, grouped=replace(summary.grouped, other=other)))

    async def way(self) -> Way | None:
        """How the engine found the totals; None where it has one way only."""
        summary = await self._begun() or await self.page(PageRequest(first=0), NO_EXTRAS)
        return summary.grouped.way

    async def _begun(self) -> Summary | None:
        # Fields that stand side by side begin one after the other: let `groups`, if it is asked for, begin its read first.
        await asyncio.sleep(0)
        return await next(iter(self.pages.values())) if self.pages else None


@strawberry.type(
    description="Where totals were found. The answer is exact either way; this tells why it took its time, and may change."
)
class SummarySource:
    source: str = strawberry.field(description="The rollups that told them, or `ledger`.")
    reason: str = strawberry.field(description="Why these.")
    days: int | None = strawberry.field(description="Whole UTC days that the rollups told; null for an open period.")
    parts: int = strawberry.field(description="Parts of the period, no whole days, that the ledger told beside the rollups.")
    newer_entries: int = strawberry.field(description="Entries recorded after `asOf` that were taken off again.")
    looked_up: int = strawberry.field(description="First and last uses that were looked up in the ledger.")


@strawberry.type(description=REPORT.description)
class UsageSummary:
    as_of: SafeInt = strawberry.field(
        description="The sequence up to which the ledger was read; named as `asOf`, it gives the same answer again."
    )
    data_through: datetime | None = strawberry.field(description="When that entry was recorded, UTC; null for an empty ledger.")
    reading: strawberry.Private[Reading]

    @resolver("The totals over everything that was asked for, whatever the page of groups.")
    async def total(self, info: Info) -> UsageTotal:
        return _told(await self.reading.total(extras_in(info)))

    @resolver("The groups, page by page. Without groupBy and bucket there is one group: everything.")
    async def groups(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[UsageGroup]:
        request = PageRequest(first=first, after=after, last=last, before=before)
        summary = await self.reading.page(request, extras_in(info))
        grouped = summary.grouped
        _, told = next(group_rows(GROUPS, summary))
        page = Page(
            [group_told(row) for row in told], summary.cursors, has_next=grouped.more_after, has_previous=grouped.more_before
        )

        async def counted() -> int:
            return grouped.group_count

        return connection(page, self.reading.opened, counted)

    @resolver(
        "Everything outside of the `top` groups: these and it add up to the total. Null where nothing is left, or without top."
    )
    async def other(self, info: Info) -> UsageTotal | None:
        told = await self.reading.other(extras_in(info))
        return None if told is None else _told(told)

    @resolver("Where the totals were found; null where the engine keeps nothing beside the ledger.")
    async def source(self) -> SummarySource | None:
        way = await self.reading.way()
        if way is None:
            return None
        return SummarySource(
            source=way.source,
            reason=way.reason,
            days=way.days,
            parts=way.parts,
            newer_entries=way.newer,
            looked_up=way.looked_up,
        )

    @resolver("Up to where the ledger was read, what has come late, and what nobody knows.")
    def completeness(self) -> Completeness:
        return Completeness.of(self.reading.store, self.reading.opened, self.reading.question.filters)


def _told(told: Told) -> GroupTold:
    return group_told(group_row(told, {}))


def usage_summary(store: Store, opened: Opened, question: SummaryQuestion) -> UsageSummary:
    """A summary that is read once its fields are asked for."""
    return UsageSummary(
        as_of=SafeInt(opened.scope.as_of),
        data_through=opened.recorded_at,
        reading=Reading(store, opened, question),
    )
