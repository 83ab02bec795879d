"""The conditions that filters become, and which index a statement is to walk.

A statement's text depends on the *shape* of a question alone, its values are parameters; so a text is compiled once for each
shape. Which index leads is decided here and not by the planner: the same question takes the same way on a new and on a full
database, and no statistics need to be kept fresh.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Text, and_, bindparam, literal_column, not_, true

from app.domain.entry import EntryKind
from app.question.filters import Filters
from app.question.keys import DataKey, Dimension
from app.storage.sql.dialect import Dialect
from app.storage.sql.tables import INDEXED
from app.storage.sql.writes import width

SEQUENCE = "sequence"
OCCURRED_AT = "occurred_at"
EVENT = "event"
NOT_USAGE = "not_usage"
LIFE = "life"
CHANGES = "changes"
"""What can lead beside the columns in INDEXED: the key, and the indexes by occurred_at, of corrections, without usage, and of a
license's entries without usage, alone and with its corrections."""
OF_LICENSES = {LIFE: "entries_life_by_license", CHANGES: "entries_changes_by_license"}
"""The names of those two, which lead to few entries of one license."""

NARROW = INDEXED[: INDEXED.index("product_id")]
"""Columns that name so few entries that all of them can be read and sorted."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What of filters decides the text of a statement: columns with their number of values, kinds, which ends are closed."""

    terms: tuple[tuple[str, int], ...]
    kinds: tuple[str, ...] | None
    start: bool
    end: bool
    corrections: bool = False
    """Whether only reversals and replacements are asked for."""
    absent: tuple[str, ...] = ()
    """Columns that say nothing."""
    data: tuple[bool, ...] = ()
    """For each key of additional data, whether it says something."""
    outside: tuple[tuple[tuple[str | None, ...], bool, bool], ...] = ()
    """For each group that is left out: its columns (None for a key of additional data), and which ends of its time are closed."""

    @property
    def bare(self) -> bool:
        """Whether nothing is asked but the kinds."""
        return not (self.terms or self.start or self.end or self.corrections or self.absent or self.data or self.outside)


def shape_of(filters: Filters, kinds: Iterable[EntryKind] | None, corrections: bool = False) -> Shape:
    """The shape of these filters."""
    return Shape(
        tuple((name, width(len(values))) for name, values in filters.terms()),
        None if kinds is None else tuple(sorted(kind.value for kind in kinds)),
        filters.period.start is not None,
        filters.period.end is not None,
        corrections,
        tuple(each.value for each in filters.absent),
        tuple(each.value is not None for each in filters.data),
        tuple(
            (
                tuple(each.value if isinstance(each, Dimension) else None for each in part.keys),
                part.period.start is not None,
                part.period.end is not None,
            )
            for part in filters.outside
        ),
    )


def values_of(filters: Filters, dialect: Dialect) -> dict[str, Any]:
    """The values of the parameters that `conditions` names for these filters."""
    values: dict[str, Any] = {}
    for name, terms in filters.terms():
        values |= repeated(name, terms)
    if filters.period.start is not None:
        values["start"] = dialect.bound(filters.period.start)
    if filters.period.end is not None:
        values["end"] = dialect.bound(filters.period.end)
    for at, datum in enumerate(filters.data):
        values |= {f"data_key_{at}": datum.key.name, f"data_{at}": datum.value}
    for at, part in enumerate(filters.outside):
        if part.period.start is not None:
            values[f"out_{at}_start"] = dialect.bound(part.period.start)
        if part.period.end is not None:
            values[f"out_{at}_end"] = dialect.bound(part.period.end)
        for key_at, (key, value) in enumerate(zip(part.keys, part.values, strict=True)):
            values[f"out_{at}_{key_at}"] = value
            if isinstance(key, DataKey):
                values[f"out_{at}_{key_at}_key"] = key.name
    return values


def ordered_lead(shape: Shape) -> str | None:
    """The index that gives the entries asked for in sequence order and few others; None if there is none."""
    single = {name for name, count in shape.terms if count == 1}
    without_usage = shape.kinds is not None and EntryKind.USAGE.value not in shape.kinds
    if "license_id" in single and "request_id" not in single and (without_usage or shape.corrections):
        return LIFE if without_usage else CHANGES
    found = next((name for name in INDEXED if name in single), None)
    return NOT_USAGE if found is None and without_usage else found


def gathering_lead(shape: Shape) -> str:
    """The index that reads the fewest other entries, in whatever order.

    A product or a feature goes before a period: its share of the entries has a bound, a period may be all of them.
    """
    named = {name for name, _ in shape.terms}
    found = next((name for name in NARROW if name in named), None)
    if found is None and shape.kinds is not None and EntryKind.USAGE.value not in shape.kinds:
        return NOT_USAGE
    if found is None and shape.corrections:
        return EVENT
    found = found or next((name for name in INDEXED if name in named), None)
    return found or (OCCURRED_AT if shape.start or shape.end else SEQUENCE)


def conditions(dialect: Dialect, shape: Shape, lead: str) -> Iterator[ColumnElement[bool]]:
    """The conditions on `entries`: the account, `above` < sequence <= `upto`, the shape's own; indexed for `lead` alone."""
    columns = dialect.entries.c

    def column(name: str) -> ColumnElement[Any]:
        leads = name == lead or (lead in OF_LICENSES and name == "license_id")
        return columns[name] if leads else dialect.unindexed(columns[name])

    # Every index by a column goes on with the sequence, but only the values of these two are not given one by one.
    sequence = dialect.unindexed(columns.sequence) if lead in (OCCURRED_AT, EVENT) else columns.sequence
    yield columns.account_id == bindparam("account_id")
    yield sequence > bindparam("above", type_=BigInteger)
    yield sequence <= bindparam("upto", type_=BigInteger)
    yield from dialect.bounds()
    if lead in (NOT_USAGE, LIFE):
        yield columns.kind != literal_column("'usage'")  # said as the partial index says it
    if shape.kinds is not None:
        kinds: list[ColumnElement[str]] = [literal_column(f"'{kind}'") for kind in shape.kinds]
        yield columns.kind == kinds[0] if len(kinds) == 1 else columns.kind.in_(kinds)
    if shape.corrections:
        yield columns.correction.is_not(None)
    if lead == EVENT:
        yield columns.event.is_not(None)  # of corrections alone, and said for the same reason
    for name, count in shape.terms:
        values = listed(name, count)
        yield column(name) == values[0] if count == 1 else column(name).in_(values)
    if shape.start:
        yield column(OCCURRED_AT) >= bindparam("start")
    if shape.end:
        yield column(OCCURRED_AT) < bindparam("end")
    for name in shape.absent:
        yield column(name).is_(None)
    for at, says in enumerate(shape.data):
        said = dialect.datum(columns.additional_data, bindparam(f"data_key_{at}", type_=Text))
        yield said == bindparam(f"data_{at}", type_=Text) if says else said.is_(None)
    for at in range(len(shape.outside)):
        yield _outside(dialect, shape, at)


def _outside(dialect: Dialect, shape: Shape, at: int) -> ColumnElement[bool]:
    """That an entry is not of one group. Nothing in it can be null, so that its negation is never null either."""
    columns = dialect.entries.c
    names, start, end = shape.outside[at]
    occurred_at = dialect.unindexed(columns.occurred_at)
    terms: list[ColumnElement[bool]] = []
    if start:
        terms.append(occurred_at >= bindparam(f"out_{at}_start"))
    if end:
        terms.append(occurred_at < bindparam(f"out_{at}_end"))
    for key_at, name in enumerate(names):
        value: ColumnElement[Any] = bindparam(f"out_{at}_{key_at}", type_=Text)
        if name is None:
            said = dialect.datum(columns.additional_data, bindparam(f"out_{at}_{key_at}_key", type_=Text))
        else:
            said = dialect.unindexed(columns[name])
        terms.append(said.is_not_distinct_from(value))
    return not_(and_(true(), *terms))


def listed(name: str, count: int) -> list[ColumnElement[Any]]:
    """The parameters of a list of values."""
    return [bindparam(f"{name}_{at}") for at in range(count)]


def repeated(name: str, values: Sequence[Any]) -> dict[str, Any]:
    """The values of these parameters, the last one repeated until their number is a `width`."""
    return {f"{name}_{at}": values[min(at, len(values) - 1)] for at in range(width(len(values)))}
