"""Totals as rows, for every report that tells some: the question, the row types, and how groups become rows."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from operator import index
from typing import Any

from app.domain.decimal import plain
from app.domain.errors import InvalidQuery
from app.domain.instant import from_micros, to_micros
from app.domain.period import Buckets, Granularity, Period, cut, zone_named
from app.ports import Ledger
from app.question import cursor
from app.question.filters import Filters
from app.question.fold import only_currency, only_unit, place
from app.question.groups import Group, Grouped, GroupOrder, Groups, Place
from app.question.keys import Dimension, GroupKey
from app.question.measures import INSTANTS, Measure
from app.reports.report import Opened, PageRequest, Section, column, columns_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What a group is of: the bucket of time, and the dimensions that were grouped by."""

    bucket_start: datetime | None = column(
        "From", "First instant of the bucket of time, UTC; absent without buckets.", default=None
    )
    bucket_end: datetime | None = column("To", "First instant after the bucket, UTC; absent without buckets.", default=None)
    product_id: str | None = column("Product", "The product, where grouped by it.", default=None)
    customer_id: str | None = column("Customer", "The customer, where grouped by it.", default=None)
    license_id: str | None = column("License", "The license, where grouped by it.", default=None)
    order_id: str | None = column("Order", "The order, where grouped by it.", default=None)
    subscription_id: str | None = column("Subscription", "The subscription, where grouped by it.", default=None)
    feature_code: str | None = column("Feature", "The feature, where grouped by it.", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRow(Keys):
    """The totals of one group."""

    events: int = column("Events", "How many events; a reversal counts -1.")
    quantity: Decimal | None = column(
        "Quantity", "The group's quantity; absent where units are mixed, since those are never added up.", unit="unit"
    )
    unit: str | None = column("Unit", "The unit of `quantity`.")
    charge: Decimal | None = column("Charge", "The group's charge; absent where currencies are mixed.", unit="currency")
    currency: str | None = column("Currency", "The currency of `charge`.")
    first_use: datetime | None = column("First use", "When the earliest standing event happened, UTC.")
    last_use: datetime | None = column("Last use", "When the latest standing event happened, UTC.")


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantityRow(Keys):
    """One unit's total in one group."""

    unit: str | None = column("Unit", "The unit; absent where the sender named none.")
    quantity: Decimal = column("Quantity", "The sum of the signed quantities in this unit.", unit="unit")
    events: int = column("Events", "How many events it is the sum of; a reversal counts -1.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeRow(Keys):
    """One currency's total in one group."""

    currency: str = column("Currency", "ISO 4217 code.")
    charge: Decimal = column("Charge", "The sum of the signed charges in this currency.", unit="currency")
    events: int = column("Events", "How many events it is the sum of; a reversal counts -1.")


@dataclass(frozen=True, slots=True)
class Tables:
    """Three sections that tell totals together: the groups themselves, their quantities by unit, their charges by currency."""

    groups: Section
    quantities: Section
    charges: Section

    def __iter__(self) -> Iterator[Section]:
        return iter((self.groups, self.quantities, self.charges))


def tables(name: str, singular: str, title: str, keys: Collection[str]) -> Tables:
    """The three sections for groups with these keys: `<name>`, `<singular>_quantities`, `<singular>_charges`."""
    of = title.lower()
    return Tables(
        _section(
            name, title, "One row for each group." if keys else "One row: over everything that was asked for.", GroupRow, keys
        ),
        _section(f"{singular}_quantities", f"Quantities, {of}", "One row for each unit, of each group.", QuantityRow, keys),
        _section(f"{singular}_charges", f"Charges, {of}", "One row for each currency, of each group.", ChargeRow, keys),
    )


def _section(name: str, title: str, description: str, row: type, keys: Collection[str]) -> Section:
    left_out = {each.name for each in columns_of(Keys)} - set(keys)
    return Section(name, title, description, row, tuple(each for each in columns_of(row) if each.name not in left_out))


ALL_KEYS = tuple(each.name for each in columns_of(Keys))
TOTAL = tables("total", "total", "Total", ())


@dataclass(frozen=True, slots=True)
class SummaryQuestion:
    """What to total, and how to group it. Buckets are cut on the calendar of `zone`; with `fill`, empty ones are told too."""

    filters: Filters = Filters()
    by: tuple[GroupKey, ...] = ()
    granularity: Granularity | None = None
    zone: str = "UTC"
    order: GroupOrder = GroupOrder()
    fill: bool = False

    def __post_init__(self) -> None:
        zone_named(self.zone)
        if len(set(self.by)) != len(self.by):
            raise InvalidQuery("groupBy", "names a key twice")
        if self.fill and self.granularity is None:
            raise InvalidQuery("fill", "needs a bucket of time to fill")


@dataclass(frozen=True, slots=True)
class Summary:
    """The answer: groups in order with a cursor each, and the totals over all of them."""

    question: Groups
    grouped: Grouped
    cursors: tuple[str, ...]


async def read(
    ledger: Ledger, opened: Opened, question: SummaryQuestion, request: PageRequest | None = None, *, limit: int | None = None
) -> Summary:
    """The summary, with the groups of one page, or the first `limit` of all groups where no page is asked for."""
    buckets = await _buckets(ledger, opened, question)
    bound = cursor.binding("groups", opened.scope.account_id, opened.bound_as_of, question)
    if question.granularity is not None and buckets is None:
        return Summary(Groups(opened.scope, question.filters, question.by), Grouped([], Group(None, ()), 0, False, False), ())
    asked = Groups(
        opened.scope,
        question.filters,
        question.by,
        buckets,
        question.order,
        limit=limit if request is None else request.size(),
        after=None if request is None else _place(request.after, bound, question, "after"),
        before=None if request is None else _place(request.before, bound, question, "before"),
        from_end=request is not None and request.backward,
        fill=question.fill,
    )
    grouped = await ledger.groups(asked)
    return Summary(asked, grouped, tuple(_cursor(bound, place(each, asked)) for each in grouped.groups))


def bucket_end(start: datetime, buckets: Buckets) -> datetime:
    """The first instant after the bucket that begins at `start`."""
    return buckets.edges[bisect_right(buckets.edges, start)]


async def _buckets(ledger: Ledger, opened: Opened, question: SummaryQuestion) -> Buckets | None:
    if question.granularity is None:
        return None
    period = question.filters.period
    if period.start is None or period.end is None:
        extent = await ledger.extent(opened.scope, question.filters)
        if extent is None:
            return None
        period = Period(period.start or extent[0], period.end or extent[1] + timedelta(microseconds=1))
    return cut(period, question.granularity, question.zone)


def group_keys(group: Group, question: Groups) -> dict[str, Any]:
    stated = list(zip(question.by, group.dimensions, strict=True))
    keys: dict[str, Any] = {each.value: value for each, value in stated if isinstance(each, Dimension)}
    if group.bucket is not None and question.buckets is not None:
        keys["bucket_start"] = group.bucket
        keys["bucket_end"] = bucket_end(group.bucket, question.buckets)
    return keys


def total_rows(total: Group) -> Iterator[tuple[Section, Sequence[Any]]]:
    """The rows of the three `TOTAL` sections."""
    yield TOTAL.groups, [_group_row(total, {})]
    yield TOTAL.quantities, _quantity_rows(total, {})
    yield TOTAL.charges, _charge_rows(total, {})


def group_rows(into: Tables, summary: Summary) -> Iterator[tuple[Section, Sequence[Any]]]:
    """The rows of three sections that tell groups."""
    groups = [(group_keys(each, summary.question), each) for each in summary.grouped.groups]
    yield into.groups, [_group_row(group, keys) for keys, group in groups]
    yield into.quantities, [row for keys, group in groups for row in _quantity_rows(group, keys)]
    yield into.charges, [row for keys, group in groups for row in _charge_rows(group, keys)]


def _group_row(group: Group, keys: dict[str, Any]) -> GroupRow:
    quantity, charge = only_unit(group), only_currency(group)
    return GroupRow(
        **keys,
        events=group.events,
        quantity=None if quantity is None else quantity.quantity,
        unit=None if quantity is None else quantity.unit,
        charge=None if charge is None else charge.charge,
        currency=None if charge is None else charge.currency,
        first_use=group.first_use,
        last_use=group.last_use,
    )


def _quantity_rows(group: Group, keys: dict[str, Any]) -> list[QuantityRow]:
    return [QuantityRow(**keys, unit=each.unit, quantity=each.quantity, events=each.events) for each in group.quantities]


def _charge_rows(group: Group, keys: dict[str, Any]) -> list[ChargeRow]:
    return [ChargeRow(**keys, currency=each.currency, charge=each.charge, events=each.events) for each in group.charges]


def _cursor(bound: bytes, at: Place) -> str:
    value: Any = at.value
    if isinstance(value, datetime):
        value = to_micros(value)
    elif isinstance(value, Decimal):
        value = plain(value)
    bucket = None if at.bucket is None else to_micros(at.bucket)
    return cursor.encode(bound, [value, bucket, *at.dimensions])


def _place(text: str | None, bound: bytes, question: SummaryQuestion, name: str) -> Place | None:
    if text is None:
        return None
    values = cursor.decode(text, bound, name)
    try:
        value, bucket, *dimensions = values
        if value is not None:
            value = _ORDERED[question.order.measure](value)
        if len(dimensions) != len(question.by) or not all(each is None or isinstance(each, str) for each in dimensions):
            raise ValueError(text)
        return Place(value, None if bucket is None else from_micros(bucket), tuple(dimensions))
    except (ValueError, TypeError, ArithmeticError, KeyError):
        # Bound to the question, yet not made here: a cursor is no secret, so anyone can make one.
        raise InvalidQuery(name, "is not a cursor of this gateway") from None


def _finite(value: Any) -> Decimal:
    number = Decimal(value)
    if not number.is_finite():
        raise ValueError(value)
    return number


_ORDERED: dict[Measure, Callable[[Any], int | Decimal | datetime]] = {
    **dict.fromkeys((each for each in Measure if each is not Measure.KEY), _finite),
    **dict.fromkeys((Measure.EVENTS, Measure.CUSTOMERS), index),
    **dict.fromkeys(INSTANTS, from_micros),
}
"""From a cursor's value to what groups are ordered by."""
