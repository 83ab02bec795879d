"""Reading CSV back, row by row. Whether a cell stands in quotes says something here, so the cells are taken apart by hand."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, BinaryIO

import orjson

from app.domain.canonical import SAFE_INTEGER
from app.exports.document import EXPANDED, Values, expanded_column
from app.exports.formats.csv import COMMA, POINT, Cells
from app.exports.reading.unreadable import Unreadable, section_named
from app.reports.report import Column, Report, Section

Cell = tuple[bool, str]
"""Whether it stands in quotes, and what it says."""
_KEY = f"{EXPANDED}."


def csv_rows(report: Report, file: BinaryIO) -> Iterator[tuple[Section, Values]]:
    """The rows of a CSV file, whatever options it was written with."""
    text = io.TextIOWrapper(file, "utf-8", newline="")
    try:
        records = _records(text)
        first = next(records, "")
        between = POINT if POINT in first.partition(COMMA)[0] else COMMA
        names, cells = [name for _, name in _cells(first, between, 1)], Cells(between)
        places = {name: at for at, name in enumerate(names)}
        keys = [(cells.original(name).removeprefix(_KEY), at) for name, at in places.items() if name.startswith(_KEY)]
        readers = {each.name: _Reader(each, places, keys, cells) for each in report.sections}
        sectioned = len(report.sections) > 1
        for number, record in enumerate(records, 2):
            row = _cells(record, between, number)
            if len(row) != len(names):
                raise Unreadable(f"row {number} has {len(row)} cells and not {len(names)}")
            name = row[0][1] if sectioned else report.sections[0].name
            section = section_named(report, name, f"row {number}")
            yield section, readers[section.name].values(row, number)
    except UnicodeDecodeError:
        raise Unreadable("the file is not UTF-8") from None
    finally:
        text.detach()


class _Reader:
    """Rows of one section."""

    def __init__(self, section: Section, places: dict[str, int], keys: list[tuple[str, int]], cells: Cells) -> None:
        expanded = expanded_column(section)
        self._keys = keys if expanded else []
        self._cells = cells
        self._columns: list[tuple[str, int, Callable[[Cell], Any]]] = []
        for column in section.columns:
            if expanded and column.name == EXPANDED:
                self._columns.append((EXPANDED, -1, lambda _: None))
                continue
            if column.name not in places:
                raise Unreadable(f"the column {column.name} is missing")
            self._columns.append((column.name, places[column.name], _decoder(column, cells)))

    def values(self, row: list[Cell], number: int) -> Values:
        try:
            values = {name: decode(row[at]) for name, at, decode in self._columns}
            data = {key: _free(row[at], self._cells) for key, at in self._keys if row[at] != (False, "")}
        except ValueError as error:
            raise Unreadable(f"row {number}: {error}") from None
        if data:
            values[EXPANDED] = data
        return values


def _decoder(column: Column, cells: Cells) -> Callable[[Cell], Any]:
    """What reads the cells of a column."""

    def present(decode: Callable[[str], Any]) -> Callable[[Cell], Any]:
        return lambda cell: decode(cell[1]) if cell != (False, "") else None

    if column.type is list:
        return lambda cell: orjson.loads(cells.original(cell[1])) if cell[1] else []
    if column.json:
        return present(lambda text: orjson.loads(cells.original(text)))
    if column.type is bool:
        return present(_flag)
    if column.type is int:
        return present(int)
    if column.type is Decimal:
        return present(lambda text: text.replace(",", "."))
    return present(cells.original)


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(f"{text} is neither true nor false")
    return text == "true"


def _free(cell: Cell, cells: Cells) -> Any:
    """A value of additional data."""
    quoted, text = cell
    if text[:1] in ("{", "["):
        return orjson.loads(cells.original(text))
    if quoted or not cells.typed.fullmatch(text):
        return cells.free_original(text)
    if text in ("true", "false", "null"):
        return {"true": True, "false": False, "null": None}[text]
    return free_number(text.replace(",", "."))


def free_number(text: str) -> Any:
    """A number of additional data: a whole one that is safe, or else a decimal."""
    if "." not in text and abs(int(text)) <= SAFE_INTEGER:
        return int(text)
    return {"$decimal": text}


def _records(text: io.TextIOWrapper) -> Iterator[str]:
    """The file's records: a line end within quotes ends none."""
    record = ""
    for line in text:
        record += line
        if record.endswith("\r\n") and record.count('"') % 2 == 0:
            yield record
            record = ""
    if record:
        raise Unreadable("the file ends in the middle of a row")


_PATTERNS = {between: re.compile(f'(?:"((?:[^"]|"")*)"|([^"{between}\r\n]*))({between}|\r\n)') for between in (POINT, COMMA)}


def _cells(record: str, between: str, number: int) -> list[Cell]:
    cells, at = [], 0
    match = _PATTERNS[between].match
    while at < len(record):
        found = match(record, at)
        if found is None:
            raise Unreadable(f"row {number} is not RFC 4180")
        quoted, bare, _ = found.groups()
        cells.append((False, bare) if quoted is None else (True, quoted.replace('""', '"')))
        at = found.end()
    return cells
