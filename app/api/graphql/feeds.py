"""Entries page by page: of the ledger, and behind the numbers of a report."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import strawberry

from app.api.graphql.arguments import OrderArgument
from app.api.graphql.completeness import Completeness
from app.api.graphql.connections import After, Before, Connection, First, Last, connected
from app.api.graphql.context import Info
from app.api.graphql.enums import FeedOrder
from app.api.graphql.nodes import Entry
from app.api.graphql.selection import entry_fields
from app.api.graphql.shapes import resolver
from app.domain.entry import EntryKind
from app.question.filters import Filters
from app.reports import feed, usage_ledger
from app.reports.feed import FeedQuestion
from app.reports.report import Opened, PageRequest


@strawberry.type(description="A page of entries.")
class EntryConnection(Connection[Entry]):
    question: strawberry.Private[Completeness]

    @resolver("Up to where the ledger was read, what has come late, and what nobody knows.")
    def completeness(self) -> Completeness:
        return self.question


async def page_of(
    info: Info,
    opened: Opened,
    filters: Filters,
    kinds: frozenset[EntryKind] | None,
    order: FeedOrder,
    request: PageRequest,
) -> EntryConnection:
    """One page of the entries that the filters let through."""
    question = FeedQuestion(filters, order is FeedOrder.NEWEST_FIRST)
    store = info.context.services.store
    page = await feed.page(store, opened, question, request, kinds, entry_fields(info))
    counted = partial(feed.count, store, opened, question, kinds)
    return EntryConnection(**connected(page, opened, counted), question=Completeness.of(store, opened, filters))


def entries_field(description: str, opens: Callable[[Any], Filters | None]) -> Any:
    """A field with the usage entries behind a number; null where `opens` gives nothing for the row."""

    async def entries(
        root: Any,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        order: OrderArgument = FeedOrder.NEWEST_FIRST,
    ) -> EntryConnection | None:
        filters = opens(root)
        if filters is None:
            return None
        opened = await info.context.opened_at(info.path)
        request = PageRequest(first=first, after=after, last=last, before=before)
        return await page_of(info, opened, filters, usage_ledger.KINDS, order, request)

    return strawberry.field(resolver=entries, description=description)
