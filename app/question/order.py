"""In which order groups stand, and which are told: the same whatever engine counted them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from operator import eq, ge, gt, le, lt
from typing import Any

from app.question.groups import CurrencyTotal, Group, Groups, Place, UnitTotal
from app.question.measures import Condition, Measure, Relation, Term

_RELATIONS: dict[Relation, Callable[[Any, Any], bool]] = {
    Relation.ABOVE: gt,
    Relation.AT_LEAST: ge,
    Relation.BELOW: lt,
    Relation.AT_MOST: le,
    Relation.EQUAL: eq,
}


def place(group: Group, question: Groups) -> Place:
    """Where `group` stands in the order that `question` names: what a cursor is made of."""
    return Place(value_of(group, question.order.term), group.bucket, group.dimensions)


def meets(group: Group, condition: Condition) -> bool:
    """Whether the group is as the condition wants it."""
    value = value_of(group, condition.term)
    return value is not None and _RELATIONS[condition.relation](value, condition.value)


def only_unit(group: Group) -> UnitTotal | None:
    """The group's quantity where it has one unit only; None where units are mixed or nothing was measured.

    A unit of which nothing stands any more mixes nothing: an amended unit leaves a zero behind, and one quantity.
    """
    standing = [each for each in group.quantities if each.events] or group.quantities
    return standing[0] if len(standing) == 1 else None


def only_currency(group: Group) -> CurrencyTotal | None:
    """The group's charge where it has one currency only; None where currencies are mixed or nothing was charged.

    A currency of which nothing stands any more mixes nothing.
    """
    standing = [each for each in group.charges if each.events] or group.charges
    return standing[0] if len(standing) == 1 else None


def value_of(group: Group, term: Term) -> int | Decimal | datetime | None:
    """The group's number or instant of that name; None where it has none, and for its key."""
    match term.measure:
        case Measure.KEY:
            return None
        case Measure.EVENTS:
            return group.events
        case Measure.CUSTOMERS:
            return group.customers
        case Measure.FIRST_USE:
            return group.first_use
        case Measure.LAST_USE:
            return group.last_use
        case Measure.QUANTITY | Measure.QUANTITY_AVERAGE | Measure.QUANTITY_MINIMUM | Measure.QUANTITY_MAXIMUM:
            unit = _unit(group, term)
            return None if unit is None else _of(unit, term.measure, unit.quantity)
        case Measure.QUANTITY_PERCENTILE:
            unit = _unit(group, term)
            return None if unit is None or term.percentile is None else unit.percentile(term.percentile)
        case Measure.CHARGE | Measure.CHARGE_AVERAGE | Measure.CHARGE_MINIMUM | Measure.CHARGE_MAXIMUM:
            currency = _currency(group, term)
            return None if currency is None else _of(currency, term.measure, currency.charge)


def value_within(group: Group, term: Term, of: str | None) -> int | Decimal | datetime | None:
    """The same in one unit, or in one currency: also in the one unit that has no name."""
    if term.of_quantity:
        units = [each for each in group.quantities if each.unit == of]
        return value_of(Group(None, (), quantities=units), replace(term, unit=None))
    return value_of(group, replace(term, currency=of) if term.of_charge else term)


def _of(total: UnitTotal | CurrencyTotal, measure: Measure, amount: Decimal) -> Decimal | None:
    match measure:
        case Measure.QUANTITY_AVERAGE | Measure.CHARGE_AVERAGE:
            return total.average
        case Measure.QUANTITY_MINIMUM | Measure.CHARGE_MINIMUM:
            return total.minimum
        case Measure.QUANTITY_MAXIMUM | Measure.CHARGE_MAXIMUM:
            return total.maximum
    return amount


def _unit(group: Group, term: Term) -> UnitTotal | None:
    if term.unit is None:
        return only_unit(group)
    return next((each for each in group.quantities if each.unit == term.unit), None)


def _currency(group: Group, term: Term) -> CurrencyTotal | None:
    if term.currency is None:
        return only_currency(group)
    return next((each for each in group.charges if each.currency == term.currency), None)


def sort_key(at: Place, question: Groups) -> tuple[Any, ...]:
    """The key by which places sort as the question's order wants."""
    return sorting(question)(at.value, at.bucket, at.dimensions)


def sorting(question: Groups) -> Callable[[Any, datetime | None, tuple[str | None, ...]], tuple[Any, ...]]:
    """What makes that key of a place's value, bucket and dimensions.

    Texts stand in the order of their code points, which is that of their bytes.
    Nulls come last in either direction, so only the value itself is turned round.
    """
    order = question.order
    if order.measure is not Measure.KEY:
        descending = order.descending

        def by_value(value: Any, bucket: datetime | None, dimensions: tuple[str | None, ...]) -> tuple[Any, ...]:
            if value is None:
                leading: Any = (1, 0)
            elif descending and isinstance(value, int):
                leading = (0, -value)  # which sorts faster than what it is instead of
            else:
                leading = (0, _Descending(value) if descending else value)
            return (leading, bucket or _NO_BUCKET, *[(1, "") if each is None else (0, each) for each in dimensions])

        return by_value
    turn: Callable[[Any], Any] = _Descending if order.descending else _as_is
    leads = None if order.key is None else question.by.index(order.key)

    def by_key(value: Any, bucket: datetime | None, dimensions: tuple[str | None, ...]) -> tuple[Any, ...]:
        told = [(1, "") if each is None else (0, turn(each)) for each in dimensions]
        own = turn(bucket or _NO_BUCKET)
        return (own, *told) if leads is None else (told[leads], own, *told)

    return by_key


_NO_BUCKET = datetime.min.replace(tzinfo=UTC)
"""Stands for none: where one group has no bucket, none has."""


def _as_is(value: Any) -> Any:
    return value


class _Descending:
    """A value that sorts the other way round."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: _Descending) -> bool:
        return bool(other.value < self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and other.value == self.value
