"""The statements that a question for totals becomes: each row is a cell, and `app.question.fold` makes groups of them."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, and_, bindparam, func, literal_column, select

from app.domain.entry import EntryKind
from app.domain.period import Period
from app.question.filters import Filters
from app.question.fold import Cell, fold
from app.question.groups import Grouped, Groups
from app.storage.sql.conditions import Shape, conditions, gathering_lead, shape_of, values_of
from app.storage.sql.dialect import Cut, Dialect, Statement, compile_statement
from app.storage.sql.tables import reversals

FEW = 500
"""Cells that are made into groups at once."""


@dataclass(frozen=True, slots=True)
class CellShape:
    """What of the question decides the text of the statement."""

    filters: Shape
    by: tuple[str, ...]
    by_bucket: bool
    cut: Hashable


class CellReads:
    """The statements for one engine, each compiled when its shape is first asked."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._statement = lru_cache(maxsize=256)(self._compiled)

    def parts(self, question: Groups) -> Iterator[tuple[Statement, dict[str, Any]]]:
        """The statements that together count every cell once, each with the values of its parameters."""
        by = tuple(dimension.value for dimension in question.by)
        scope = {"account_id": question.scope.account_id, "above": 0, "upto": question.scope.as_of}
        if question.buckets is None:
            yield self._part(question.filters, by, None, scope)
            return
        for cut in self._dialect.cuts(question.buckets):
            period = _common(question.filters.period, cut.period)
            if period is not None:
                yield self._part(question.filters.within(period), by, cut, scope)

    async def folded(self, rows: Sequence[Sequence[Any]], question: Groups) -> Grouped:
        """The groups that the cells in these rows make, without keeping everybody else waiting where they are many."""

        def made() -> Grouped:
            return fold((self.cell(row, question) for row in rows), question)

        # A few cells take less than handing them to a thread does.
        return made() if len(rows) < FEW and not question.fill else await asyncio.to_thread(made)

    def cell(self, row: Sequence[Any], question: Groups) -> Cell:
        """The cell that a row holds."""
        dialect = self._dialect
        at = 0 if question.buckets is None else 1
        keys = at + len(question.by)
        unit, currency, events, measured, charged, quantities, charges, first, last = row[keys : keys + 9]
        sums = row[keys + 9 :]
        width = len(sums) // 2
        return Cell(
            bucket=None if question.buckets is None else dialect.bucket_start(row[0], question.buckets),
            dimensions=tuple(row[at:keys]),
            unit=unit,
            currency=currency,
            events=events,
            measured=measured,
            charged=charged,
            has_quantity=quantities > 0,
            has_charge=charges > 0,
            quantity=dialect.total(sums[:width]),
            charge=dialect.total(sums[width:]),
            first_use=None if first is None else dialect.moment(first),
            last_use=None if last is None else dialect.moment(last),
        )

    def _part(
        self, filters: Filters, by: tuple[str, ...], cut: Cut | None, scope: dict[str, Any]
    ) -> tuple[Statement, dict[str, Any]]:
        shape = CellShape(shape_of(filters, (EntryKind.USAGE,)), by, cut is not None, None if cut is None else cut.shape)
        values = scope | values_of(filters, self._dialect)
        return self._statement(shape), values if cut is None else {**values, **cut.values}

    def _compiled(self, shape: CellShape) -> Statement:
        dialect = self._dialect
        entries = dialect.entries
        keys: list[ColumnElement[Any]] = [entries.c[name] for name in (*shape.by, "unit", "currency")]
        if shape.by_bucket:
            keys.insert(0, dialect.bucket(entries.c.occurred_at, shape.cut).label("bucket"))
        twice: ColumnElement[int] = literal_column("2")
        takes_back = entries.c.correction == literal_column("'reversal'")
        # Read from the key of `reversals`, which is small: most entries are never corrected.
        taken_back = and_(
            reversals.c.account_id == entries.c.account_id,
            reversals.c.corrects == entries.c.sequence,
            reversals.c.sequence <= bindparam("upto", type_=BigInteger),
        )
        standing = and_(entries.c.correction.is_distinct_from(literal_column("'reversal'")), reversals.c.corrects.is_(None))
        quantity, charge = (entries.c[dialect.decimal_columns(name)[0]] for name in ("quantity", "charge"))
        found = (
            select(
                *keys,
                func.count() - twice * func.count().filter(takes_back),
                func.count(quantity) - twice * func.count(quantity).filter(takes_back),
                func.count(charge) - twice * func.count(charge).filter(takes_back),
                func.count(quantity),
                func.count(charge),
                func.min(entries.c.occurred_at).filter(standing),
                func.max(entries.c.occurred_at).filter(standing),
                *dialect.sums("quantity"),
                *dialect.sums("charge"),
            )
            .select_from(entries.outerjoin(reversals, taken_back))
            .where(*conditions(dialect, shape.filters, gathering_lead(shape.filters)))
            # By its name, so that the engine computes a row's bucket once.
            .group_by(*([literal_column("bucket"), *keys[1:]] if shape.by_bucket else keys))
        )
        return compile_statement(found, dialect)


def _common(one: Period, other: Period) -> Period | None:
    """The time that both periods hold; None if that is nothing. `other` is closed."""
    assert other.start is not None
    assert other.end is not None
    start = other.start if one.start is None else max(one.start, other.start)
    end = other.end if one.end is None else min(one.end, other.end)
    return Period(start, end) if start < end else None
