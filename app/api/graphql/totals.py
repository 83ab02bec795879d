"""Totals as GraphQL tells them: more of each than its columns, and the entries behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from app.api.graphql.feeds import entries_field
from app.api.graphql.links import links_of
from app.api.graphql.scalars import SafeInt
from app.api.graphql.shapes import Field, fields_of, object_type
from app.question.groups import CurrencyTotal as Charge
from app.question.groups import Group
from app.question.groups import UnitTotal as Quantity
from app.question.measures import MEDIAN, check_percentile
from app.reports.report import Section
from app.reports.totals import TOTAL, GroupRow, Told, group_row
from app.reports.usage_summary import GROUPS


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupTold(GroupRow):
    """A group's row together with what it is the sum of, and what it was before."""

    quantities: Sequence[Quantity]
    charges: Sequence[Charge]
    customers: int | None
    previous: GroupTold | None
    change: Group | None


def group_told(row: GroupRow) -> GroupTold:
    """The row with its parts."""
    told = row.told
    assert told is not None
    group, before = told.group, told.before()
    stated = {each.name: getattr(row, each.name) for each in fields(GroupRow)}
    return GroupTold(
        **stated,
        quantities=group.quantities,
        charges=group.charges,
        customers=group.customers,
        previous=None if before is None else group_told(group_row(before, _bucket(before))),
        change=None if before is None else group.change(),
    )


def _bucket(told: Told) -> dict[str, Any]:
    """When a group of the period that is compared with happened."""
    period, bucket, buckets = told.summary.question.filters.period, told.group.bucket, told.summary.question.buckets
    if bucket is not None and buckets is not None:
        return {"bucket_start": bucket, "bucket_end": buckets.end_of(bucket)}
    return {"bucket_start": period.start, "bucket_end": period.end}


PercentArgument = Annotated[
    Decimal,
    strawberry.argument(
        description="How many percent, from 0 to 100, with at most three digits after the point; 50 is the median."
    ),
]


def _percentile(root: Any, percent: PercentArgument = MEDIAN) -> Decimal | None:
    total: Quantity = root
    return total.percentile(check_percentile(percent))


def _extremes(what: str) -> tuple[Field, ...]:
    return (
        Field(
            attribute="average",
            type=Decimal | None,
            description=f"The mean {what} of an event, to 18 places, half to even; null where no event stands.",
        ),
        Field(attribute="minimum", type=Decimal | None, description=f"The least {what} that stands; null where nothing does."),
        Field(attribute="maximum", type=Decimal | None, description=f"The greatest {what} that stands; null where nothing does."),
    )


UnitTotal: Any = object_type(
    "UnitTotal",
    "The total in one unit.",
    [*fields_of(TOTAL.quantities.columns), *_extremes("quantity")],
    also={
        "percentile": strawberry.field(
            resolver=_percentile,
            description=(
                "The least quantity that so many percent of those that stand do not exceed (nearest rank); null where nothing"
                " stands."
            ),
        )
    },
)
CurrencyTotal: Any = object_type(
    "CurrencyTotal", "The total in one currency.", [*fields_of(TOTAL.charges.columns), *_extremes("charge")]
)
UnitChange: Any = object_type(
    "UnitChange",
    "By how much the total in one unit has grown; shrunk, where it is negative.",
    fields_of(TOTAL.quantities.columns),
)
CurrencyChange: Any = object_type(
    "CurrencyChange",
    "By how much the total in one currency has grown; shrunk, where it is negative.",
    fields_of(TOTAL.charges.columns),
)
_CUSTOMERS = Field(
    attribute="customers",
    name="distinctCustomers",
    type=SafeInt | None,
    description="How many different customers the standing events name.",
)
_PARTS = (
    Field(attribute="quantities", type=list[UnitTotal], description="The quantities, one for each unit; never added up."),
    Field(attribute="charges", type=list[CurrencyTotal], description="The charges, one for each currency; never added up."),
    _CUSTOMERS,
)


def _entries(root: Any) -> Any:
    return None if root.told is None else root.told.entries()


_ENTRIES = {
    "entries": entries_field(
        "The usage entries that the numbers are the sums of, reversals and replacements among them, as of the same point.",
        _entries,
    )
}
PreviousTotal: Any = object_type(
    "PreviousTotal",
    "The same totals over the period that is compared with.",
    [
        Field(
            attribute="bucket_start",
            name="periodStart",
            type=GROUPS.groups.columns[0].type | None,
            description="Where that period, or its bucket of time, begins, UTC; null where it is open.",
        ),
        Field(
            attribute="bucket_end",
            name="periodEnd",
            type=GROUPS.groups.columns[1].type | None,
            description="Where that period, or its bucket of time, ends, UTC; null where it is open.",
        ),
        *fields_of(TOTAL.groups.columns),
        *_PARTS,
    ],
    also=_ENTRIES,
)
TotalChange: Any = object_type(
    "TotalChange",
    "By how much each sum has grown since the period that is compared with. A sum that one of them has not is zero there.",
    [
        Field(attribute="events", type=SafeInt, description="By how many events."),
        Field(attribute="quantities", type=list[UnitChange], description="By which quantities, one for each unit."),
        Field(attribute="charges", type=list[CurrencyChange], description="By which charges, one for each currency."),
        Field(
            attribute="customers",
            name="distinctCustomers",
            type=SafeInt | None,
            description="By how many different customers.",
        ),
    ],
)
_COMPARED = (
    Field(
        attribute="previous",
        type=PreviousTotal | None,
        description="What it was in the period that is compared with; null where none is.",
    ),
    Field(attribute="change", type=TotalChange | None, description="By how much it has grown since; null without a comparison."),
)


def group_type(name: str, description: str, section: Section) -> Any:
    """A type for the groups of a section, with their parts, their entries, and links to what they are of."""
    made_of = [*fields_of(section.columns), *_PARTS, *_COMPARED]
    return object_type(name, description, made_of, also=links_of(section.columns) | _ENTRIES)


if TYPE_CHECKING:
    UsageTotal = GroupTold
    UsageGroup = GroupTold
else:
    UsageTotal = group_type("UsageTotal", "The totals over everything that was asked for, whatever the page.", TOTAL.groups)
    UsageGroup = group_type("UsageGroup", "The totals of one group.", GROUPS.groups)
