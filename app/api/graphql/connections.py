"""Relay connections: pages of rows with cursors, forward and backward, and a total that is counted only when it is asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, Generic, NamedTuple, TypeAlias, TypeVar

import strawberry
from strawberry.relay import PageInfo

from app.api.graphql.scalars import SafeInt
from app.api.graphql.shapes import resolver
from app.reports.report import DEFAULT_ROWS, MOST_ROWS, Opened, Page

T = TypeVar("T")

First: TypeAlias = Annotated[
    int | None,
    strawberry.argument(
        description=f"How many rows from the start, or after `after`: 0 to {MOST_ROWS}; {DEFAULT_ROWS} where nothing is said."
    ),
]
After: TypeAlias = Annotated[str | None, strawberry.argument(description="Only rows that come after this cursor.")]
Last: TypeAlias = Annotated[
    int | None, strawberry.argument(description=f"How many rows from the end, or before `before`: 0 to {MOST_ROWS}.")
]
Before: TypeAlias = Annotated[str | None, strawberry.argument(description="Only rows that come before this cursor.")]


@strawberry.type(description="One row of a connection, and where it stands.")
class Edge(Generic[T]):
    cursor: str = strawberry.field(
        description="Where the row stands: to be given back as `after` or `before` with the same filters, order and asOf."
    )
    node: T = strawberry.field(description="The row.")


@strawberry.type(description="A page of rows.")
class Connection(Generic[T]):
    edges: list[Edge[T]] = strawberry.field(description="The rows of this page, in order.")
    page_info: PageInfo = strawberry.field(description="Whether there are more rows, and the cursors at both ends.")
    as_of: SafeInt = strawberry.field(
        description="The sequence up to which the ledger was read; named as `asOf`, it gives the same answer again."
    )
    data_through: datetime | None = strawberry.field(description="When that entry was recorded, UTC; null for an empty ledger.")
    counted: strawberry.Private[Callable[[], Awaitable[int]]]

    # Nullable: a count that fails takes nothing else with it.
    @resolver("How many rows there are in all, whatever the page. Counted only when asked for.")
    async def total_count(self) -> SafeInt | None:
        return SafeInt(await self.counted())


class _EdgeRow(NamedTuple):
    """What an edge is told from: a page has a hundred, and one of the type's own takes three times as long to make."""

    cursor: str
    node: Any


def connected(page: Page[Any], opened: Opened, counted: Callable[[], Awaitable[int]]) -> dict[str, Any]:
    """What a connection is made of; `counted` gives the number of all rows."""
    return {
        "edges": list(map(_EdgeRow, page.cursors, page.rows)),
        "page_info": PageInfo(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=page.cursors[0] if page.cursors else None,
            end_cursor=page.cursors[-1] if page.cursors else None,
        ),
        "as_of": SafeInt(opened.scope.as_of),
        "data_through": opened.recorded_at,
        "counted": counted,
    }


def connection(page: Page[Any], opened: Opened, counted: Callable[[], Awaitable[int]]) -> Connection[Any]:
    """A page as a connection."""
    return Connection(**connected(page, opened, counted))
