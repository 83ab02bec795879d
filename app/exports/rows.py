"""Rows of a section as JSON values and as canonical bytes, a batch at a time.

What a batch gives is what `app.reports.report.row_values` and `canonical_row` give for each of its rows, which tests hold it to;
but what can be known of a section beforehand is found out once, which halves the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from operator import itemgetter
from typing import Any

import orjson

from app.domain.canonical import canonical_bytes
from app.domain.decimal import plain
from app.domain.instant import format_instant
from app.exports.document import Values
from app.reports.report import Column, Section, teller

_TURNED: dict[type, str | None] = {
    str: None,
    int: None,
    bool: None,
    Decimal: "plain(value)",
    datetime: "format_instant(value)",
    list: "list(value)",
}
_NAMES = {"plain": plain, "format_instant": format_instant, "loads": orjson.loads}


def values_of(section: Section, batch: Sequence[Any]) -> list[Values]:
    """The values of each row, in column order."""
    return list(map(_telling(section.columns), batch))


@cache
def _telling(columns: tuple[Column, ...]) -> Callable[[Any], Values]:
    return teller(columns, _turned, _NAMES)


def _turned(column: Column) -> str | None:
    """How a present value of the column is encoded; None where it is as it is. Raises KeyError for a type that is new here."""
    if column.json:
        return "loads(value)"
    return "value.value" if issubclass(column.type, StrEnum) else _TURNED[column.type]


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
