"""Types made from whole reports: a field for each section, and the rows as they come in, folded into what those fields read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from operator import attrgetter
from types import SimpleNamespace
from typing import Any, Generic, TypeVar

import strawberry

from app.api.graphql.completeness import Completeness
from app.api.graphql.feeds import entries_field
from app.api.graphql.links import links_of
from app.api.graphql.nodes import Entry
from app.api.graphql.records import TYPES, CatalogueRecord
from app.api.graphql.rows import told
from app.api.graphql.scalars import SafeInt
from app.api.graphql.shapes import Field, fields_of, object_type
from app.api.graphql.totals import UsageGroup, UsageTotal, group_told, group_type
from app.domain import entry as entries
from app.domain.catalogue import RecordKind
from app.reports import feed
from app.reports.report import Opened, Report, Section, columns_of
from app.reports.subjects import RecordRow
from app.reports.totals import ALL_KEYS, TOTAL, ChargeRow, GroupRow, Keys, QuantityRow
from app.reports.usage_summary import GROUPS

T = TypeVar("T")

_PARTS = (QuantityRow, ChargeRow)
"""Rows that belong to the group before them, which knows them already."""
_OPENED: dict[str, str] = {
    "opened": "The usage entries behind the row, reversals and replacements among them, as of the same point.",
    "opened_before": "The usage entries behind the value before; null where there is no time before.",
}
"""Attributes of rows that say which entries a number is the sum of."""
_ONE_ROW = frozenset({*RecordKind, "cover"})
"""Sections that always have one row: the record of a kind that the report is about, and the end of the ledger. So has a total,
which is known by having no keys."""
_KEYS = frozenset(each.name for each in columns_of(Keys))
_AS_OF = (
    Field(
        attribute="as_of",
        type=SafeInt,
        description="The sequence up to which the ledger was read; named as `asOf`, it gives the same answer again.",
    ),
    Field(
        attribute="data_through",
        type=datetime | None,
        description="When that entry was recorded, UTC; null for an empty ledger.",
    ),
    Field(
        attribute="completeness",
        type=Completeness,
        description="Up to where the ledger was read, what has come late, and what nobody knows.",
    ),
)


@strawberry.type(description="The first rows of a part of a report.")
class Excerpt(Generic[T]):
    rows: list[T] = strawberry.field(description="The rows, as many as were asked for at most.")
    is_cut: bool = strawberry.field(description="Whether there are more rows. Totals cover them all.")


def report_type(report: Report) -> Any:
    """The type of the whole report."""
    name = _type_name(report.name)
    sections = [
        Field(attribute=each.name, type=_section_type(name, each), description=each.description)
        for each in report.sections
        if each.row not in _PARTS
    ]
    return object_type(name, report.description, [*_AS_OF, *sections])


def _section_type(report: str, section: Section) -> Any:
    row = _row_type(f"{report}{_type_name(section.name)}Row", section)
    if _is_one_row(section):
        return row
    return Excerpt[row] if _is_excerpt(section) else list[row]  # type: ignore[valid-type]


def _row_type(name: str, section: Section) -> Any:
    """The type that is there for rows with these columns, or a new one."""
    if section.row is RecordRow:
        return TYPES[RecordKind(section.name)] if section.name in _ONE_ROW else CatalogueRecord
    known = {TOTAL.groups.columns: UsageTotal, GROUPS.groups.columns: UsageGroup, feed.COLUMNS: Entry}
    if section.columns in known:
        return known[section.columns]
    if section.row is GroupRow:
        return group_type(name, section.description, section)
    return object_type(name, section.description, fields_of(section.columns), also=links_of(section.columns) | _opening(section))


def _opening(section: Section) -> dict[str, Any]:
    """A field for each number that opens into its entries."""
    names = {"opened": "entries", "opened_before": "previous_entries"}
    return {
        names[each]: entries_field(description, attrgetter(each))
        for each, description in _OPENED.items()
        if hasattr(section.row, each)
    }


def _type_name(name: str) -> str:
    return "".join(each.capitalize() for each in name.split("_"))


def _keys(section: Section) -> tuple[str, ...]:
    """The columns that tell which group a row is of."""
    return tuple(each.name for each in section.columns if each.name in _KEYS)


def _is_one_row(section: Section) -> bool:
    return section.name in _ONE_ROW or (section.row is GroupRow and not _keys(section))


def _is_excerpt(section: Section) -> bool:
    """Whether the report gives only as many rows as were asked for: of entries, and of groups by what the caller names."""
    return section.row is entries.Entry or (section.row is GroupRow and _keys(section) == ALL_KEYS)


async def folded(
    report: Report,
    opened: Opened,
    answer: AsyncIterator[tuple[Section, Sequence[Any]]],
    limit: int,
    completeness: Completeness,
) -> SimpleNamespace:
    """What the report's type reads, from an answer with one row more than `limit` in each excerpt."""
    rows: dict[str, list[Any]] = {each.name: [] for each in report.sections if each.row not in _PARTS}
    async for section, batch in answer:
        if section.row in _PARTS:
            continue
        if section.row is GroupRow:
            batch = [group_told(row) for row in batch]
        elif section.row is RecordRow:
            batch = [told(row, opened.scope.account_id) for row in batch]
        rows[section.name] += batch
    stated = {each.name: _shown(each, rows[each.name], limit) for each in report.sections if each.name in rows}
    heading = {"as_of": SafeInt(opened.scope.as_of), "data_through": opened.recorded_at, "completeness": completeness}
    return SimpleNamespace(**heading, **stated)


def _shown(section: Section, rows: list[Any], limit: int) -> Any:
    if _is_one_row(section):
        return rows[0]
    return Excerpt(rows=rows[:limit], is_cut=len(rows) > limit) if _is_excerpt(section) else rows
