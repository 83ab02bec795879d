"""What a report is: a name, an ordered list of sections, and for each section the columns of its rows.

Every door and every format reads the same columns, so a fact about a column (label, unit, description) is written once.
"""

from __future__ import annotations

import types
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

import orjson

from app.domain.canonical import canonical_bytes
from app.domain.decimal import plain
from app.domain.errors import InvalidQuery
from app.domain.instant import format_instant
from app.ports import Ledger
from app.question.scope import Scope
from app.reports.parameters import Parameters


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a section. `attribute` is where a row keeps it, `type` the Python type of a present value."""

    name: str
    attribute: str
    type: Any
    optional: bool
    label: str
    description: str
    unit: str | None = None
    """The name of the column that says the unit (or currency) of this one."""
    json: bool = False
    """Whether the attribute is a canonical JSON text that stands for an object."""


@dataclass(frozen=True, slots=True)
class Section:
    """A table of a report. `row` is the type of its rows."""

    name: str
    title: str
    description: str
    row: type
    columns: tuple[Column, ...]
    only_with: str | None = None
    """The parameter without which it is not told; None where it always is."""


@dataclass(frozen=True, slots=True)
class Report:
    """A report: its name in snake case (the one that every surface derives its own from), what it is, and how it is answered.

    `answer` tells the rows in the order of the sections that are asked for, each in one or more batches, in constant memory
    where the report is long; without a limit in the parameters it is whole. `parameters` are the names that mean something to
    it, `required` the ones of which at least one must be given. It raises InvalidQuery, and NotFound for a subject that the
    account does not know.
    """

    name: str
    title: str
    description: str
    sections: tuple[Section, ...]
    parameters: tuple[str, ...]
    answer: Callable[[Ledger, Opened, Parameters], AsyncIterator[tuple[Section, Sequence[Any]]]]
    required: tuple[str, ...] = ()
    exported: bool = True
    """Whether it can be frozen as an export."""
    count: Callable[[Ledger, Opened, Parameters], Awaitable[int]] | None = None
    """How many rows there will be, where that can be told without drawing them."""
    continued: bool = False
    """Whether it can be gone on with after a row: `Parameters.beyond` means something to it."""

    def asked_with(self, names: Collection[str]) -> Report:
        """The report with the sections that are told where these parameters are named: those that others bring are left out."""
        sections = tuple(each for each in self.sections if each.only_with is None or each.only_with in names)
        return self if len(sections) == len(self.sections) else replace(self, sections=sections)

    def section(self, name: str) -> Section:
        """The section of that name."""
        return next(each for each in self.sections if each.name == name)


def column(label: str, description: str, *, unit: str | None = None, default: Any = MISSING) -> Any:
    """A dataclass field that is a report column."""
    facts = {"label": label, "description": description, "unit": unit}
    return field(metadata=facts) if default is MISSING else field(default=default, metadata=facts)


def columns_of(row: type, names: Iterable[str] | None = None) -> tuple[Column, ...]:
    """The columns that a row type's fields declare, in the order of `names` or of declaration."""
    hints = get_type_hints(row)
    declared = {each.name: each for each in fields(row) if "label" in each.metadata}
    made = []
    for name in names if names is not None else declared:
        type_, optional = _bare(hints[name])
        facts = declared[name].metadata
        made.append(Column(name, name, type_, optional, facts["label"], facts["description"], facts["unit"]))
    return tuple(made)


def _bare(hint: Any) -> tuple[Any, bool]:
    """The type without None, and whether None was allowed."""
    if get_origin(hint) in (Union, types.UnionType):
        inner = [each for each in get_args(hint) if each is not type(None)]
        return inner[0], len(inner) < len(get_args(hint))
    return hint, False


def teller(
    columns: Iterable[Column], turned: Callable[[Column], str | None], names: Mapping[str, Any]
) -> Callable[[Any], dict[str, Any]]:
    """A function that tells a row under these columns; absent values are None.

    `turned` gives for a column the Python expression over `value`, and over what has these names, for a present one; None where
    it is told as it is. A page or a block of rows has thousands of values, each of which would be asked for its type: compiled
    for the columns, nothing is asked. The text that is compiled holds nothing of a caller's.
    """
    members = []
    for each in columns:
        value, expression = f"row.{each.attribute}", turned(each)
        told = value if expression is None else f"(None if (value := {value}) is None else {expression})"
        members.append(f"{each.name!r}: {told}")
    made = dict(names)
    exec(compile(f"def tell(row):\n    return {{{', '.join(members)}}}", "<rows under columns>", "exec"), made)
    tell: Callable[[Any], dict[str, Any]] = made["tell"]
    return tell


def row_values(section: Section, row: Any) -> dict[str, Any]:
    """A row as JSON values in column order: decimals and instants as text, enums as their words, absent values as None."""
    return {each.name: _json_value(getattr(row, each.attribute), each) for each in section.columns}


def canonical_row(section: Section, row: Any) -> bytes:
    """The canonical bytes of a row of a report's stream: its section's name and its values."""
    return canonical_bytes({"section": section.name, "row": row_values(section, row)})


def _json_value(value: Any, column: Column) -> Any:
    if value is None:
        return None
    if column.json:
        return orjson.loads(value)
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return format_instant(value)
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, tuple):
        return list(value)
    return value


@dataclass(frozen=True, slots=True)
class Opened:
    """A ledger opened for one answer: everything in it is as of `scope.as_of`, recorded at or before `recorded_at`.

    `frozen` says that the caller named the point itself, so that cursors are bound to it; otherwise it is the newest entry.
    """

    scope: Scope
    recorded_at: datetime | None
    frozen: bool

    @property
    def bound_as_of(self) -> int | None:
        """What a cursor is bound to: the named point, or None for the live ledger."""
        return self.scope.as_of if self.frozen else None


MOST_ROWS = 200
"""Rows that one page may have."""
DEFAULT_ROWS = 50


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A page in Relay's words: the `first` after a cursor, or the `last` before one. Both cursors may bound either."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None

    def size(self) -> int:
        """How many rows are asked for; raises InvalidQuery for both ends at once, or fewer than 0 or more than 200 rows."""
        if self.first is not None and self.last is not None:
            raise InvalidQuery("last", "cannot be combined with first")
        name, asked = ("last", self.last) if self.last is not None else ("first", self.first)
        if asked is None:
            return DEFAULT_ROWS
        if not 0 <= asked <= MOST_ROWS:
            raise InvalidQuery(name, f"must be from 0 to {MOST_ROWS}")
        return asked

    @property
    def backward(self) -> bool:
        """Whether the page is counted from the end."""
        return self.last is not None


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows in order, a cursor for each, and whether there are more on either side."""

    rows: Sequence[T]
    cursors: Sequence[str]
    has_next: bool
    has_previous: bool
