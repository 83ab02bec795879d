"""Values as cells of a sheet: typed where a spreadsheet keeps them exactly, else text; no text is ever a formula."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from openpyxl.cell import Cell
from openpyxl.styles.cell_style import StyleArray

from app.domain.canonical import canonical_bytes
from app.domain.errors import InvalidEvent
from app.exports.formats.xlsx.book import Book, Look
from app.exports.formats.xlsx.texts import escaped
from app.exports.inert import runs
from app.exports.local_time import moved
from app.reports.report import Column

MOST_DIGITS = 15
"""Significant digits that a spreadsheet's numbers keep."""
LONGEST = 32_767
"""UTF-16 units that a cell may have."""
_FIRST_YEAR = 1900
_TYPED = re.compile(r"-?\d+(?:\.\d+)?|true|false|null|[{\[].*", re.ASCII | re.DOTALL | re.IGNORECASE)

Made = Callable[[Any], Any]
"""Makes what openpyxl takes as a cell of a value that is not None."""


def typed(text: str) -> bool:
    """Whether a text in a column of additional data looks like a value of another type."""
    return _TYPED.fullmatch(text) is not None


class Cells:
    """The cells of one sheet. openpyxl binds a styled cell to its sheet, so each sheet has makers of its own."""

    def __init__(self, book: Book, sheet: Any, zone: ZoneInfo) -> None:
        self._book = book
        self._sheet = sheet
        self._zone = zone
        self._marked = book.style(Look(marked=True))
        self._plain = book.style(Look())
        self._date = book.style(Look("yyyy-mm-dd hh:mm:ss"))
        self._numbers: dict[int, StyleArray] = {}
        self._long = book.style(Look(right=True))

    def maker(self, column: Column) -> Made:
        """What makes cells of that column's values."""
        if column.json or column.type is list:
            return lambda value: self.text(canonical_bytes(value).decode())
        if column.type is Decimal:
            return self.decimal
        if column.type in (int, bool):
            return lambda value: value
        return self.text

    def text(self, text: str) -> Any:
        """A text, marked where it would be taken for something else once its cell is edited."""
        if not text or runs(text):
            return self._string(text, self._marked)
        if text[0] == "#":  # such as #N/A, which openpyxl takes for an error of a formula
            return self._string(text, self._plain)
        return _checked(text)

    def free(self, value: Any) -> Any:
        """A value of additional data, whose type its cell tells."""
        if isinstance(value, str):
            return self._string(value, self._marked) if typed(value) else self.text(value)
        if isinstance(value, dict) and len(value) == 1 and "$decimal" in value:
            return self.decimal(value["$decimal"])
        if isinstance(value, int):
            return value if isinstance(value, bool) else self.decimal(str(value))
        return _checked(canonical_bytes(value).decode())

    def date(self, instant: str) -> Any:
        """The instant as a date in the zone's time; None where a spreadsheet has no such date."""
        moment = moved(instant, self._zone)
        if moment is None or moment.year <= _FIRST_YEAR:
            return None
        return Cell(self._sheet, 1, 1, moment.replace(tzinfo=None, microsecond=0), self._date)

    def decimal(self, text: str) -> Any:
        """A decimal: a number with all its digits shown, or text where it has too many."""
        if len(text.lstrip("-").replace(".", "").strip("0")) > MOST_DIGITS:
            return self._string(text, self._long)
        places = len(text) - text.index(".") - 1 if "." in text else 0
        if places not in self._numbers:
            self._numbers[places] = self._book.style(Look("#,##0" + ("." + "0" * places if places else "")))
        return Cell(self._sheet, 1, 1, float(text), self._numbers[places])

    def label(self, text: str) -> Any:
        """The label of a column."""
        return self._string(text, self._book.style(Look(head=True, bold=True)))

    def _string(self, text: str, style: StyleArray) -> Any:
        made: Any = Cell(self._sheet, 1, 1, None, style)
        made.value = _checked(text)
        made.data_type = "s"
        return made


def _checked(text: str) -> str:
    """The text as it is written. Raises InvalidEvent for one that is too long for a cell, which is never cut."""
    written = escaped(text)
    if len(written) > LONGEST // 2 and len(written.encode("utf-16-le")) // 2 > LONGEST:
        raise InvalidEvent(
            "format",
            f"can hold {LONGEST:,} characters in a cell, and there is a longer text here; json and csv have no such bound",
        )
    return written
