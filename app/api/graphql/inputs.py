"""What callers ask with: filters, points in the ledger, grouping and order, translated into questions."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

import strawberry

from app.api.graphql.enums import Direction
from app.api.graphql.scalars import SafeInt, TimeZone
from app.api.graphql.shapes import Field, given, graphql_type, input_type
from app.domain.errors import InvalidQuery
from app.domain.period import Granularity, Period
from app.question.filters import MOST_VALUES, OTHER_THAN_COLUMNS, Filters
from app.question.groups import Compare, GroupOrder
from app.question.keys import DataKey, Dimension, GroupKey
from app.question.measures import MEDIAN, Condition, Measure, Relation, Term
from app.question.scope import Checkpoint
from app.reports.answer import AsOf
from app.reports.feed import COLUMNS
from app.reports.parameters import parse_as_of

_PERIOD = (
    Field(
        attribute="start",
        name="from",
        type=datetime,
        description="Only what happened at this instant or later.",
        required=False,
    ),
    Field(attribute="end", name="to", type=datetime, description="Only what happened before this instant.", required=False),
)


def _terms() -> list[Field]:
    columns = {each.name: each for each in COLUMNS}
    return [
        Field(
            attribute=each.name,
            type=list[graphql_type(columns[each.name])],  # type: ignore[misc]
            description=f"{columns[each.name].description} Only entries with one of these, at most {MOST_VALUES}.",
            required=False,
        )
        for each in dataclasses.fields(Filters)
        if each.name not in OTHER_THAN_COLUMNS
    ]


if TYPE_CHECKING:
    UsageFilters: TypeAlias = Any
    PeriodInput: TypeAlias = Any
else:
    PeriodInput = input_type("PeriodInput", "A stretch of time; where an end is left out, it is open there.", _PERIOD)
    UsageFilters = input_type(
        "UsageFilters",
        "Which entries. Whatever is left out or null asks for all; several filters must all hold. A value that nobody has ever"
        " named gives nothing.",
        [*_PERIOD, *_terms()],
    )


def filters_of(stated: UsageFilters | None) -> Filters:
    """The filters that an input says. Raises InvalidQuery."""
    if stated is None:
        return Filters()
    terms = {name: value for name, value in given(stated).items() if value is not None}
    period = Period(terms.pop("start", None), terms.pop("end", None))
    return Filters(period, **{name: tuple(values) for name, values in terms.items()})


def period_of(stated: PeriodInput | None) -> Period:
    """The period that an input says. Raises InvalidQuery."""
    return Period() if stated is None else Period(**given(stated))


@strawberry.input(
    one_of=True,
    description="A point in the ledger: everything is answered as it was there, whatever was recorded or corrected later.",
)
class AsOfInput:
    sequence: SafeInt | None = strawberry.field(default=strawberry.UNSET, description="The last entry that counts.")
    recorded_at: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="The instant after which nothing that was recorded counts; it must be past."
    )
    checkpoint: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="A checkpoint's name: its sequence, a colon and the root. Refused where the ledger has another root there.",
    )


def point_of(stated: AsOfInput | None) -> AsOf:
    """The point that an input names; None for the newest entry. Raises InvalidQuery."""
    if stated is None:
        return None
    [(name, value)] = given(stated).items()
    if name != "checkpoint":
        return value  # type: ignore[no-any-return]
    named = parse_as_of(value, "asOf.checkpoint") if ":" in value else None
    if not isinstance(named, Checkpoint):
        raise InvalidQuery("asOf.checkpoint", "is not the name of a checkpoint, such as 41: and the 64 hex digits of its root")
    return named


@strawberry.input(description="How time is cut into buckets, on the calendar of a time zone.")
class BucketInput:
    granularity: Granularity = strawberry.field(description="How long a bucket is.")
    time_zone: TimeZone = strawberry.field(default=TimeZone("UTC"), description="Whose calendar.")
    fill: bool = strawberry.field(
        default=False, description="Whether buckets without usage are told too, for every combination of dimensions that occurs."
    )


@strawberry.input(name="GroupKey", one_of=True, description="One thing to group by.")
class GroupKeyInput:
    dimension: Dimension | None = strawberry.field(default=strawberry.UNSET, description="A dimension.")
    data: str | None = strawberry.field(
        default=strawberry.UNSET,
        description=(
            "A key of additional data. A number is grouped as its digits, a list or an object as its JSON; null is as good as"
            " absent."
        ),
    )


def group_key(stated: GroupKeyInput) -> GroupKey:
    """The key that an input names. Raises InvalidQuery."""
    ((name, value),) = given(stated).items()
    return DataKey(value) if name == "data" else Dimension(value)


@strawberry.input(description="By what groups are ordered. Ties stand in ascending order of their keys.")
class GroupOrderInput:
    measure: Measure = strawberry.field(default=Measure.KEY, description="What they are ordered by.")
    direction: Direction = strawberry.field(default=Direction.ASCENDING, description="Which end comes first.")
    unit: str | None = strawberry.field(default=None, description="By a quantity: the unit whose quantity counts.")
    currency: str | None = strawberry.field(default=None, description="By a charge: the currency whose charge counts.")
    percentile: Decimal | None = strawberry.field(
        default=None, description="By QUANTITY_PERCENTILE: which one, from 0 to 100; the median where none is named."
    )
    key: GroupKeyInput | None = strawberry.field(
        default=None, description="By KEY: the key that leads; the bucket of time, then the first key, where none is named."
    )


def group_order(stated: GroupOrderInput | None) -> GroupOrder:
    """The order that an input says; by keys where it says nothing."""
    if stated is None:
        return GroupOrder()
    return GroupOrder(
        stated.measure,
        stated.direction is Direction.DESCENDING,
        stated.unit,
        stated.currency,
        stated.percentile,
        None if stated.key is None else group_key(stated.key),
    )


@strawberry.input(
    description="What a group must be to be told: every bound that is named must hold. A group that has no such number (units are"
    " mixed, nothing stands) is not told. Totals cover all groups."
)
class HavingInput:
    measure: Measure = strawberry.field(description="What is looked at; any but KEY.")
    unit: str | None = strawberry.field(default=None, description="Of a quantity: in which unit; in its only one by default.")
    currency: str | None = strawberry.field(
        default=None, description="Of a charge: in which currency; in its only one by default."
    )
    percentile: Decimal | None = strawberry.field(
        default=None, description="Of QUANTITY_PERCENTILE: which one, from 0 to 100; the median where none is named."
    )
    above: Decimal | None = strawberry.field(default=None, description="More than this.")
    at_least: Decimal | None = strawberry.field(default=None, description="This or more.")
    below: Decimal | None = strawberry.field(default=None, description="Less than this.")
    at_most: Decimal | None = strawberry.field(default=None, description="This or less.")
    equals: Decimal | None = strawberry.field(default=None, description="Just this.")
    start: datetime | None = strawberry.field(
        name="from", default=None, description="Of FIRST_USE and LAST_USE: at this instant or later."
    )
    end: datetime | None = strawberry.field(
        name="to", default=None, description="Of FIRST_USE and LAST_USE: before this instant."
    )


_BOUNDS = {
    "above": Relation.ABOVE,
    "at_least": Relation.AT_LEAST,
    "below": Relation.BELOW,
    "at_most": Relation.AT_MOST,
    "equals": Relation.EQUAL,
    "start": Relation.AT_LEAST,
    "end": Relation.BELOW,
}


def conditions(stated: Sequence[HavingInput]) -> tuple[Condition, ...]:
    """The conditions that inputs say. Raises InvalidQuery for one without a bound, or with one that does not fit its measure."""
    found: list[Condition] = []
    for each in stated:
        percentile = each.percentile
        if percentile is None and each.measure is Measure.QUANTITY_PERCENTILE:
            percentile = MEDIAN
        term = Term(each.measure, each.unit, each.currency, percentile)
        bounds = [(relation, value) for name, relation in _BOUNDS.items() if (value := getattr(each, name)) is not None]
        if not bounds:
            raise InvalidQuery("having", "names no bound; which groups are to be told?")
        found += [Condition(term, relation, value) for relation, value in bounds]
    return tuple(found)


@strawberry.input(one_of=True, description="Which period each total is compared with.")
class CompareInput:
    previous: bool | None = strawberry.field(
        default=strawberry.UNSET,
        description=(
            "The one before, of the same length; where the period is whole buckets, as many of them before it. Always true: leave"
            " the comparison out instead of false."
        ),
    )
    period: PeriodInput | None = strawberry.field(
        default=strawberry.UNSET,
        description="This one. Where there are buckets it must be cut into as many: the nth is compared with the nth.",
    )


def compared(stated: CompareInput | None) -> Compare | Period | None:
    """What an input compares with. Raises InvalidQuery."""
    if stated is None:
        return None
    ((name, value),) = given(stated).items()
    if name == "period":
        return period_of(value)
    if not value:
        raise InvalidQuery("compareWith", "must be true, or be left out")
    return Compare.PREVIOUS


@strawberry.input(description="A number of each group that is no sum, over the versions that stand.")
class StatisticInput:
    measure: Measure = strawberry.field(
        description="CUSTOMERS, an average, a minimum, a maximum or a percentile; told of each unit and currency."
    )
    percentile: Decimal | None = strawberry.field(
        default=None, description="Of QUANTITY_PERCENTILE: which one, from 0 to 100; the median where none is named."
    )


def statistic(stated: StatisticInput) -> Term:
    """The measure that an input names. Raises InvalidQuery."""
    percentile = stated.percentile
    if percentile is None and stated.measure is Measure.QUANTITY_PERCENTILE:
        percentile = MEDIAN
    return Term(stated.measure, percentile=percentile)
