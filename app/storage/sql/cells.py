"""The statements that a question for totals becomes: each row is a cell, and `app.question.fold` makes groups of them.

What cells cannot tell is read by `app.storage.sql.extras`, whose statements have the same keys and conditions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, FromClause, Table, Text, and_, bindparam, func, literal_column, select

from app.domain.entry import EntryKind
from app.domain.period import Period
from app.question.fold import fold
from app.question.groups import Grouped, Groups
from app.question.keys import DataKey, Dimension
from app.question.tally import Cell, Counted, Customers, Ranked
from app.storage.sql.conditions import Shape, conditions, gathering_lead, shape_of, values_of
from app.storage.sql.dialect import Dialect, Statement, compile_statement
from app.storage.sql.tables import reversals

FEW = 500
"""Cells that are made into groups at once."""
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class CellShape:
    """What of the question decides the text of the statement."""

    filters: Shape
    by: tuple[str | None, ...]
    """Columns; None for a key of additional data."""
    by_bucket: bool
    cut: Hashable
    lead: str | None = None
    """The index that leads, where it is not the one that reads the fewest entries over any time."""


@dataclass(frozen=True, slots=True)
class Found:
    """The rows of all statements for one question."""

    cells: Sequence[Sequence[Any]]
    customers: Sequence[Sequence[Any]] = ()
    quantities: Sequence[Sequence[Any]] = ()
    charges: Sequence[Sequence[Any]] = ()


class CellReads:
    """The statements for one engine, each compiled when its shape is first asked."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._statement = lru_cache(maxsize=256)(self._compiled)

    def parts(self, question: Groups, lead: str | None = None) -> Iterator[tuple[Statement, dict[str, Any]]]:
        """The statements that together count every cell once, each with the values of its parameters."""
        for shape, values in shapes(self._dialect, question):
            yield self._statement(replace(shape, lead=lead)), values

    async def folded(self, found: Found, question: Groups, earlier: Found | None) -> Grouped:
        """The groups that these rows make, without keeping everybody else waiting where they are many."""

        def made() -> Grouped:
            before: Counted | tuple[()] = ()
            if earlier is not None and question.earlier is not None:
                before = self._counted(earlier, question.earlier)
            return fold(self._counted(found, question), question, before)

        rows = len(found.cells) + (0 if earlier is None else len(earlier.cells))
        # A few cells take less than handing them to a thread does.
        return made() if rows < FEW and not question.fill else await asyncio.to_thread(made)

    def _counted(self, found: Found, question: Groups) -> Counted:
        return Counted(
            self.cells(found.cells, question),
            [Customers(*self._key(row, question), row[-1]) for row in found.customers],
            self._ranked(found.quantities, question),
            self._ranked(found.charges, question),
        )

    def _key(self, row: Sequence[Any], question: Groups) -> tuple[datetime | None, tuple[str | None, ...]]:
        """The group that a row begins with."""
        if question.buckets is None:
            return None, tuple(row[: len(question.by)])
        return self._dialect.bucket_start(row[0], question.buckets), tuple(row[1 : 1 + len(question.by)])

    def _ranked(self, rows: Sequence[Sequence[Any]], question: Groups) -> list[Ranked]:
        at = len(question.by) + (question.buckets is not None)
        decimal = self._dialect.decimal
        return [Ranked(*self._key(row, question), row[at], row[at + 1], decimal(row[at + 2 :]) or _ZERO) for row in rows]

    def cells(self, rows: Iterable[Sequence[Any]], question: Groups) -> Iterator[Cell]:
        """The cells that rows hold."""
        dialect, buckets = self._dialect, question.buckets
        moment, total = dialect.moment, dialect.total
        first_key = 0 if buckets is None else 1
        unit_at = first_key + len(question.by)
        sums_at = unit_at + 9
        charge_at = sums_at + len(dialect.decimal_columns("quantity"))
        starts: dict[Any, datetime] = {}
        start: datetime | None = None
        for row in rows:
            if buckets is not None:
                start = starts.get(row[0])
                if start is None:
                    start = starts[row[0]] = dialect.bucket_start(row[0], buckets)
            unit, currency, events, measured, charged, quantities, charges, first, last = row[unit_at:sums_at]
            yield Cell(
                start,
                tuple(row[first_key:unit_at]),
                unit,
                currency,
                events,
                measured,
                charged,
                quantities > 0,
                charges > 0,
                total(row[sums_at:charge_at]),
                total(row[charge_at:]),
                None if first is None else moment(first),
                None if last is None else moment(last),
            )

    def _compiled(self, shape: CellShape) -> Statement:
        dialect = self._dialect
        entries = dialect.entries
        keys, names = keys_of(dialect, shape)
        keys += [entries.c.unit, entries.c.currency]
        names += [entries.c.unit, entries.c.currency]
        twice: ColumnElement[int] = literal_column("2")
        takes_back = entries.c.correction == literal_column("'reversal'")
        quantity, charge = (entries.c[dialect.decimal_columns(name)[0]] for name in ("quantity", "charge"))
        found = (
            select(
                *keys,
                func.count() - twice * func.count().filter(takes_back),
                func.count(quantity) - twice * func.count(quantity).filter(takes_back),
                func.count(charge) - twice * func.count(charge).filter(takes_back),
                func.count(quantity),
                func.count(charge),
                func.min(entries.c.occurred_at).filter(is_standing(entries)),
                func.max(entries.c.occurred_at).filter(is_standing(entries)),
                *dialect.sums("quantity"),
                *dialect.sums("charge"),
            )
            .select_from(with_reversals(entries))
            .where(*conditions(dialect, shape.filters, shape.lead or gathering_lead(shape.filters)))
            .group_by(*names)
        )
        return compile_statement(found, dialect)


def shapes(dialect: Dialect, question: Groups) -> Iterator[tuple[CellShape, dict[str, Any]]]:
    """The shapes of the statements that together answer for every group once, each with the values of its parameters."""
    by = tuple(each.value if isinstance(each, Dimension) else None for each in question.by)
    scope: dict[str, Any] = {"account_id": question.scope.account_id, "above": 0, "upto": question.scope.as_of}
    scope |= {f"key_{at}": each.name for at, each in enumerate(question.by) if isinstance(each, DataKey)}
    usage = (EntryKind.USAGE,)
    if question.buckets is None:
        filters = question.filters
        yield CellShape(shape_of(filters, usage), by, False, None), scope | values_of(filters, dialect)
        return
    for cut in dialect.cuts(question.buckets):
        period = _common(question.filters.period, cut.period)
        if period is not None:
            filters = question.filters.within(period)
            yield CellShape(shape_of(filters, usage), by, True, cut.shape), {**scope, **values_of(filters, dialect), **cut.values}


def keys_of(dialect: Dialect, shape: CellShape) -> tuple[list[ColumnElement[Any]], list[ColumnElement[Any]]]:
    """The expressions for a group's bucket and its value under each key, and what to group by for them.

    What is computed is named in GROUP BY by its label, so that the engine computes it once for a row.
    """
    entries = dialect.entries
    keys: list[ColumnElement[Any]] = []
    names: list[ColumnElement[Any]] = []
    if shape.by_bucket:
        keys.append(dialect.bucket(entries.c.occurred_at, shape.cut).label("bucket"))
        names.append(literal_column("bucket"))
    for at, column in enumerate(shape.by):
        if column is None:
            said = dialect.datum(entries.c.additional_data, bindparam(f"key_{at}", type_=Text))
            keys.append(said.label(f"said_{at}"))
            names.append(literal_column(f"said_{at}"))
        else:
            keys.append(entries.c[column])
            names.append(entries.c[column])
    return keys, names


def with_reversals(entries: Table) -> FromClause:
    """The entries, each with the one that takes it back by `upto`, if there is one."""
    # Read from the key of `reversals`, which is small: most entries are never corrected.
    taken_back = and_(
        reversals.c.account_id == entries.c.account_id,
        reversals.c.corrects == entries.c.sequence,
        reversals.c.sequence <= bindparam("upto", type_=BigInteger),
    )
    return entries.outerjoin(reversals, taken_back)


def is_standing(entries: Table) -> ColumnElement[bool]:
    """Whether an entry of `with_reversals` is a version that stands."""
    return and_(entries.c.correction.is_distinct_from(literal_column("'reversal'")), reversals.c.corrects.is_(None))


def _common(one: Period, other: Period) -> Period | None:
    """The time that both periods hold; None if that is nothing. `other` is closed."""
    assert other.start is not None
    assert other.end is not None
    start = other.start if one.start is None else max(one.start, other.start)
    end = other.end if one.end is None else min(one.end, other.end)
    return Period(start, end) if start < end else None
