"""How complete an answer is: each part is looked up only where it is asked for."""

from __future__ import annotations

from datetime import datetime

import strawberry

from app.api.graphql.scalars import SafeInt
from app.api.graphql.shapes import resolver, spoken
from app.ports import Store
from app.question.filters import Filters
from app.reports import completeness
from app.reports.report import Opened


@strawberry.type(description="A value that was asked for and that nothing in the account has ever been called.")
class UnknownValue:
    filter: str = strawberry.field(description="The filter that names it.")
    value: str = strawberry.field(description="The value.")


@strawberry.type(description="Usage that was recorded late, corrections included.")
class LateArrivals:
    after_period: SafeInt | None = strawberry.field(
        description="How many entries of the period were recorded after it had ended; they are counted. Null for an open period."
    )
    since_as_of: SafeInt = strawberry.field(
        description="How many more have been recorded since the point that the answer is as of; they are not counted."
    )


@strawberry.type(
    description="Up to where the ledger was read, what has come late, and what nobody knows: so that nothing used can be told"
    " from nothing known."
)
class Completeness:
    sequence: SafeInt = strawberry.field(
        description="The last entry that was taken into account; none has ever a lower one later."
    )
    recorded_at: datetime | None = strawberry.field(description="When that entry was recorded, UTC; null for an empty ledger.")
    store: strawberry.Private[Store]
    opened: strawberry.Private[Opened]
    filters: strawberry.Private[Filters]

    @classmethod
    def of(cls, store: Store, opened: Opened, filters: Filters) -> Completeness:
        """Of an answer about the entries that these filters let through."""
        return cls(
            sequence=SafeInt(opened.scope.as_of), recorded_at=opened.recorded_at, store=store, opened=opened, filters=filters
        )

    @resolver("Usage that was recorded late. Counted only when asked for.")
    async def late_arrivals(self) -> LateArrivals:
        late = await completeness.late_arrivals(self.store, self.opened, self.filters)
        return LateArrivals(
            after_period=None if late.after_period is None else SafeInt(late.after_period), since_as_of=SafeInt(late.since_as_of)
        )

    @resolver(
        "How many items of whatever sender were refused and wait to be mended or dropped, at present; the report counts none."
    )
    async def rejects_waiting(self) -> SafeInt:
        return SafeInt(await completeness.rejects_waiting(self.store, self.opened))

    @resolver("Which of the values that were asked for nobody has ever named: their usage is not nothing, it is not known.")
    async def unknown(self) -> list[UnknownValue]:
        found = await completeness.unknown(self.store, self.opened, self.filters)
        return [UnknownValue(filter=spoken(f"`{each.filter}`").strip("`"), value=each.value) for each in found]
