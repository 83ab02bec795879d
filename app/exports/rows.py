"""Rows of a section as JSON values and as canonical bytes, a batch at a time.

What a batch gives is what `app.reports.report.row_values` and `canonical_row` give for each of its rows, which tests hold it to;
but what can be known of a section beforehand is found out once, which halves the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from operator import attrgetter, itemgetter
from typing import Any

import orjson

from app.domain.canonical import canonical_bytes
from app.domain.decimal import plain
from app.domain.instant import format_instant
from app.exports.document import Values
from app.reports.report import Column, Section, row_values

_ENCODERS: dict[type, Callable[[Any], Any] | None] = {
    str: None,
    int: None,
    bool: None,
    Decimal: plain,
    datetime: format_instant,
    list: list,
}


def values_of(section: Section, batch: Sequence[Any]) -> list[Values]:
    """The values of each row, in column order."""
    if len(section.columns) < 2:  # what reads and picks several at once gives no tuple for one
        return [row_values(section, row) for row in batch]
    names = [each.name for each in section.columns]
    read = attrgetter(*(each.attribute for each in section.columns))
    encoders = [(at, each) for at, column in enumerate(section.columns) if (each := _encoder(column)) is not None]
    found = []
    for row in batch:
        values = list(read(row))
        for at, encode in encoders:
            if values[at] is not None:
                values[at] = encode(values[at])
        found.append(dict(zip(names, values, strict=True)))
    return found


def canonical(section: Section, rows: Sequence[Values]) -> Iterator[bytes]:
    """The canonical bytes of each row: names in order, and with the section that it is of."""
    name = section.name
    if len(section.columns) < 2:
        yield from (canonical_bytes({"section": name, "row": row}) for row in rows)
        return
    # Names of columns are ASCII, so that sorting them as texts is sorting them as RFC 8785 wants.
    ordered = sorted(each.name for each in section.columns)
    pick = itemgetter(*ordered)
    objects = [each.name for each in section.columns if each.json]
    for row in rows:
        sorted_row = dict(zip(ordered, pick(row), strict=True))
        for each in objects:
            if sorted_row[each] is not None:
                sorted_row[each] = orjson.Fragment(canonical_bytes(sorted_row[each]))
        yield orjson.dumps({"row": sorted_row, "section": name})


def _encoder(column: Column) -> Callable[[Any], Any] | None:
    """How a present value of the column is encoded; None where it is as it is. Raises KeyError for a type that is new here."""
    if column.json:
        return orjson.loads
    if issubclass(column.type, StrEnum):
        return _word
    return _ENCODERS[column.type]


def _word(value: StrEnum) -> str:
    return value.value
