"""Reading JSON and JSON Lines back. A JSON file is read whole, JSON Lines by the line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

import orjson

from app.exports.document import Values
from app.exports.reading.unreadable import Unreadable, section_named
from app.reports.report import Report, Section


def json_rows(report: Report, file: BinaryIO) -> Iterator[tuple[Section, Values]]:
    """The rows of a JSON file."""
    told = _parsed(file.read(), "the file")
    sections = told.get("sections") if isinstance(told, dict) else None
    if not isinstance(sections, dict):
        raise Unreadable("the file has no sections")
    for name, rows in sections.items():
        section = section_named(report, name, "sections")
        for number, row in enumerate(rows, 1):
            yield section, _own(section, row, f"{name}, row {number}")


def jsonl_rows(report: Report, file: BinaryIO) -> Iterator[tuple[Section, Values]]:
    """The rows of a file of JSON Lines."""
    for number, line in enumerate(file, 1):
        where = f"line {number}"
        row = _parsed(line, where)
        section = section_named(report, row.get("section") if isinstance(row, dict) else None, where)
        yield section, _own(section, row, where)


def _own(section: Section, row: Any, where: str) -> Values:
    """What the section's columns have; what the file tells beside them is no part of the row."""
    try:
        return {each.name: row[each.name] for each in section.columns}
    except (KeyError, TypeError):
        raise Unreadable(f"{where}: a column of {section.name} is missing") from None


def _parsed(data: bytes, where: str) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise Unreadable(f"{where}: is not JSON: {error}") from None
