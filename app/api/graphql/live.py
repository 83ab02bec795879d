"""The subscriptions: what is recorded, as it is recorded, and how far an export is.

They are served over WebSockets (graphql-transport-ws) and as server-sent events (graphql-sse, distinct connections).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Annotated, TypeVar

import strawberry

from app.api.graphql.arguments import FiltersArgument
from app.api.graphql.connections import Edge
from app.api.graphql.context import Context, Info
from app.api.graphql.exports import NEEDED, Export, export_node
from app.api.graphql.inputs import filters_of
from app.api.graphql.nodes import Entry
from app.api.graphql.shapes import followed
from app.domain import entry as entries
from app.domain.account import Permission
from app.exports import register
from app.live.feed import follow
from app.reports import activities, feed

T = TypeVar("T")
E = TypeVar("E")
Resumed = Annotated[
    str | None,
    strawberry.argument(
        description=(
            "A cursor of this subscription, or of a page of `activities` with the same filters: go on with the entry recorded"
            " after it. Nothing is lost or told twice, however long ago that was. Without one, what is recorded from now on."
        )
    ),
]


@strawberry.type(description="Something that was recorded, or where a subscription begins.")
class ActivityEvent:
    cursor: str = strawberry.field(description="Where to go on from, as `after`, once the connection is lost.")
    edge: Edge[Entry] | None = strawberry.field(
        description="What was recorded; null in the first event of a subscription without `after`, which comes at once."
    )


@strawberry.type(
    # Its usual name belongs to a kind of the catalogue.
    name="Live",
    description="What can be followed as it happens, by GraphQL subscriptions. One ends, with an error, when its token does.",
)
class Subscription:
    @followed(
        f"{activities.REPORT.description} Each entry once, in the order of recording, within a second of it.",
        needs=Permission.REPORT_READ,
    )
    async def activities(
        self, info: Info, filters: FiltersArgument = None, after: Resumed = None
    ) -> AsyncIterator[ActivityEvent]:
        context, kinds = info.context, activities.KINDS
        account_id, wanted = context.principal.account.id, filters_of(filters)
        resumed = None if after is None else feed.resume(after, account_id, wanted, kinds)
        store, live = context.services.store, context.live
        following = follow(store, live.tails, account_id, wanted, kinds, resumed, context.watch())

        def told(found: tuple[int, entries.Entry | None]) -> ActivityEvent:
            sequence, entry = found
            cursor = feed.place(sequence, account_id, wanted, kinds)
            return ActivityEvent(cursor=cursor, edge=None if entry is None else Edge(cursor=cursor, node=entry))

        return _events(context, following, told)

    @followed("The export with this id, at once and whenever it has changed, until it is finished.", needs=NEEDED)
    async def export(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The export's id.")]
    ) -> AsyncIterator[Export]:
        context = info.context
        found = await register.find(context.services.store, context.principal, id)
        following = context.live.progress.follow(found, context.watch())
        return _events(context, following, lambda each: export_node(each, context.services.public_url))


async def _events(context: Context, following: AsyncGenerator[T, None], told: Callable[[T], E]) -> AsyncGenerator[E, None]:
    """What is followed as the events of a subscription. What was wrong with the question is told before there are any."""
    async with aclosing(following):
        async for each in following:
            context.renew()  # what hangs on an event is told as of when it is sent
            yield told(each)
