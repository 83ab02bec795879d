"""The answers' shapes for the OpenAPI document, made from the reports' own columns. Answers are not built with them."""

from __future__ import annotations

from collections.abc import Sequence as Many
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, Field, WithJsonSchema, create_model

from app.api.openapi import Meta
from app.api.vendors.reports_v1.answering import PARTS, is_object, own_columns, told_sections
from app.api.vendors.reports_v1.vocabulary import LARGEST_SEQUENCE, ReadRoute
from app.reports.report import Column, Report, Section
from app.reports.totals import GroupRow

_Number = Annotated[Decimal, WithJsonSchema({"type": "number"})]
"""A JSON number with all its digits; pydantic by itself would call a decimal a string."""
Sequence = Annotated[int, Field(ge=0, le=LARGEST_SEQUENCE)]
"""A place in a ledger; 0 is before its first entry."""


class Ends(BaseModel):
    """The period that was asked for, by when things happened."""

    from_: datetime | None = Field(alias="from", description="Inclusive, UTC; null where it is open.")
    to: datetime | None = Field(description="Exclusive, UTC; null where it is open.")


class PageInfo(BaseModel):
    """Where the next page begins."""

    next_cursor: Annotated[int, Field(ge=1, le=LARGEST_SEQUENCE)] | None = Field(
        description="To be sent as `cursor` for the next page; null on the last one."
    )


def feed_answer(report: Report) -> type[BaseModel]:
    """The answer of a route that tells rows page by page."""
    row = _row(report, report.sections[0], ())
    return _answer(report, list[row], page_info=(PageInfo, ...))  # type: ignore[valid-type]


def report_answer(report: Report, route: ReadRoute) -> type[BaseModel]:
    """The answer of a route that tells one report object."""
    parts: dict[str, Any] = {
        "report": (str, Field(description="Which report it is.", examples=[report.name.replace("_", "-")])),
        "as_of": (Sequence, Field(description="The last sequence that counts; as `as_of` it gives the same answer again.")),
        "data_through": (datetime | None, Field(description="When that entry was recorded, UTC; null for an empty ledger.")),
        "period": (Ends, ...),
    }
    if "group_by" in route.parameters:
        parts["group_by"] = (list[str], Field(description="What the groups are of."))
    if "time_zone" in route.parameters:
        parts["time_zone"] = (str, Field(description="The IANA zone on whose calendar time was cut."))
    parts["truncated"] = (list[str], Field(description="The parts that have more rows than `limit`. Totals cover them all."))
    sections = told_sections(report)
    for at, section in enumerate(sections):
        if section.row in PARTS:
            continue
        row = _row(report, section, _parts_of(sections[at + 1 :]) if section.row is GroupRow else ())
        type_ = row if is_object(section) else list[row]  # type: ignore[valid-type]
        parts[section.name] = (type_, Field(description=section.description))
    data = create_model(_title(report.name) + "Report", __doc__=report.description, **parts)
    return _answer(report, data)


def _answer(report: Report, data: Any, **more: Any) -> type[BaseModel]:
    return create_model(f"{_title(report.name)}Answer", data=(data, ...), **more, meta=(Meta, ...))


def _parts_of(following: Many[Section]) -> tuple[Section, ...]:
    parts = []
    for section in following:
        if section.row not in PARTS:
            break
        parts.append(section)
    return tuple(parts)


_rows: dict[tuple[Column, ...], type[BaseModel]] = {}


def _row(report: Report, section: Section, parts: Many[Section]) -> type[BaseModel]:
    """The shape of a section's rows, the same for every report in which they have the same columns."""
    columns = own_columns(section)
    if columns not in _rows:
        fields: dict[str, Any] = {each.name: (_type(each), Field(description=each.description)) for each in columns}
        for part in parts:
            fields[PARTS[part.row]] = (list[_row(report, part, ())], Field(description=part.description))  # type: ignore[misc]
        _rows[columns] = create_model(_name(report, section), __doc__=section.row.__doc__, **fields)
    return _rows[columns]


def _name(report: Report, section: Section) -> str:
    if section.row is GroupRow and is_object(section):
        return "Total"
    name = section.row.__name__.removesuffix("Row")
    taken = {each.__name__ for each in _rows.values()}
    return f"{_title(report.name)}{_title(section.name)}" if section.row is GroupRow or name in taken else name


def _type(column: Column) -> Any:
    type_: Any = _Number if column.type is Decimal else dict[str, Any] if column.type is dict else column.type
    if type_ is list:
        type_ = list[str]
    return type_ | None if column.optional else type_


def _title(name: str) -> str:
    return "".join(each.capitalize() for each in name.split("_"))
