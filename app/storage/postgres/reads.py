"""Where PostgreSQL is asked for entries otherwise than SQLite: it sorts rows as easily as sequences, and tells numbers as text.

The driver makes a text of each number's binary form and a Decimal of that, with all 18 digits after the point, of which the zeros
then had to be taken off. Prices and quantities are often the same, so texts are looked up, and made numbers once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Numeric, Select, Text, cast, func, select

from app.domain.entry import EntryKind
from app.storage.postgres.dialect import DIGITS, PostgresDialect
from app.storage.postgres.partitions import partition
from app.storage.sql.conditions import NOT_USAGE, Shape, conditions, gathering_lead
from app.storage.sql.dialect import Statement
from app.storage.sql.partial import Part, part
from app.storage.sql.reads import EntryRead, Reads

MOST_NAMED = 3
"""Partitions that a walk's statement names."""


@dataclass(frozen=True, slots=True)
class EndRead:
    """A walk whose answer has one row more, which names no account: its sequence is the ledger's end, and its time of recording
    that of the last entry up to which was asked."""

    entries: EntryRead
    account_id: int
    """Where these columns stand in a row."""
    sequence: int
    recorded_at: int


class _Unbounded(PostgresDialect):
    """Where the partitions are named, and the index that leads is the only one that fits: a plan that is kept does not know the
    values with which another might do better, or far worse."""

    def unindexed(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.coalesce(column, column)

    def bounds(self) -> Iterator[ColumnElement[bool]]:
        return iter(())


_UNBOUNDED = _Unbounded()


class PostgresReads(Reads):
    """See `app.storage.sql.reads.Reads`."""

    def __init__(self, dialect: PostgresDialect) -> None:
        super().__init__(dialect)
        self.within = lru_cache(maxsize=512)(self._within)
        self.look = lru_cache(maxsize=512)(self._look)

    def _within(
        self, months: tuple[datetime, ...], shape: Shape, lead: str, descending: bool, fields: frozenset[str] | None = None
    ) -> EntryRead:
        """A walk whose entries were recorded in these months. The partitions of a few are named, instead of found by bounds, of
        which a plan that is kept could not know how much they leave: so one plan will do, along the index that leads."""
        others = shape.kinds is not None and EntryKind.USAGE.value not in shape.kinds and lead != NOT_USAGE
        if others or not 0 < len(months) <= MOST_NAMED:
            return self.walk(shape, lead, descending, fields)
        read = self._part(fields)
        rows = self._ordered(self._rows(read).where(*conditions(_UNBOUNDED, shape, lead)), descending)
        statement = self._compiled(rows)
        before, named, after = statement.sql.partition("\nFROM entries \n")
        assert named
        tables = " UNION ALL ".join(f"SELECT * FROM {partition(month)}" for month in months)
        return EntryRead(replace(statement, sql=f"{before}\nFROM ({tables}) AS entries \n{after}"), read.entry, steady=True)

    def _look(
        self,
        months: tuple[datetime, ...],
        month: datetime | None,
        shape: Shape,
        lead: str,
        descending: bool,
        fields: frozenset[str] | None = None,
    ) -> EndRead | None:
        """The same, with the ledger's end in a row of its own; None where such a walk has no plan to keep. `month` is that in
        which the entry `as_of` was recorded, None where the end itself is meant."""
        fields = None if fields is None else fields | {"recorded_at"}
        read = self.within(months, shape, lead, descending, fields)
        if not read.steady:
            return None
        walk, columns = read.statement, self._part(fields).columns
        account = f"${walk.names.index('account_id') + 1}::INTEGER"
        recorded_at, names = "heads.recorded_at", walk.names
        if month is not None:
            names = (*names, "as_of")
            own = f"account_id = {account} AND sequence = ${len(names)}::BIGINT"
            recorded_at = f"(SELECT recorded_at FROM {partition(month)} WHERE {own})"
        told = {"sequence": "heads.sequence", "recorded_at": recorded_at}
        end = f"SELECT {', '.join(told.get(name, 'NULL') for name in columns)} FROM heads WHERE heads.account_id = {account}"
        statement = Statement(f"{end}\nUNION ALL\n({walk.sql})", names, walk.constants)
        places = {name: columns.index(name) for name in ("account_id", "sequence", "recorded_at")}
        return EndRead(EntryRead(statement, read.entry, steady=True), **places)

    def _part(self, fields: frozenset[str] | None) -> Part:
        return super()._part(fields) if fields is None else part(self._dialect, fields, _told)

    def _rows(self, read: Part) -> Select[Any]:
        if read is self._whole:
            return super()._rows(read)
        columns = (self._dialect.entries.c[name] for name in read.columns)
        return select(*(cast(func.trim_scale(each), Text) if isinstance(each.type, Numeric) else each for each in columns))

    def _gather(self, shape: Shape, descending: bool, fields: frozenset[str] | None = None) -> EntryRead:
        """Entries in sequence order, by finding all and keeping the first of them while they are sorted."""
        read = self._part(fields)
        found = self._rows(read).where(*conditions(self._dialect, shape, gathering_lead(shape)))
        # Ordered so that no index can give it: the planner takes a limit as a reason to walk the whole key and hope.
        ordered = self._ordered(found, descending, self._dialect.entries.c.sequence + 0)
        return EntryRead(self._compiled(ordered), read.entry)


def _told(values: Sequence[str | None]) -> Decimal | None:
    return None if values[0] is None else _number(values[0])


@lru_cache(maxsize=16_384)
def _number(text: str) -> Decimal:
    return Decimal(text).normalize(DIGITS)
