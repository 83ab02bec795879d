"""Questions for totals: which keys to group by, in what order the groups come, and how many."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from app.domain.period import Buckets
from app.question.filters import Filters
from app.question.scope import Scope


class Dimension(StrEnum):
    """What usage can be grouped by. Each value is the entry's own column."""

    PRODUCT = "product_id"
    CUSTOMER = "customer_id"
    LICENSE = "license_id"
    ORDER = "order_id"
    SUBSCRIPTION = "subscription_id"
    FEATURE = "feature_code"


class Measure(StrEnum):
    """What groups can be ordered by."""

    KEY = "key"
    """The grouping keys themselves: the bucket first, then the dimensions as they were named."""
    EVENTS = "events"
    QUANTITY = "quantity"
    CHARGE = "charge"
    FIRST_USE = "first_use"
    LAST_USE = "last_use"


@dataclass(frozen=True, slots=True)
class GroupOrder:
    """By which measure, and whether greatest first. Nulls come last either way, ties stand in ascending key order.

    `unit` names which unit's quantity counts (or `currency` which currency's charge); without it a group's quantity is the
    one of its only unit, and null where units are mixed.
    """

    measure: Measure = Measure.KEY
    descending: bool = False
    unit: str | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a group stands in an order: the value it is ordered by (None for null, and by key) and its key."""

    value: int | Decimal | datetime | None
    bucket: datetime | None
    dimensions: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Groups:
    """Totals of usage entries by bucket and dimensions.

    Quantities and charges and events add signed entries, corrections included; first and last use are taken over the versions
    standing as of the scope. Only groups strictly after `after` and before `before` in the order are asked for, the first `limit`
    of them, or with `from_end` the last (still told in order). With `fill`, every bucket stands for each combination of dimension
    values that occurs in the period.
    """

    scope: Scope
    filters: Filters = Filters()
    by: tuple[Dimension, ...] = ()
    buckets: Buckets | None = None
    order: GroupOrder = GroupOrder()
    limit: int | None = None
    after: Place | None = None
    before: Place | None = None
    from_end: bool = False
    fill: bool = False


@dataclass(slots=True)
class UnitTotal:
    """The sum of the quantities in one unit (None: the sender named none), and how many events it is of."""

    unit: str | None
    quantity: Decimal
    events: int


@dataclass(slots=True)
class CurrencyTotal:
    """The sum of the charges in one currency, and how many events it is of."""

    currency: str
    charge: Decimal
    events: int


@dataclass(slots=True)
class Group:
    """The totals of one group. Quantities stand in ascending order of unit (None last), charges of currency."""

    bucket: datetime | None
    dimensions: tuple[str | None, ...]
    events: int = 0
    quantities: list[UnitTotal] = field(default_factory=list)
    charges: list[CurrencyTotal] = field(default_factory=list)
    first_use: datetime | None = None
    last_use: datetime | None = None


@dataclass(slots=True)
class Grouped:
    """The answer: the asked-for groups in order, the totals over all groups and not only these, and how many there are."""

    groups: list[Group]
    total: Group
    group_count: int
    more_after: bool
    """Whether further groups follow the last one here."""
    more_before: bool
