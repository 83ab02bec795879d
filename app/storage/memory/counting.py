"""Counting for the memory engine, one entry after another: the definition of what the other engines count in sets."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from decimal import Decimal

from app.domain.decimal import scaled
from app.domain.entry import Correction, Entry
from app.question.groups import Groups
from app.question.keys import values_of
from app.question.measures import rank_of
from app.question.tally import Cell, Counted, Customers, Key, Ranked


def counted(usage: Iterable[Entry], reversed_: Collection[int | None], question: Groups) -> Counted:
    """What these usage entries count; `reversed_` has the sequences of those that were taken back."""
    cells: list[Cell] = []
    customers: dict[Key, set[str]] = defaultdict(set)
    quantities: dict[tuple[Key, str | None], list[Decimal]] = defaultdict(list)
    charges: dict[tuple[Key, str | None], list[Decimal]] = defaultdict(list)
    for entry in usage:
        bucket = None
        if question.buckets is not None:
            at = bisect_right(question.buckets.edges, entry.occurred_at)
            if at == 0 or at == len(question.buckets.edges):
                continue
            bucket = question.buckets.edges[at - 1]
        standing = entry.correction is not Correction.REVERSAL and entry.sequence not in reversed_
        key = (bucket, values_of(entry, question.by))
        cells.append(_cell(entry, *key, standing=standing))
        if not standing:
            continue
        if entry.customer_id is not None:
            customers[key].add(entry.customer_id)
        if entry.quantity is not None:
            quantities[key, entry.unit].append(entry.quantity)
        if entry.charge is not None:
            charges[key, entry.currency].append(entry.charge)
    wanted = question.wanted
    return Counted(
        cells,
        [Customers(*key, len(found)) for key, found in customers.items()] if wanted.customers else (),
        _ranked(quantities, wanted.percentiles) if wanted.quantities or wanted.percentiles else (),
        _ranked(charges, ()) if wanted.charges else (),
    )


def _ranked(amounts: dict[tuple[Key, str | None], list[Decimal]], percentiles: Iterable[Decimal]) -> list[Ranked]:
    """The least, the greatest, and those at the ranks of the percentiles."""
    found = []
    for (key, of), values in amounts.items():
        values.sort()
        count = len(values)
        ranks = {1, count, *(rank_of(each, count) for each in percentiles)}
        found += [Ranked(*key, of, rank, values[rank - 1]) for rank in sorted(ranks)]
    return found


def _cell(entry: Entry, bucket: datetime | None, dimensions: tuple[str | None, ...], *, standing: bool) -> Cell:
    """A cell of one entry."""
    return Cell(
        bucket=bucket,
        dimensions=dimensions,
        unit=entry.unit,
        currency=entry.currency,
        events=entry.sign,
        measured=entry.sign if entry.quantity is not None else 0,
        charged=entry.sign if entry.charge is not None else 0,
        has_quantity=entry.quantity is not None,
        has_charge=entry.charge is not None,
        quantity=0 if entry.quantity is None else scaled(entry.quantity),
        charge=0 if entry.charge is None else scaled(entry.charge),
        first_use=entry.occurred_at if standing else None,
        last_use=entry.occurred_at if standing else None,
    )
