"""What differs between SQL engines: the shape of decimals and instants in a row, and the SQL text that a statement becomes."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Table
from sqlalchemy.engine import Dialect as Compiler
from sqlalchemy.sql import ClauseElement

from app.domain.period import Buckets, Period


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL text, the names of its parameters in the order in which the driver wants their values, and values that never change."""

    sql: str
    names: tuple[str, ...]
    constants: Mapping[str, Any]

    def bind(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """The parameters for one execution."""
        constants = self.constants
        return tuple([values[name] if name in values else constants[name] for name in self.names])


@dataclass(frozen=True, slots=True)
class Cut:
    """Part of a question by buckets: what decides its statement's text, its own parameters, and the time that it covers."""

    shape: Hashable
    values: Mapping[str, Any]
    period: Period


class Dialect(Protocol):
    """One engine's way of keeping what SQL has no common way for."""

    @property
    def entries(self) -> Table:
        """The `entries` table, with this engine's columns for quantity and charge."""
        ...

    @property
    def compiler(self) -> Compiler:
        """SQLAlchemy's own dialect, with the driver's style of parameters."""
        ...

    def bound(self, moment: datetime) -> Any:
        """An instant as a parameter."""
        ...

    def moment(self, value: Any) -> datetime:
        """An instant from a row."""
        ...

    def blob(self, value: bytes) -> Any:
        """Bytes as a parameter, in the form that the driver takes fastest."""
        ...

    def cuts(self, buckets: Buckets) -> Iterator[Cut]:
        """The parts in which a question by these buckets is asked: apart in time, so that no cell is counted twice."""
        ...

    def bucket(self, moment: ColumnElement[Any], shape: Hashable) -> ColumnElement[Any]:
        """The expression for the bucket of an instant, in a part of that shape."""
        ...

    def bucket_start(self, value: Any, buckets: Buckets) -> datetime:
        """The first instant of a bucket, from what `bucket` gave for it."""
        ...

    def bounds(self) -> Iterable[ColumnElement[bool]]:
        """What every question for entries is bounded by beside account and sequence, where the engine cuts the table in parts."""
        ...

    def unindexed(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """The column in a form that the planner does not use an index for, where the engine has one."""
        ...

    def datum(self, column: ColumnElement[Any], key: ColumnElement[Any]) -> ColumnElement[Any]:
        """What the additional data in a column says under a key, as `app.question.keys.spoken` tells it; null for nothing."""
        ...

    def decimal_columns(self, name: str) -> tuple[str, ...]:
        """The columns that hold the decimal `name`; the first is null where there is no number."""
        ...

    def decimal_values(self, number: Decimal | None) -> tuple[Any, ...]:
        """What these columns hold for a number."""
        ...

    def decimal(self, values: Sequence[Any]) -> Decimal | None:
        """The number that these columns hold."""
        ...

    def sums(self, name: str) -> list[ColumnElement[Any]]:
        """The expressions that together sum the decimal `name` exactly."""
        ...

    def total(self, values: Sequence[Any]) -> int:
        """The sum, scaled by 10**18, from the values of `sums`; nulls count nothing."""
        ...

    @property
    def rollups(self) -> Mapping[str, Table]:
        """The tables of the rollups by name, with this engine's columns for quantity and charge."""
        ...

    @property
    def bounds_text(self) -> Sequence[str]:
        """`bounds` as SQL."""
        ...

    @property
    def farther(self) -> Mapping[str, str]:
        """The functions that give the lesser and the greater of two values, as `first_use` and `last_use` want them."""
        ...

    def day(self, moment: str) -> str:
        """SQL for the UTC day of an instant: whole days since 1970-01-01, also before."""
        ...

    def hour(self, moment: str) -> str:
        """SQL for the hour of an instant: whole hours since 1970, also before."""
        ...

    def month(self, moment: str) -> str:
        """SQL for the first UTC day of the month of an instant."""
        ...

    def month_of_day(self, day: str) -> str:
        """The same of a day."""
        ...

    def micros(self, moment: str) -> str:
        """SQL for the whole microseconds since 1970-01-01T00:00:00Z of an instant."""
        ...

    def instant(self, micros: int) -> Any:
        """What a row holds for the instant of so many microseconds since 1970-01-01T00:00:00Z."""
        ...

    def less(self, sums: Sequence[Any], numbers: Sequence[Decimal | None]) -> tuple[Any, ...]:
        """Sums of quantities and charges, one after the other as `sums` gives them, with these two taken off."""
        ...

    def step_start(self, number: ColumnElement[int], step: timedelta) -> ColumnElement[Any]:
        """The first instant of the day or the hour of that number since 1970."""
        ...


def compile_statement(clause: ClauseElement, dialect: Dialect) -> Statement:
    """The text of a Core statement for this engine. Costs about a millisecond, so it is done once for each shape."""
    compiled = clause.compile(dialect=dialect.compiler)
    names = getattr(compiled, "positiontup", None) or ()
    constants = {name: value for name, value in (compiled.params or {}).items() if value is not None}
    return Statement(str(compiled), tuple(names), constants)
