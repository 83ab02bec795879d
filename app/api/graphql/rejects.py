"""What was refused, over GraphQL: one by its id, or page by page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Annotated, Any

import strawberry
from strawberry.relay import PageInfo

from app.api.graphql.connections import After, Before, Edge, First, Last
from app.api.graphql.context import Context, Info
from app.api.graphql.node import Node
from app.api.graphql.scalars import SafeInt
from app.api.graphql.scopes import Needs
from app.api.graphql.shapes import resolver
from app.domain import reject as rejects
from app.domain.account import Permission
from app.domain.errors import NotFound
from app.domain.reject import RejectStatus
from app.explanation import refused
from app.reports.report import PageRequest

NEEDED = Permission.USAGE_WRITE


@strawberry.type(description="Something that was sent and not recorded, or that came again.")
class Reject(Node):
    status: RejectStatus = strawberry.field(description="What became of it.")
    format: str = strawberry.field(description="Ref of the format that it was read by last.")
    source: str | None = strawberry.field(description="The sender's name, as it was given for all that was sent with it.")
    field: str | None = strawberry.field(description="Where in the payload the trouble is; null for the payload as a whole.")
    reason: str | None = strawberry.field(description="Why it was refused; null for what only came again.")
    sender: str | None = strawberry.field(description="The source whose id it bears.")
    sender_id: strawberry.ID | None = strawberry.field(description="The sender's own id of it, where one could be found.")
    sequence: SafeInt | None = strawberry.field(description="The entry that it contradicts, repeats, or was recorded as.")
    payload: str | None = strawberry.field(
        description="What was sent, as it came; null once it is recorded or dropped, and for what only came again."
    )
    times: SafeInt = strawberry.field(description="How often it came.")
    first_at: datetime = strawberry.field(description="When it came first, UTC.")
    last_at: datetime = strawberry.field(description="When it came last, UTC.")
    received_by: str = strawberry.field(description="Who sent it last.")


@strawberry.type(description="A page of rejects, newest first.")
class RejectConnection:
    edges: list[Edge[Reject]] = strawberry.field(description="The rejects of this page, in order.")
    page_info: PageInfo = strawberry.field(description="Whether there are more rejects, and the cursors at both ends.")
    counted: strawberry.Private[Callable[[], Awaitable[int]]]

    @resolver("How many rejects there are in all, whatever the page. Counted only when asked for.")
    async def total_count(self) -> SafeInt | None:
        return SafeInt(await self.counted())


@strawberry.input(description="Which rejects. Several filters must all hold.")
class RejectFilters:
    status: list[RejectStatus] | None = strawberry.field(
        default=None, description="Only those with one of these; what is open by default."
    )
    format: list[str] | None = strawberry.field(
        default=None, description="Only those that were read by one of these: a name means every version, `meter@3` the third."
    )
    sender_id: list[strawberry.ID] | None = strawberry.field(default=None, description="Only those with one of these ids.")


async def _page(
    info: Info,
    filters: Annotated[RejectFilters | None, strawberry.argument(description="Which ones.")] = None,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> RejectConnection:
    context = info.context
    request = PageRequest(first=first, after=after, last=last, before=before)
    wanted = refused.wanted(**vars(filters)) if filters is not None else refused.wanted()
    page = await refused.page(context.services.store, context.principal, request, wanted)
    return RejectConnection(
        edges=[Edge(cursor=cursor, node=reject_node(each)) for cursor, each in zip(page.cursors, page.rows, strict=True)],
        page_info=PageInfo(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=page.cursors[0] if page.cursors else None,
            end_cursor=page.cursors[-1] if page.cursors else None,
        ),
        counted=partial(context.services.store.count_rejects, context.principal.account.id, wanted),
    )


def reject_node(reject: rejects.Reject) -> Reject:
    """The reject as a node."""
    return Reject(
        id=strawberry.ID(reject.id),
        status=reject.status,
        format=reject.format,
        source=reject.source,
        field=reject.field,
        reason=reject.reason,
        sender=reject.sender,
        sender_id=None if reject.sender_id is None else strawberry.ID(reject.sender_id),
        sequence=None if reject.sequence is None else SafeInt(reject.sequence),
        payload=reject.text,
        times=SafeInt(reject.times),
        first_at=reject.first_at,
        last_at=reject.last_at,
        received_by=reject.received_by,
    )


async def _load(context: Context, ids: Iterable[str]) -> Mapping[str, Reject]:
    """The rejects with these ids, as far as the account has them."""
    found = {}
    for each in ids:
        try:
            found[each] = reject_node(await refused.find(context.services.store, context.principal, each))
        except NotFound:
            continue
    return found


LOADERS = {"rej": _load}
"""By the prefix of the nodes' ids."""

newest_rejects: Any = strawberry.field(
    resolver=_page, description="What was sent and not recorded, newest first.", extensions=[Needs(NEEDED)]
)
