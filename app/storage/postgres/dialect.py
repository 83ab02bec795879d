"""How PostgreSQL keeps what SQL has no common way for: instants and exact decimals in types of its own, entries in partitions."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from types import MappingProxyType
from typing import Any, cast

from sqlalchemy import ARRAY, JSON, BigInteger, ColumnElement, Integer, Numeric, Table, bindparam, case, func, literal_column
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import TIMESTAMP, asyncpg
from sqlalchemy.engine import Dialect as Compiler
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from app.domain.decimal import INTEGER_DIGITS, SCALE, scaled
from app.domain.instant import from_micros
from app.domain.period import Buckets, Period
from app.storage.sql.dialect import Cut
from app.storage.sql.rollups import rollup_tables
from app.storage.sql.tables import EntryRow, Instant, entry_indexes, table_of

FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
"""Bounds that hold every instant of recording."""

DIGITS = Context(prec=INTEGER_DIGITS + SCALE)
_SUMS = Context(prec=400)
_DECIMAL = Numeric(INTEGER_DIGITS + SCALE, SCALE)
_MOMENT = TIMESTAMP(timezone=True)
_EDGES: ARRAY[datetime] = ARRAY(_MOMENT)


class Own(SQLModel, registry=registry()):
    """The tables that are PostgreSQL's alone."""


class EntryTable(Own, EntryRow, table=True):
    """One line of a ledger. A unique key must hold what partitions are cut by: that a sequence is unique without its instant,
    the account's lock sees to."""

    __tablename__ = "entries"
    __table_args__ = (*entry_indexes(), {"postgresql_partition_by": "RANGE (recorded_at)"})

    recorded_at: int = Field(primary_key=True, sa_type=cast(Any, Instant))
    quantity: Decimal | None = Field(default=None, sa_type=cast(Any, _DECIMAL))
    charge: Decimal | None = Field(default=None, sa_type=cast(Any, _DECIMAL))


class MonthTable(Own, table=True):
    """Where an account's entries of a month of recording begin, and when what they tell of happened at first and at last."""

    __tablename__ = "months"
    __table_args__ = ({"postgresql_with": {"fillfactor": 50}},)

    account_id: int = Field(primary_key=True, sa_type=Integer)
    month: int = Field(primary_key=True, sa_type=cast(Any, Instant))
    first_sequence: int = Field(sa_type=BigInteger)
    first_occurred_at: int = Field(sa_type=cast(Any, Instant))
    last_occurred_at: int = Field(sa_type=cast(Any, Instant))


# A sum of decimals may have more digits than any of them.
_ROLLUPS = rollup_tables(Own.metadata, {"quantity": Numeric(), "charge": Numeric()})


class PostgresDialect:
    """See `app.storage.sql.dialect.Dialect`."""

    entries: Table = table_of(EntryTable)
    compiler: Compiler = cast(Any, asyncpg.dialect)()
    blob = bytes
    rollups: Mapping[str, Table] = _ROLLUPS
    bounds_text: Sequence[str] = ("entries.recorded_at >= :recorded_from", "entries.recorded_at < :recorded_below")
    farther: Mapping[str, str] = MappingProxyType({"first_use": "LEAST", "last_use": "GREATEST"})

    def bound(self, moment: datetime) -> datetime:
        return moment

    def moment(self, value: datetime) -> datetime:
        return value

    def unindexed(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return column  # the planner has statistics of its own, and is made to use them: see `connection`

    def cuts(self, buckets: Buckets) -> Iterator[Cut]:
        yield Cut(None, {"edges": list(buckets.edges)}, Period(buckets.edges[0], buckets.edges[-1]))

    def bucket(self, moment: ColumnElement[Any], shape: Hashable) -> ColumnElement[Any]:
        """The number of the last edge at or before the moment, from 1: found by halving, in C."""
        return func.width_bucket(moment, bindparam("edges", type_=_EDGES))

    def bucket_start(self, value: int, buckets: Buckets) -> datetime:
        return buckets.edges[value - 1]

    def bounds(self) -> Iterator[ColumnElement[bool]]:
        """Which partitions a question is about. Every statement over `entries` says so."""
        recorded_at = self.entries.c.recorded_at
        yield recorded_at >= bindparam("recorded_from", type_=_MOMENT)
        yield recorded_at < bindparam("recorded_below", type_=_MOMENT)

    def datum(self, column: ColumnElement[Any], key: ColumnElement[Any]) -> ColumnElement[Any]:
        # json and not jsonb: it gives lists and objects back as they were written.
        said = sql_cast(column, JSON)
        within = case((func.json_typeof(said.op("->")(key)) == literal_column("'object'"), said.op("->")(key)))
        decimal = sql_cast(within, JSON).op("->>")(literal_column("'$decimal'"))
        return func.coalesce(decimal, said.op("->>")(key))

    def day(self, moment: str) -> str:
        return f"(CAST({moment} AT TIME ZONE 'UTC' AS date) - DATE '1970-01-01')"

    def hour(self, moment: str) -> str:
        return f"CAST(FLOOR(EXTRACT(EPOCH FROM {moment}) / 3600) AS integer)"

    def month(self, moment: str) -> str:
        return f"(CAST(date_trunc('month', {moment} AT TIME ZONE 'UTC') AS date) - DATE '1970-01-01')"

    def month_of_day(self, day: str) -> str:
        return f"(CAST(date_trunc('month', CAST(DATE '1970-01-01' + {day} AS timestamp)) AS date) - DATE '1970-01-01')"

    def micros(self, moment: str) -> str:
        return f"CAST(EXTRACT(EPOCH FROM {moment}) * 1000000 AS bigint)"

    def instant(self, micros: int) -> datetime:
        return from_micros(micros)

    def less(self, sums: Sequence[Decimal], numbers: Sequence[Decimal | None]) -> tuple[Decimal, ...]:
        return tuple([_SUMS.subtract(one, other or Decimal(0)) for one, other in zip(sums, numbers, strict=True)])

    def step_start(self, number: ColumnElement[int], step: timedelta) -> ColumnElement[Any]:
        return func.to_timestamp(number * literal_column(str(step // timedelta(seconds=1))), type_=_MOMENT)

    def decimal_columns(self, name: str) -> tuple[str, ...]:
        return (name,)

    def decimal_values(self, number: Decimal | None) -> tuple[Decimal | None, ...]:
        return (number,)

    def decimal(self, values: Sequence[Decimal | None]) -> Decimal | None:
        """PostgreSQL gives all 18 digits after the point; ours have no trailing zeros."""
        return None if values[0] is None else values[0].normalize(DIGITS)

    def sums(self, name: str) -> list[ColumnElement[Any]]:
        return [func.sum(self.entries.c[name])]

    def total(self, values: Sequence[Decimal | None]) -> int:
        return 0 if values[0] is None else scaled(values[0])
