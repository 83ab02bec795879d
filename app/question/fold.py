"""From cells to groups: the merging, filling, ordering and cutting that is the same whatever engine counted the cells.

An engine counts *cells*, one for each bucket, dimensions, unit and currency; everything past that is decided here, once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.domain.decimal import unscaled
from app.domain.errors import InvalidQuery
from app.question.groups import CurrencyTotal, Group, Grouped, Groups, Measure, Place, UnitTotal

MOST_FILLED = 100_000
"""Groups that filling may make."""


@dataclass(slots=True)
class Cell:
    """The signed totals of the entries that share bucket, dimensions, unit and currency. Sums are scaled by 10**18.

    `measured` and `charged` are signed counts of the entries with a quantity and with a charge; `has_quantity` and `has_charge`
    tell whether there is any such entry, since a count may cancel out.
    """

    bucket: datetime | None
    dimensions: tuple[str | None, ...]
    unit: str | None
    currency: str | None
    events: int
    measured: int
    charged: int
    has_quantity: bool
    has_charge: bool
    quantity: int
    charge: int
    first_use: datetime | None
    last_use: datetime | None


class _Sums:
    """One group while it is being added up."""

    __slots__ = ("charges", "events", "first", "last", "quantities")

    def __init__(self) -> None:
        self.events = 0
        self.quantities: dict[str | None, list[int]] = {}
        self.charges: dict[str | None, list[int]] = {}
        self.first: datetime | None = None
        self.last: datetime | None = None

    def add(self, cell: Cell) -> None:
        self.events += cell.events
        if cell.has_quantity:
            sums = self.quantities.setdefault(cell.unit, [0, 0])
            sums[0] += cell.quantity
            sums[1] += cell.measured
        if cell.has_charge:
            sums = self.charges.setdefault(cell.currency, [0, 0])
            sums[0] += cell.charge
            sums[1] += cell.charged
        if cell.first_use is not None and (self.first is None or cell.first_use < self.first):
            self.first = cell.first_use
        if cell.last_use is not None and (self.last is None or cell.last_use > self.last):
            self.last = cell.last_use

    def group(self, bucket: datetime | None, dimensions: tuple[str | None, ...]) -> Group:
        return Group(
            bucket,
            dimensions,
            self.events,
            [UnitTotal(unit, unscaled(q), n) for unit, (q, n) in sorted(self.quantities.items(), key=_nulls_last)],
            [CurrencyTotal(currency or "", unscaled(c), n) for currency, (c, n) in sorted(self.charges.items(), key=_nulls_last)],
            self.first,
            self.last,
        )


def fold(cells: Iterable[Cell], question: Groups) -> Grouped:
    """The groups that `question` asks for, from all of its cells in any order."""
    sums: dict[tuple[datetime | None, tuple[str | None, ...]], _Sums] = {}
    total = _Sums()
    for cell in cells:
        key = (cell.bucket, cell.dimensions)
        found = sums.get(key)
        if found is None:
            found = sums[key] = _Sums()
        found.add(cell)
        total.add(cell)
    if question.fill and question.buckets is not None:
        combinations = {dimensions for _, dimensions in sums} or ({()} if not question.by else set())
        if len(combinations) * len(question.buckets.edges) > MOST_FILLED:
            told = f"{len(combinations):,} combinations of values in {len(question.buckets.edges) - 1:,} buckets"
            raise InvalidQuery("fill", f"would tell {told}, more than {MOST_FILLED:,}; name a shorter period or longer buckets")
        for edge in question.buckets.edges[:-1]:
            for dimensions in combinations:
                sums.setdefault((edge, dimensions), _Sums())
    groups = [each.group(bucket, dimensions) for (bucket, dimensions), each in sums.items()]
    keyed = sorted(((_sort_key(place(group, question), question), group) for group in groups), key=lambda pair: pair[0])
    first, last = 0, len(keyed)
    if question.after is not None:
        bound = _sort_key(question.after, question)
        first = next((at for at, (key_, _) in enumerate(keyed) if key_ > bound), last)
    if question.before is not None:
        bound = _sort_key(question.before, question)
        # Not `>=`: a value that sorts the other way round knows `<` alone.
        last = next((at for at, (key_, _) in enumerate(keyed) if not key_ < bound), last)
    if question.limit is not None and last - first > question.limit:
        if question.from_end:
            first = last - question.limit
        else:
            last = first + question.limit
    return Grouped(
        [group for _, group in keyed[first:last]],
        total.group(None, ()),
        len(keyed),
        more_after=last < len(keyed),
        more_before=first > 0,
    )


def place(group: Group, question: Groups) -> Place:
    """Where `group` stands in the order that `question` names: what a cursor is made of."""
    return Place(_value(group, question), group.bucket, group.dimensions)


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


def _value(group: Group, question: Groups) -> int | Decimal | datetime | None:
    order = question.order
    match order.measure:
        case Measure.KEY:
            return None
        case Measure.EVENTS:
            return group.events
        case Measure.FIRST_USE:
            return group.first_use
        case Measure.LAST_USE:
            return group.last_use
        case Measure.QUANTITY:
            if order.unit is None:
                only = only_unit(group)
                return None if only is None else only.quantity
            return next((each.quantity for each in group.quantities if each.unit == order.unit), None)
        case Measure.CHARGE:
            if order.currency is None:
                alone = only_currency(group)
                return None if alone is None else alone.charge
            return next((each.charge for each in group.charges if each.currency == order.currency), None)


def _sort_key(at: Place, question: Groups) -> tuple[Any, ...]:
    descending = question.order.descending
    value = at.value
    if question.order.measure is Measure.KEY:
        leading: Any = ()
    elif value is None:
        leading = (1, 0)
    else:
        leading = (0, _Descending(value) if descending else value)
    turn: Callable[[Any], Any] = _Descending if question.order.measure is Measure.KEY and descending else _as_is
    # Nulls come last in either direction, so only the value itself is turned round.
    key = (
        (0, 0) if at.bucket is None else (1, turn(at.bucket)),
        tuple((1, b"") if each is None else (0, turn(each.encode())) for each in at.dimensions),
    )
    return (leading, key)


def _as_is(value: Any) -> Any:
    return value


def _nulls_last(item: tuple[str | None, Any]) -> tuple[bool, bytes]:
    return (item[0] is None, (item[0] or "").encode())


class _Descending:
    """A value that sorts the other way round."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: _Descending) -> bool:
        return bool(other.value < self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and other.value == self.value
