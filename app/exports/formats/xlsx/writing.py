"""Writing a workbook: its sheets one after another, each row as it comes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from openpyxl.utils import get_column_letter

from app.exports.document import EXPANDED, Document, Values, expanded_column
from app.exports.formats.xlsx.book import Book
from app.exports.formats.xlsx.cells import Cells, Made
from app.exports.formats.xlsx.summary import summarize
from app.reports.report import Column, Section

MOST_ROWS = 1_048_576
"""Rows that a sheet may have, the labels included."""
_WIDTHS: dict[Any, int] = {datetime: 28, Decimal: 16, int: 12, bool: 11, list: 14, dict: 44}
_TEXT_WIDTH = 22
_DATE_WIDTH = 20
_WIDEST = 60


class XlsxWriter:
    """Writes one workbook; as `app.exports.document.Writer` has it."""

    def __init__(self, document: Document, *, most_rows: int = MOST_ROWS) -> None:
        self._document = document
        self._most_rows = most_rows
        self._book = Book(document.report.title)
        self._summary = self._book.sheet("Summary")
        self._zone = document.layout.local_time or next(iter(document.parameters.get("time_zone", ())), "UTC")
        self._waiting = list(document.report.sections)
        self._table: _Table | None = None
        self._tables: dict[str, list[_Table]] = {}

    def begin(self) -> Iterable[bytes]:
        return ()

    def rows(self, section: Section, rows: Sequence[Values]) -> Iterable[bytes]:
        table = self._reached(section)
        for row in rows:
            if table.rows == self._most_rows - 1:
                table = self._begun(section)
            table.add(row)
        return ()

    def end(self, digest: str) -> Iterable[bytes]:
        while self._waiting:
            self._begun(self._waiting.pop(0))
        for tables in self._tables.values():
            for each in tables:
                each.end()
        told = {name: [(each.title, each.rows) for each in tables] for name, tables in self._tables.items()}
        summarize(self._book, self._summary, self._document, self._zone, told, digest)
        yield from self._book.packed()

    def _reached(self, section: Section) -> _Table:
        """The table under way, after those of sections that nothing was told of."""
        if self._table is None or self._table.section is not section:
            if section not in self._waiting:
                raise ValueError(f"section {section.name} comes out of order")
            while self._begun(self._waiting.pop(0)).section is not section:
                pass
        assert self._table is not None
        return self._table

    def _begun(self, section: Section) -> _Table:
        self._table = _Table(self._book, section, self._document.keys, self._zone)
        self._tables.setdefault(section.name, []).append(self._table)
        return self._table


class _Table:
    """One sheet with rows of one section."""

    def __init__(self, book: Book, section: Section, keys: tuple[str, ...], zone: str) -> None:
        self.section = section
        self.rows = 0
        self._sheet: Any = book.sheet(section.title)
        self._cells = Cells(book, self._sheet, ZoneInfo(zone))
        self._keys = keys if expanded_column(section) else ()
        self._columns = [each for each in section.columns if not (each.json and each.name == EXPANDED)]
        self._makers: list[tuple[str, Made, bool]] = [
            (each.name, self._cells.maker(each), each.type is datetime) for each in self._columns
        ]
        labels = [text for each in self._columns for text in _labels(each, zone)] + list(self._keys)
        self._width = len(labels)
        for at, width in enumerate(self._widths(zone), 1):
            self._sheet.column_dimensions[get_column_letter(at)].width = width
        self._sheet.freeze_panes = "A2"
        self._sheet.print_title_rows = "1:1"
        self._sheet.append([self._cells.label(text) for text in labels])

    @property
    def title(self) -> str:
        """The sheet's title."""
        return str(self._sheet.title)

    def add(self, row: Values) -> None:
        """One more row."""
        made: list[Any] = []
        for name, make, instant in self._makers:
            value = row[name]
            made.append(None if value is None else make(value))
            if instant:
                made.append(None if value is None else self._cells.date(value))
        if self._keys:
            data = row[EXPANDED] or {}
            made += [self._cells.free(data[key]) if key in data else None for key in self._keys]
        self._sheet.append(made)
        self.rows += 1

    def end(self) -> None:
        """Let the labels filter all rows that there are now."""
        self._sheet.auto_filter.ref = f"A1:{get_column_letter(self._width)}{self.rows + 1}"

    def _widths(self, zone: str) -> Iterable[int]:
        for each in self._columns:
            for at, text in enumerate(_labels(each, zone)):
                yield min(_WIDEST, max(len(text) + 4, _DATE_WIDTH if at else _WIDTHS.get(each.type, _TEXT_WIDTH)))
        for key in self._keys:
            yield min(_WIDEST, max(len(key) + 4, _TEXT_WIDTH))


def _labels(column: Column, zone: str) -> tuple[str, ...]:
    return (column.label, f"{column.label} ({zone})") if column.type is datetime else (column.label,)
