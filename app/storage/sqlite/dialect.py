"""How SQLite keeps what it has no type for: instants as whole microseconds, decimals as four integers that it can sum exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Integer,
    Table,
    Text,
    case,
    cast,
    func,
    literal_column,
    select,
    type_coerce,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.engine import Dialect as Compiler
from sqlalchemy.orm import registry
from sqlalchemy.sql.elements import UnaryExpression
from sqlalchemy.sql.operators import custom_op
from sqlmodel import Field, SQLModel

from app.domain.decimal import scaled, unscaled
from app.domain.instant import from_micros, to_micros
from app.domain.period import Buckets
from app.storage.sql.rollups import rollup_tables
from app.storage.sql.tables import STRICT, EntryRow, entry_indexes, table_of
from app.storage.sqlite.runs import bucket, cuts

LIMBS = ("28", "18", "9", "0")
"""The powers of ten that the integers of a decimal weigh, of the number scaled by 10**18, greatest first."""
_E9, _E18, _E28 = 10**9, 10**18, 10**28


class Own(SQLModel, registry=registry()):
    """The tables that are SQLite's alone."""


class EntryTable(Own, EntryRow, table=True):
    """One line of a ledger. The limbs of a number are cut toward zero, so that each bears its sign, and stay below 10**10, so
    that a sum of 900 million of them fits in 64 bits."""

    __tablename__ = "entries"
    __table_args__ = (*entry_indexes(), STRICT)

    quantity_28: int | None = Field(default=None, sa_type=Integer)
    quantity_18: int | None = Field(default=None, sa_type=Integer)
    quantity_9: int | None = Field(default=None, sa_type=Integer)
    quantity_0: int | None = Field(default=None, sa_type=Integer)
    charge_28: int | None = Field(default=None, sa_type=Integer)
    charge_18: int | None = Field(default=None, sa_type=Integer)
    charge_9: int | None = Field(default=None, sa_type=Integer)
    charge_0: int | None = Field(default=None, sa_type=Integer)


_ROLLUPS = rollup_tables(Own.metadata, {f"{name}_{power}": Integer() for name in ("quantity", "charge") for power in LIMBS})
_DAY, _HOUR = 86_400_000_000, 3_600_000_000
"""Microseconds."""


class _Compiler(SQLiteCompiler):
    """Writes hints as they are given, which SQLAlchemy leaves out for SQLite: there they are INDEXED BY."""

    def get_from_hint_text(self, table: FromClause, text: str | None) -> str | None:
        return text


def _compiler() -> Compiler:
    dialect = sqlite.dialect(paramstyle="qmark")
    dialect.statement_compiler = _Compiler
    return dialect


class SqliteDialect:
    """See `app.storage.sql.dialect.Dialect`."""

    entries: Table = table_of(EntryTable)
    compiler: Compiler = _compiler()
    rollups: Mapping[str, Table] = _ROLLUPS
    bounds_text: Sequence[str] = ()
    farther: Mapping[str, str] = MappingProxyType({"first_use": "MIN", "last_use": "MAX"})

    bound = staticmethod(to_micros)
    moment = staticmethod(from_micros)
    # See `app.storage.sqlite.insertion` for why not bytes.
    blob = bytearray

    cuts = staticmethod(cuts)

    def bucket(self, moment: ColumnElement[Any], shape: Any) -> ColumnElement[int]:
        return bucket(type_coerce(moment, BigInteger), shape)

    def bucket_start(self, value: int, buckets: Buckets) -> datetime:
        return from_micros(value)

    def bounds(self) -> tuple[ColumnElement[bool], ...]:
        return ()

    def day(self, moment: str) -> str:
        return _steps(moment, _DAY)

    def hour(self, moment: str) -> str:
        return _steps(moment, _HOUR)

    def month(self, moment: str) -> str:
        return self.month_of_day(self.day(moment))

    def month_of_day(self, day: str) -> str:
        return f"CAST(strftime('%s', {day} * 86400, 'unixepoch', 'start of month') AS INTEGER) / 86400"

    def micros(self, moment: str) -> str:
        return moment

    def instant(self, micros: int) -> int:
        return micros

    def less(self, sums: Sequence[int], numbers: Sequence[Decimal | None]) -> tuple[int, ...]:
        taken = [limb or 0 for number in numbers for limb in self.decimal_values(number)]
        return tuple([one - other for one, other in zip(sums, taken, strict=True)])

    def step_start(self, number: ColumnElement[int], step: timedelta) -> ColumnElement[int]:
        return number * literal_column(str(step // timedelta(microseconds=1)), BigInteger)

    def unindexed(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        # A unary plus changes nothing but that the term is not used with an index (sqlite.org/optoverview.html).
        return UnaryExpression(column, operator=custom_op("+"), type_=column.type)

    def datum(self, column: ColumnElement[Any], key: ColumnElement[Any]) -> ColumnElement[Any]:
        # Not a path: how a path is written for a key with quotes or backslashes differs between versions.
        parts = func.json_each(column).table_valued("key", "value", "type", "atom", name="data")
        kind = parts.c.type
        said = case(
            (kind.in_((literal_column("'true'"), literal_column("'false'"))), kind),
            (kind == literal_column("'integer'"), cast(parts.c.atom, Text)),
            (
                kind == literal_column("'object'"),
                func.coalesce(func.json_extract(parts.c.value, literal_column("""'$."$decimal"'""")), parts.c.value),
            ),
            else_=parts.c.value,
        )
        return select(said).where(parts.c.key == key).scalar_subquery()

    def decimal_columns(self, name: str) -> tuple[str, ...]:
        return tuple(f"{name}_{power}" for power in LIMBS)

    def decimal_values(self, number: Decimal | None) -> tuple[int | None, ...]:
        if number is None:
            return (None, None, None, None)
        value = scaled(number)
        top, rest = divmod(abs(value), _E28)
        upper, rest = divmod(rest, _E18)
        middle, lowest = divmod(rest, _E9)
        return (-top, -upper, -middle, -lowest) if value < 0 else (top, upper, middle, lowest)

    def decimal(self, values: Sequence[int | None]) -> Decimal | None:
        return None if values[0] is None else _joined(*values)

    def sums(self, name: str) -> list[ColumnElement[Any]]:
        return [func.sum(self.entries.c[column]) for column in self.decimal_columns(name)]

    def total(self, values: Sequence[int | None]) -> int:
        top, upper, middle, lowest = values
        if top is None or upper is None or middle is None or lowest is None:
            return 0  # all of them are null, or none
        return top * _E28 + upper * _E18 + middle * _E9 + lowest


def _steps(moment: str, step: int) -> str:
    # Division cuts toward zero.
    return f"(({moment}) - (({moment}) % {step} + {step}) % {step}) / {step}"


@lru_cache(maxsize=65_536)
def _joined(top: int, upper: int, middle: int, lowest: int) -> Decimal:
    """The decimal with these limbs. Remembered, since a ledger says the same few numbers over and over."""
    return unscaled(top * _E28 + upper * _E18 + middle * _E9 + lowest)
