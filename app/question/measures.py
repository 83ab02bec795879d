"""What can be measured of a group, and how groups are chosen by it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from app.domain.decimal import plain
from app.domain.errors import InvalidQuery

MOST_PERCENTILES = 20
"""Percentiles that one question may ask for."""
MEDIAN = Decimal(50)
_DIGITS = 3


class Measure(StrEnum):
    """What groups can be ordered by, and chosen by."""

    KEY = "key"
    """The grouping keys themselves: the bucket first, then the dimensions as they were named."""
    EVENTS = "events"
    QUANTITY = "quantity"
    CHARGE = "charge"
    FIRST_USE = "first_use"
    LAST_USE = "last_use"
    CUSTOMERS = "customers"
    QUANTITY_AVERAGE = "quantity_average"
    QUANTITY_MINIMUM = "quantity_minimum"
    QUANTITY_MAXIMUM = "quantity_maximum"
    QUANTITY_PERCENTILE = "quantity_percentile"
    CHARGE_AVERAGE = "charge_average"
    CHARGE_MINIMUM = "charge_minimum"
    CHARGE_MAXIMUM = "charge_maximum"


INSTANTS = frozenset({Measure.FIRST_USE, Measure.LAST_USE})
"""Measures that are an instant and no number."""


def check_percentile(percentile: Decimal, field: str = "percentile") -> Decimal:
    """The percentile; raises InvalidQuery for one that is not from 0 to 100, or has more than three digits after the point."""
    if not (percentile.is_finite() and 0 <= percentile <= 100 and len(plain(percentile).partition(".")[2]) <= _DIGITS):
        raise InvalidQuery(field, "must be from 0 to 100, with at most three digits after the point")
    return Decimal(plain(percentile))


@dataclass(frozen=True, slots=True)
class Extras:
    """Measures that cells cannot tell, so that each costs a reading of its own and is taken only where it is asked for.

    All are over the versions that stand as of the scope. `quantities` and `charges` mean the least and the greatest of them;
    percentiles are of the quantities, by nearest rank: the least one that so many percent of them do not exceed.
    """

    customers: bool = False
    quantities: bool = False
    charges: bool = False
    percentiles: tuple[Decimal, ...] = ()

    def __post_init__(self) -> None:
        for each in self.percentiles:
            check_percentile(each)
        if len(self.percentiles) > MOST_PERCENTILES:
            raise InvalidQuery("percentile", f"asks for more than {MOST_PERCENTILES} of them")

    def __bool__(self) -> bool:
        return self.customers or self.quantities or self.charges or bool(self.percentiles)

    def __or__(self, other: Extras) -> Extras:
        return Extras(
            self.customers or other.customers,
            self.quantities or other.quantities,
            self.charges or other.charges,
            tuple(dict.fromkeys((*self.percentiles, *other.percentiles))),
        )


NO_EXTRAS = Extras()


@dataclass(frozen=True, slots=True)
class Term:
    """One number or instant of a group.

    `unit` names which unit's quantity counts (or `currency` which currency's charge); without it a group's quantity is the
    one of its only unit, and null where units are mixed. `percentile` says which one, by QUANTITY_PERCENTILE.
    """

    measure: Measure
    unit: str | None = None
    currency: str | None = None
    percentile: Decimal | None = None

    def __post_init__(self) -> None:
        if (self.percentile is None) is (self.measure is Measure.QUANTITY_PERCENTILE):
            raise InvalidQuery("percentile", "is to be named with that measure of quantity, and with no other")
        if self.percentile is not None:
            check_percentile(self.percentile)

    @property
    def word(self) -> str:
        """The measure in one word, a percentile with its number: `quantity_p95`."""
        return self.measure.value if self.percentile is None else f"quantity_p{plain(self.percentile)}"

    @property
    def of_quantity(self) -> bool:
        """Whether it is a quantity, in a unit."""
        return self.measure.value.startswith(Measure.QUANTITY)

    @property
    def of_charge(self) -> bool:
        """Whether it is a charge, in a currency."""
        return self.measure.value.startswith(Measure.CHARGE)

    @property
    def extras(self) -> Extras:
        """What has to be read to know it."""
        return Extras(
            customers=self.measure is Measure.CUSTOMERS,
            quantities=self.measure in (Measure.QUANTITY_MINIMUM, Measure.QUANTITY_MAXIMUM),
            charges=self.measure in (Measure.CHARGE_MINIMUM, Measure.CHARGE_MAXIMUM),
            percentiles=() if self.percentile is None else (self.percentile,),
        )


class Relation(StrEnum):
    """How a group's number lies to the one that a condition names."""

    ABOVE = ">"
    AT_LEAST = ">="
    BELOW = "<"
    AT_MOST = "<="
    EQUAL = "="


@dataclass(frozen=True, slots=True)
class Condition:
    """What a group must be to be told. A group that has no such number (units are mixed, nothing stands) is not told."""

    term: Term
    relation: Relation
    value: Decimal | datetime

    def __post_init__(self) -> None:
        if self.term.measure is Measure.KEY:
            raise InvalidQuery("having", "is about what groups add up to; keys are chosen by filters")
        if (self.term.measure in INSTANTS) is not isinstance(self.value, datetime):
            wanted = "an instant" if self.term.measure in INSTANTS else "a number"
            raise InvalidQuery("having", f"must compare {self.term.measure.value} with {wanted}")


def rank_of(percentile: Decimal, count: int) -> int:
    """The nearest rank of a percentile among `count` values in ascending order, from 1."""
    return max(1, -(-milli(percentile) * count // 100_000))


def milli(percentile: Decimal) -> int:
    """The percentile in thousandths, which is a whole number."""
    return int(percentile.scaleb(_DIGITS))
