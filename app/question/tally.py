"""What engines count, and the groups that it adds up to: one tally for each group while its cells come in.

An engine counts *cells*, one for each bucket, values, unit and currency. What cells cannot tell (see `Extras`) it reads apart:
how many customers a group has, and the quantities and charges that stand at certain ranks in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

from app.domain.decimal import scaled, unscaled
from app.question.groups import CurrencyTotal, Group, Groups, UnitTotal, nulls_last
from app.question.measures import Extras, rank_of

Key: TypeAlias = tuple[datetime | None, tuple[str | None, ...]]
"""A group's bucket, and its value under each key."""


@dataclass(slots=True)
class Cell:
    """The signed totals of the entries that share bucket, values, unit and currency. Sums are scaled by 10**18.

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


@dataclass(slots=True)
class Customers:
    """How many different customers the standing versions of a group name."""

    bucket: datetime | None
    dimensions: tuple[str | None, ...]
    customers: int


@dataclass(slots=True)
class Ranked:
    """The quantity in a unit, or the charge in a currency, that is the `rank`th of those that stand in a group, from 1, the
    least first. The first and the last rank are always told, so that the highest says how many there are."""

    bucket: datetime | None
    dimensions: tuple[str | None, ...]
    of: str | None
    """The unit or currency."""
    rank: int
    value: Decimal


@dataclass(frozen=True, slots=True)
class Counted:
    """All that an engine counted for a question; what no extra asked for is left out."""

    cells: Iterable[Cell]
    customers: Iterable[Customers] = ()
    quantities: Iterable[Ranked] = ()
    charges: Iterable[Ranked] = ()


class Tally:
    """One group while it is being added up."""

    __slots__ = ("charge_ranks", "charges", "customers", "events", "first", "last", "quantities", "quantity_ranks")

    def __init__(self) -> None:
        self.events = 0
        self.quantities: dict[str | None, list[int]] = {}
        self.charges: dict[str | None, list[int]] = {}
        self.first: datetime | None = None
        self.last: datetime | None = None
        self.customers = 0
        self.quantity_ranks: dict[str | None, dict[int, Decimal]] = {}
        """By unit: the quantities that stand at some ranks, and at the last one."""
        self.charge_ranks: dict[str | None, dict[int, Decimal]] = {}

    def add(self, cell: Cell) -> None:
        """Take in a cell."""
        self.events += cell.events
        if cell.has_quantity:
            _plus(self.quantities, cell.unit, cell.quantity, cell.measured)
        if cell.has_charge:
            _plus(self.charges, cell.currency, cell.charge, cell.charged)
        self._extend(cell.first_use, cell.last_use)

    def merge(self, other: Tally) -> None:
        """Take in what another one has added up. Extras are not to be merged: they stay as they are."""
        self.events += other.events
        for mine, its in ((self.quantities, other.quantities), (self.charges, other.charges)):
            for of, (total, count) in its.items():
                _plus(mine, of, total, count)
        self._extend(other.first, other.last)

    def take(self, group: Group) -> None:
        """Take in what a group has come to, but for extras."""
        self.events += group.events
        for unit in group.quantities:
            _plus(self.quantities, unit.unit, scaled(unit.quantity), unit.events)
        for each in group.charges:
            _plus(self.charges, each.currency or None, scaled(each.charge), each.events)
        self._extend(group.first_use, group.last_use)

    def group(self, key: Key, extras: Extras) -> Group:
        """The group that it has come to, with the extras that were asked for."""
        quantities = [UnitTotal(unit, unscaled(total), count) for unit, (total, count) in _ordered(self.quantities)]
        charges = [CurrencyTotal(currency or "", unscaled(total), count) for currency, (total, count) in _ordered(self.charges)]
        if self.quantity_ranks or self.charge_ranks:
            self._rank(quantities, charges, extras)
        customers = self.customers if extras.customers else None
        return Group(*key, self.events, quantities, charges, self.first, self.last, customers)

    def _rank(self, quantities: Iterable[UnitTotal], charges: Iterable[CurrencyTotal], extras: Extras) -> None:
        """Tell what stands at the ranks that were asked for."""
        for unit in quantities:
            ranks = self.quantity_ranks.get(unit.unit)
            if ranks:
                last = max(ranks)
                if extras.quantities:
                    unit.minimum, unit.maximum = ranks[1], ranks[last]
                unit.percentiles = tuple((each, ranks[rank_of(each, last)]) for each in extras.percentiles)
        for currency in charges:
            ranks = self.charge_ranks.get(currency.currency or None)
            if ranks and extras.charges:
                currency.minimum, currency.maximum = ranks[1], ranks[max(ranks)]

    def _extend(self, first: datetime | None, last: datetime | None) -> None:
        if first is not None and (self.first is None or first < self.first):
            self.first = first
        if last is not None and (self.last is None or last > self.last):
            self.last = last


def _ordered(sums: dict[str | None, list[int]]) -> Iterable[tuple[str | None, list[int]]]:
    """The sums in ascending order of unit or currency, None last: mostly there is but one."""
    return sums.items() if len(sums) < 2 else sorted(sums.items(), key=lambda pair: nulls_last(pair[0]))


def _plus(sums: dict[str | None, list[int]], of: str | None, total: int, count: int) -> None:
    found = sums.get(of)
    if found is None:
        sums[of] = [total, count]
    else:
        found[0] += total
        found[1] += count


def tallied(counted: Counted, question: Groups) -> tuple[dict[Key, Tally], Tally]:
    """The tally of each group, and the one over all of them."""
    tallies: dict[Key, Tally] = {}
    total = Tally()
    for cell in counted.cells:
        key = (cell.bucket, cell.dimensions)
        found = tallies.get(key)
        if found is None:
            found = tallies[key] = Tally()
        found.add(cell)
    for tally in tallies.values():
        total.merge(tally)
    # Whatever stands was counted in a cell too, but for the one answer about nothing at all.
    for each in counted.customers:
        if (each.bucket, each.dimensions) in tallies:
            tallies[each.bucket, each.dimensions].customers = each.customers
    for ranked in counted.quantities:
        ranks = tallies[ranked.bucket, ranked.dimensions].quantity_ranks
        ranks.setdefault(ranked.of, {})[ranked.rank] = ranked.value
    for ranked in counted.charges:
        ranks = tallies[ranked.bucket, ranked.dimensions].charge_ranks
        ranks.setdefault(ranked.of, {})[ranked.rank] = ranked.value
    if not question.by and question.buckets is None and tallies:
        ((_, alone),) = tallies.items()
        total.customers, total.quantity_ranks, total.charge_ranks = alone.customers, alone.quantity_ranks, alone.charge_ranks
    return tallies, total
