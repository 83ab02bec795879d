"""Writing answers: rows under the report's own column names, and a report's sections folded into one object."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

import orjson

from app.domain.catalogue import RecordKind
from app.domain.decimal import plain
from app.domain.entry import Entry
from app.domain.instant import format_instant
from app.reports.report import Column, Report, Section, columns_of, teller
from app.reports.totals import ALL_KEYS, ChargeRow, GroupRow, Keys, QuantityRow

ONE_ROW = frozenset({*RecordKind, "cover"})
"""Sections that always have one row, and are told as an object: the record that a report is about, and the end of the ledger."""
PARTS: dict[type, str] = {QuantityRow: "quantities", ChargeRow: "charges"}
"""Row types that belong to a group or a total and are told inside it."""
_INSTANT = "value if value.microsecond else format_instant(value)"
"""orjson writes instants itself, five times as quickly, but leaves out microseconds that are none."""
_KEYS = frozenset(each.name for each in columns_of(Keys))


def keys_of(section: Section) -> tuple[str, ...]:
    """The columns that tell which group a row of the section is of."""
    return tuple(each.name for each in section.columns if each.name in _KEYS)


def is_object(section: Section) -> bool:
    """Whether the section is told as an object and not as a list of rows. A total is known by having no keys."""
    return section.name in ONE_ROW or (section.row is GroupRow and not keys_of(section))


def is_cut(section: Section) -> bool:
    """Whether `limit` cuts the section: entries, and groups by what the caller names. The others are as long as they are."""
    return section.row is Entry or (section.row is GroupRow and keys_of(section) == ALL_KEYS)


def told_sections(report: Report) -> tuple[Section, ...]:
    """The sections that this contract tells: it has no parameter for the others."""
    return tuple(each for each in report.sections if each.only_with is None)


def own_columns(section: Section) -> tuple[Column, ...]:
    """The columns that its rows are told with: a part leaves out the keys, which the group around it tells.

    This contract groups by dimensions alone, and says nothing of keys of additional data.
    """
    if section.row in PARTS:
        return tuple(each for each in section.columns if each.name not in _KEYS)
    return tuple(each for each in section.columns if section.row is not GroupRow or each.name != "additional_data")


@cache
def telling(columns: tuple[Column, ...]) -> Callable[[Any], dict[str, Any]]:
    """What tells a row under these columns, as JSON values that orjson takes: instants RFC 3339, decimals numbers with all their
    digits."""
    # orjson refuses decimals, and a float would lose digits.
    names = {"fragment": orjson.Fragment, "plain": plain, "format_instant": format_instant}
    return teller(columns, _turned, names)


def _turned(column: Column) -> str | None:
    if column.json:
        return "fragment(value)"
    return {Decimal: "fragment(plain(value))", datetime: _INSTANT}.get(column.type)


class Folding:
    """A report's object while its rows come in."""

    def __init__(self, report: Report, limit: int) -> None:
        self._limit = limit
        self._rows: dict[str, list[dict[str, Any]]] = {}
        self._groups: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {}
        self._around: dict[str, Section] = {}
        self._objects = frozenset(each.name for each in told_sections(report) if is_object(each))
        self.truncated: list[str] = []
        """Names of the parts that have more rows than were asked for."""
        group: Section | None = None
        for section in told_sections(report):
            if section.row in PARTS:
                assert group is not None, f"section {section.name} of {report.name} follows no groups"
                self._around[section.name] = group
                continue
            self._rows[section.name] = []
            if section.row is GroupRow:
                group = section
                self._groups[section.name] = {}

    def add(self, section: Section, batch: Sequence[Any]) -> None:
        """Take in some rows of a section."""
        rows = list(map(telling(own_columns(section)), batch))
        if section.row in PARTS:
            self._put_inside(section, batch, rows)
            return
        into = self._rows[section.name]
        if is_cut(section) and len(into) + len(rows) > self._limit:
            rows = rows[: self._limit - len(into)]
            if section.name not in self.truncated:
                self.truncated.append(section.name)
        if section.row is GroupRow:
            names = keys_of(section)
            for row, values in zip(batch, rows, strict=False):
                values |= {part: [] for part in PARTS.values()}
                self._groups[section.name][tuple(getattr(row, name) for name in names)] = values
        into += rows

    def told(self) -> dict[str, Any]:
        """The sections as they stand, in the report's order."""
        return {name: rows[0] if name in self._objects else rows for name, rows in self._rows.items()}

    def _put_inside(self, section: Section, batch: Sequence[Any], rows: list[dict[str, Any]]) -> None:
        group = self._around[section.name]
        names = keys_of(group)
        for row, values in zip(batch, rows, strict=True):
            found = self._groups[group.name].get(tuple(getattr(row, name) for name in names))
            if found is not None:  # else its group was cut off
                found[PARTS[section.row]].append(values)
