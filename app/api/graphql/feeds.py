"""Entries page by page: of the ledger, and behind the numbers of a report."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
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
from app.domain import entry
from app.domain.entry import EntryKind
from app.question.filters import Filters
from app.question.scope import Checkpoint
from app.reports import feed, usage_ledger
from app.reports.answer import AsOf
from app.reports.feed import FeedQuestion
from app.reports.report import Opened, Page, PageRequest


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
    page = await feed.page(info.context.services.store, opened, question, request, kinds, entry_fields(info))
    return _told(info, opened, question, kinds, page)


async def open_page(
    info: Info,
    as_of: AsOf,
    filters: Filters,
    kinds: frozenset[EntryKind] | None,
    order: FeedOrder,
    request: PageRequest,
) -> EntryConnection:
    """The same for a field of the operation, which opens the ledger."""
    if isinstance(as_of, datetime | Checkpoint):  # which are looked up first: cursors are bound to the sequence
        return await page_of(info, await info.context.open(as_of, info.path), filters, kinds, order, request)
    question = FeedQuestion(filters, order is FeedOrder.NEWEST_FIRST)
    cut = feed.Cut(info.context.principal.account.id, as_of, question, request, kinds, entry_fields(info))
    opened, found = await info.context.open_with_rows(as_of, info.path, cut.rows)
    return _told(info, opened, question, kinds, cut.page(found))


def _told(
    info: Info, opened: Opened, question: FeedQuestion, kinds: frozenset[EntryKind] | None, page: Page[entry.Entry]
) -> EntryConnection:
    store = info.context.services.store
    counted = partial(feed.count, store, opened, question, kinds)
    return EntryConnection(**connected(page, opened, counted), question=Completeness.of(store, opened, question.filters))


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
