"""Questions for totals: which keys to group by, what to measure, which groups to tell, in what order, and how many."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import Enum

from app.domain.decimal import average, scaled, unscaled
from app.domain.errors import InvalidQuery
from app.domain.period import Buckets, Period
from app.question.filters import Filters
from app.question.keys import Dimension as Dimension
from app.question.keys import GroupKey
from app.question.measures import MEDIAN, NO_EXTRAS, Condition, Extras, Term
from app.question.measures import Measure as Measure
from app.question.scope import Scope
from app.question.way import Way

MOST_TOP = 100
"""Groups that `top` may name: what is outside of them is told apart group by group."""


@dataclass(frozen=True, slots=True)
class GroupOrder:
    """By which measure, and whether greatest first. Nulls come last either way, ties stand in ascending key order.

    The rest is as in `Term`, but that a percentile which is not named is the median; by KEY, `key` is the key that leads, where
    it is not the first one.
    """

    measure: Measure = Measure.KEY
    descending: bool = False
    unit: str | None = None
    currency: str | None = None
    percentile: Decimal | None = None
    key: GroupKey | None = None

    def __post_init__(self) -> None:
        if self.key is not None and self.measure is not Measure.KEY:
            raise InvalidQuery("orderBy", "names a key, which only the measure KEY orders by")

    @property
    def term(self) -> Term:
        """What of a group it looks at."""
        percentile = self.percentile
        if percentile is None and self.measure is Measure.QUANTITY_PERCENTILE:
            percentile = MEDIAN
        return Term(self.measure, self.unit, self.currency, percentile)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a group stands in an order: the value it is ordered by (None for null, and by key) and its key."""

    value: int | Decimal | datetime | None
    bucket: datetime | None
    dimensions: tuple[str | None, ...]


class Compare(Enum):
    """A period to compare with that is not named by its ends."""

    PREVIOUS = "previous"
    """The one before, of the same length; where the period is whole buckets, as many of them before it."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The period that each total is compared with. Where there are buckets, its own are as many, and the nth with the nth."""

    period: Period
    buckets: Buckets | None = None


@dataclass(frozen=True, slots=True)
class Groups:
    """Totals of usage entries by bucket and keys.

    Quantities and charges and events add signed entries, corrections included; first and last use are taken over the versions
    standing as of the scope. Groups that meet every condition of `having` are told, and of these the first `top` in the order;
    `other` is then all the rest. Only groups strictly after `after` and before `before` in the order are asked for, the first
    `limit` of them, or with `from_end` the last (still told in order). With `fill`, every bucket stands for each combination of
    values that occurs in the period. Totals cover everything whatever is told, and tell extras only where nothing is grouped.
    """

    scope: Scope
    filters: Filters = Filters()
    by: tuple[GroupKey, ...] = ()
    buckets: Buckets | None = None
    order: GroupOrder = GroupOrder()
    limit: int | None = None
    after: Place | None = None
    before: Place | None = None
    from_end: bool = False
    fill: bool = False
    extras: Extras = NO_EXTRAS
    having: tuple[Condition, ...] = ()
    top: int | None = None
    comparison: Comparison | None = None

    def __post_init__(self) -> None:
        if self.top is not None and not 1 <= self.top <= MOST_TOP:
            raise InvalidQuery("top", f"must be from 1 to {MOST_TOP}")
        if self.order.key is not None and self.order.key not in self.by:
            raise InvalidQuery("orderBy", "names a key that is not grouped by")

    @property
    def wanted(self) -> Extras:
        """The extras that are asked for, or needed to order and choose groups."""
        found = self.extras | self.order.term.extras
        for each in self.having:
            found |= each.term.extras
        return found

    @property
    def earlier(self) -> Groups | None:
        """The question for the totals that these are compared with: all of them, since nothing is left out by a page."""
        if self.comparison is None:
            return None
        return Groups(
            self.scope,
            self.filters.within(self.comparison.period),
            self.by,
            self.comparison.buckets,
            extras=self.wanted,
        )


@dataclass(slots=True)
class UnitTotal:
    """The sum of the quantities in one unit (None: the sender named none), and how many events it is of.

    The least and the greatest quantity that stands, and (percentile, quantity) pairs, are there where they were asked for.
    """

    unit: str | None
    quantity: Decimal
    events: int
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    percentiles: tuple[tuple[Decimal, Decimal], ...] = ()

    @property
    def average(self) -> Decimal | None:
        """The mean quantity of an event, to 18 places, half to even; None where no event stands."""
        return average(scaled(self.quantity), self.events) if self.events > 0 else None

    def percentile(self, percent: Decimal) -> Decimal | None:
        """That percentile, if it was asked for and something stands."""
        return next((value for each, value in self.percentiles if each == percent), None)


@dataclass(slots=True)
class CurrencyTotal:
    """The sum of the charges in one currency, and how many events it is of; the least and the greatest where asked for."""

    currency: str
    charge: Decimal
    events: int
    minimum: Decimal | None = None
    maximum: Decimal | None = None

    @property
    def average(self) -> Decimal | None:
        """The mean charge of an event, to 18 places, half to even; None where no event stands."""
        return average(scaled(self.charge), self.events) if self.events > 0 else None


@dataclass(slots=True)
class Group:
    """The totals of one group. Quantities stand in ascending order of unit (None last), charges of currency."""

    bucket: datetime | None
    dimensions: tuple[str | None, ...]
    """A value for each key that is grouped by."""
    events: int = 0
    quantities: list[UnitTotal] = field(default_factory=list)
    charges: list[CurrencyTotal] = field(default_factory=list)
    first_use: datetime | None = None
    last_use: datetime | None = None
    customers: int | None = None
    """How many different customers the standing versions name; None where it was not asked for."""
    previous: Group | None = None
    """The same group in the period that is compared with; its bucket is the one there. None without a comparison."""

    def change(self) -> Group:
        """By how much each sum has grown since the period that is compared with; sums that only one of them has count too."""
        assert self.previous is not None
        before, now = self.previous, self
        # copy_negate: the minus sign would round to the default context's 28 digits.
        quantities = {each.unit: (each.quantity.copy_negate(), -each.events) for each in before.quantities}
        for unit in now.quantities:
            quantity, events = quantities.get(unit.unit, (Decimal(0), 0))
            quantities[unit.unit] = (_plus(unit.quantity, quantity), unit.events + events)
        charges = {each.currency: (each.charge.copy_negate(), -each.events) for each in before.charges}
        for currency in now.charges:
            charge, events = charges.get(currency.currency, (Decimal(0), 0))
            charges[currency.currency] = (_plus(currency.charge, charge), currency.events + events)
        return Group(
            now.bucket,
            now.dimensions,
            now.events - before.events,
            [UnitTotal(each, *quantities[each]) for each in sorted(quantities, key=nulls_last)],
            [CurrencyTotal(each, *charges[each]) for each in sorted(charges, key=nulls_last)],
            customers=None if now.customers is None or before.customers is None else now.customers - before.customers,
        )


def nulls_last(word: str | None) -> tuple[bool, bytes]:
    """The key by which units, currencies and values are sorted: in binary order, None last."""
    return (word is None, (word or "").encode())


def _plus(one: Decimal, other: Decimal) -> Decimal:
    return unscaled(scaled(one) + scaled(other))


@dataclass(slots=True)
class Grouped:
    """The answer: the asked-for groups in order, the totals over all groups and not only these, and how many there are."""

    groups: list[Group]
    total: Group
    group_count: int
    more_after: bool
    """Whether further groups follow the last one here."""
    more_before: bool
    other: Group | None = None
    """Everything that is not of the `top` groups, so that these and it add up to the total; None where nothing is left."""
    top: list[Group] = field(default_factory=list)
    """The `top` groups, whatever the page."""
    way: Way | None = field(default=None, compare=False)
    """How it was found, where the engine has more than one way."""
