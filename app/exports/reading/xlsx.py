"""Reading XLSX back, row by row. Dates beside instants are for people, and are passed over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any, BinaryIO
from zipfile import BadZipFile

import orjson
from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from app.domain.decimal import plain
from app.exports.document import EXPANDED, Values, expanded_column
from app.exports.formats.xlsx.book import fitting
from app.exports.formats.xlsx.cells import typed
from app.exports.formats.xlsx.texts import unescaped
from app.exports.reading.csv import free_number
from app.exports.reading.unreadable import Unreadable
from app.reports.report import Column, Report, Section


def xlsx_rows(report: Report, file: BinaryIO) -> Iterator[tuple[Section, Values]]:
    """The rows of a workbook."""
    try:
        book = load_workbook(file, read_only=True)
    except (BadZipFile, InvalidFileException, KeyError, ValueError) as error:
        raise Unreadable(f"the file is no workbook: {error}") from None
    try:
        waiting, taken = list(report.sections), {"summary"}
        section: Section | None = None
        for sheet in book.worksheets[1:]:
            if waiting and sheet.title == fitting(waiting[0].title, taken):
                section = waiting.pop(0)
            elif section is None or not sheet.title.startswith(fitting(section.title, set())[:20]):
                raise Unreadable(f"the sheet {sheet.title} is none of this report")
            taken.add(sheet.title.lower())
            yield from _sheet_rows(section, sheet)
        if waiting:
            raise Unreadable(f"the sheet of {waiting[0].title} is missing")
    finally:
        book.close()


def _sheet_rows(section: Section, sheet: Any) -> Iterator[tuple[Section, Values]]:
    expanded = expanded_column(section)
    columns = [each for each in section.columns if not (expanded and each.name == EXPANDED)]
    readers: list[tuple[str, int, Callable[[Any], Any]]] = []
    at = 0
    for each in columns:
        readers.append((each.name, at, _decoder(each)))
        at += 2 if each.type is datetime else 1
    rows = iter(sheet.iter_rows())
    labels = [_text(each) or "" for each in next(rows, ())]
    if [labels[place] if place < len(labels) else None for _, place, _ in readers] != [each.label for each in columns]:
        raise Unreadable(f"the sheet {sheet.title} has other columns than {section.title}")
    keys = list(enumerate(labels))[at:] if expanded else []
    for number, row in enumerate(rows, 2):
        try:
            own = {name: decode(row[place]) if place < len(row) else decode(None) for name, place, decode in readers}
            data = {key: _free(row[place]) for place, key in keys if place < len(row) and not _absent(row[place])}
        except (ValueError, ArithmeticError) as error:
            raise Unreadable(f"the sheet {sheet.title}, row {number}: {error}") from None
        if expanded:
            own[EXPANDED] = data or None
        yield section, {each.name: own[each.name] for each in section.columns}


def _decoder(column: Column) -> Callable[[Any], Any]:
    def present(decode: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda cell: None if _absent(cell) else decode(cell)

    if column.type is list or column.json:
        return present(lambda cell: orjson.loads(_text(cell) or ""))
    if column.type is Decimal:
        return present(_number)
    if column.type is bool:
        return present(lambda cell: bool(cell.value))
    if column.type is int:
        return present(lambda cell: int(cell.value))
    return present(_text)


def _absent(cell: Any) -> bool:
    return cell is None or (cell.value is None and not _marked(cell))


def _marked(cell: Any) -> bool:
    style = getattr(cell, "style_array", None)
    return style is not None and bool(style.quotePrefix)


def _text(cell: Any) -> str | None:
    value = getattr(cell, "value", None)
    if value is None:
        return "" if _marked(cell) else None
    return unescaped(str(value))


def _number(cell: Any) -> str:
    """The decimal of a cell: a number of few digits, or the text of one of more."""
    if isinstance(cell.value, float):
        return plain(Decimal(repr(cell.value)))
    return str(cell.value)


def _free(cell: Any) -> Any:
    """A value of additional data."""
    if isinstance(cell.value, bool):
        return cell.value
    if isinstance(cell.value, (int, float)):
        return free_number(_number(cell))
    text = _text(cell) or ""
    if _marked(cell) or not typed(text):
        return text
    return orjson.loads(text) if text[0] in "{[n" else free_number(text)
