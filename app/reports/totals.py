"""Totals as rows, for every report that tells some: the row types, their sections, and how groups become rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.domain.canonical import canonical_bytes
from app.domain.period import Period
from app.question.filters import Filters
from app.question.groups import Group, Groups
from app.question.keys import DataKey, Dimension
from app.question.measures import Term
from app.question.order import only_currency, only_unit, value_within
from app.reports.grouping import Summary
from app.reports.report import Column, Section, column, columns_of


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
    additional_data: str | None = column(
        "Additional data",
        "The keys of additional data that are grouped by, each with what the group's entries say under it, as text; null where"
        " they say nothing. Absent where no such key is grouped by.",
        default=None,
    )


@dataclass(frozen=True, slots=True)
class Told:
    """A group, and the summary that it is of."""

    group: Group
    summary: Summary

    def entries(self) -> Filters:
        """Which entries it adds up."""
        return self.summary.entries_of(self.group)

    def before(self) -> Told | None:
        """What it was in the period that is compared with; None without a comparison."""
        earlier = self.summary.earlier()
        return None if earlier is None or self.group.previous is None else Told(self.group.previous, earlier)


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
    told: Told | None = field(default=None, compare=False, repr=False)
    """All that was counted of it, for doors that tell more than columns. It is no column."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticRow(Keys):
    """One number of a group that is no sum."""

    measure: str = column("Measure", "What is told: customers, quantity_average, quantity_p95 and the like.")
    unit: str | None = column("Unit", "The unit of a quantity or the currency of a charge; of customers there is none.")
    value: Decimal = column("Value", "The number, over the versions that stand.", unit="unit")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonRow(Keys):
    """One sum of a group, beside the same one in the period that is compared with."""

    measure: str = column("Measure", "What is compared: events, quantity, charge or customers.")
    unit: str | None = column("Unit", "The quantity's unit or the charge's currency.")
    value: Decimal = column("Value", "The total over the period.", unit="unit")
    previous: Decimal = column("Previous", "The total over the period that is compared with.", unit="unit")
    change: Decimal = column("Change", "By how much it grew.", unit="unit")
    previous_start: datetime | None = column(
        "Previous from", "Where that period or its bucket begins, UTC; absent where it is open."
    )
    previous_end: datetime | None = column("Previous to", "Where that period or its bucket ends, UTC; absent where it is open.")


@dataclass(frozen=True, slots=True)
class Tables:
    """Three sections that tell totals together: the groups themselves, their quantities by unit, their charges by currency."""

    groups: Section
    quantities: Section
    charges: Section

    def __iter__(self) -> Iterator[Section]:
        return iter((self.groups, self.quantities, self.charges))


def tables(
    name: str, singular: str, title: str, keys: Collection[str], *, rows: str | None = None, only_with: str | None = None
) -> Tables:
    """The three sections for groups with these keys: `<name>`, `<singular>_quantities`, `<singular>_charges`."""
    of = title.lower()
    rows = rows or ("One row for each group." if keys else "One row: over everything that was asked for.")
    return Tables(
        section_of(name, title, rows, GroupRow, keys, only_with=only_with),
        section_of(
            f"{singular}_quantities",
            f"Quantities, {of}",
            "One row for each unit, of each group.",
            QuantityRow,
            keys,
            only_with=only_with,
        ),
        section_of(
            f"{singular}_charges",
            f"Charges, {of}",
            "One row for each currency, of each group.",
            ChargeRow,
            keys,
            only_with=only_with,
        ),
    )


def section_of(
    name: str, title: str, description: str, row: type, keys: Collection[str], *, only_with: str | None = None
) -> Section:
    """A section with these keys among its columns. `only_with` names the parameter without which it has no rows."""
    left_out = {each.name for each in columns_of(Keys)} - set(keys)
    columns = tuple(_told(each) for each in columns_of(row) if each.name not in left_out)
    return Section(name, title, description, row, columns, only_with)


def _told(column: Column) -> Column:
    """The column; additional data is kept as canonical text, and told as an object."""
    return replace(column, type=dict, json=True) if column.name == "additional_data" else column


ALL_KEYS = tuple(each.name for each in columns_of(Keys))
TOTAL = tables("total", "total", "Total", ())


def group_keys(group: Group, question: Groups) -> dict[str, Any]:
    """The columns that say which group it is, with their values."""
    stated = list(zip(question.by, group.dimensions, strict=True))
    keys: dict[str, Any] = {each.value: value for each, value in stated if isinstance(each, Dimension)}
    if group.bucket is not None and question.buckets is not None:
        keys["bucket_start"] = group.bucket
        keys["bucket_end"] = question.buckets.end_of(group.bucket)
    data = {each.name: value for each, value in stated if isinstance(each, DataKey)}
    if data:
        keys["additional_data"] = canonical_bytes(data).decode()
    return keys


def total_rows(summary: Summary) -> Iterator[tuple[Section, Sequence[Any]]]:
    """The rows of the three `TOTAL` sections."""
    yield from _rows(TOTAL, summary, [summary.grouped.total], keyed=False)


def other_rows(into: Tables, summary: Summary) -> Iterator[tuple[Section, Sequence[Any]]]:
    """The rows of three sections that tell what the top groups leave; none where nothing is left."""
    yield from _rows(into, summary, [] if summary.grouped.other is None else [summary.grouped.other], keyed=False)


def group_rows(into: Tables, summary: Summary) -> Iterator[tuple[Section, Sequence[Any]]]:
    """The rows of three sections that tell groups."""
    yield from _rows(into, summary, summary.grouped.groups, keyed=True)


def _rows(into: Tables, summary: Summary, groups: Sequence[Group], *, keyed: bool) -> Iterator[tuple[Section, Sequence[Any]]]:
    stated = [(group_keys(each, summary.question) if keyed else {}, each) for each in groups]
    yield into.groups, [group_row(Told(group, summary), keys) for keys, group in stated]
    yield into.quantities, [row for keys, group in stated for row in _quantity_rows(group, keys)]
    yield into.charges, [row for keys, group in stated for row in _charge_rows(group, keys)]


def group_row(told: Told, keys: dict[str, Any]) -> GroupRow:
    """The row of a group with these keys."""
    group = told.group
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
        told=told,
    )


def _quantity_rows(group: Group, keys: dict[str, Any]) -> list[QuantityRow]:
    return [QuantityRow(**keys, unit=each.unit, quantity=each.quantity, events=each.events) for each in group.quantities]


def _charge_rows(group: Group, keys: dict[str, Any]) -> list[ChargeRow]:
    return [ChargeRow(**keys, currency=each.currency, charge=each.charge, events=each.events) for each in group.charges]


def statistic_rows(group: Group, measures: Sequence[Term], keys: dict[str, Any]) -> Iterator[StatisticRow]:
    """The numbers of a group that are asked for and there are, in the order of the measures, then of units and currencies."""
    for term in measures:
        ofs: Sequence[str | None] = [None]
        if term.of_quantity:
            ofs = [each.unit for each in group.quantities]
        elif term.of_charge:
            ofs = [each.currency for each in group.charges]
        for of in ofs:
            value = value_within(group, term, of)
            if isinstance(value, (int, Decimal)):
                yield StatisticRow(**keys, measure=term.word, unit=of, value=Decimal(value))


def comparison_rows(group: Group, earlier: Groups, keys: dict[str, Any]) -> Iterator[ComparisonRow]:
    """The sums of a group beside those of the group before; a sum that only one of them has is zero in the other."""
    before = group.previous
    assert before is not None
    period = earlier.filters.period
    if before.bucket is not None and earlier.buckets is not None:
        period = Period(before.bucket, earlier.buckets.end_of(before.bucket))
    now, then, grown = measures_of(group), measures_of(before), measures_of(group.change())
    for key, change in grown.items():
        measure, unit = key
        yield ComparisonRow(
            **keys,
            measure=measure,
            unit=unit,
            value=now.get(key, _ZERO),
            previous=then.get(key, _ZERO),
            change=change,
            previous_start=period.start,
            previous_end=period.end,
        )


def measures_of(group: Group) -> dict[tuple[str, str | None], Decimal]:
    """The numbers of a group that can be compared, by measure and unit or currency."""
    measures: dict[tuple[str, str | None], Decimal] = {("events", None): Decimal(group.events)}
    measures |= {("quantity", each.unit): each.quantity for each in group.quantities}
    measures |= {("charge", each.currency): each.charge for each in group.charges}
    if group.customers is not None:
        measures["customers", None] = Decimal(group.customers)
    return measures


_ZERO = Decimal(0)
