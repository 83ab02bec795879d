"""A workbook of plain rows, written row by row in constant memory: the same table on as many sheets as it needs.

It is what contracts with a workbook of their own layout write; exports of reports have `app.exports.formats`. Cells hold numbers,
or text as it is: what a spreadsheet would run as a formula is text here.
"""

from __future__ import annotations

import re
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
LONGEST_SHEET = 1_048_576
"""Rows that a sheet may have (ECMA-376 leaves it to the reader; this is what spreadsheets take), its heading included."""
_EXACT_DIGITS = 15
"""Digits of a number that every reader keeps: spreadsheets calculate with binary fractions of 53 bits."""
_CHUNK = 256 * 1024
_UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_CAREFUL = re.compile(r"^[=#]|[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")

Value = str | int | Decimal | None


class Sheet:
    """Writes one table. Blocks: to be used from a worker thread, by one at a time, and closed whatever happens."""

    def __init__(self, title: str, heading: Sequence[str]) -> None:
        from openpyxl import Workbook  # takes a tenth of a second to load, which few calls need

        self._book = Workbook(write_only=True)
        self._title = title
        self._heading = heading
        self._rows = LONGEST_SHEET
        self._sheet: Any = None
        # A caller that is cancelled closes while its thread may still be adding.
        self._lock = threading.Lock()

    def add(self, rows: Iterable[Sequence[Value]]) -> None:
        """Add rows, going on on another sheet where one is full."""
        with self._lock:
            for row in rows:
                if self._rows == LONGEST_SHEET:
                    self._turn()
                self._append(row)

    def finish(self) -> Iterator[bytes]:
        """The file's bytes in chunks; nothing can be added any more."""
        if self._sheet is None:
            self._turn()
        with tempfile.TemporaryFile() as file:
            self._sheet = None
            self._book.save(file)
            file.seek(0)
            while chunk := file.read(_CHUNK):
                yield chunk

    def close(self) -> None:
        """Leave nothing behind."""
        with self._lock:
            if self._sheet is not None:
                # Rows wait in files of their own, which are removed when the workbook is saved.
                with tempfile.TemporaryFile() as nowhere:
                    self._book.save(nowhere)
            self._sheet = None

    def _turn(self) -> None:
        number = len(self._book.worksheets) + 1
        self._sheet = self._book.create_sheet(self._title if number == 1 else f"{self._title} {number}")
        self._rows = 0
        self._append(self._heading)

    def _append(self, row: Sequence[Value]) -> None:
        self._sheet.append([self._cell(value) for value in row])
        self._rows += 1

    def _cell(self, value: Value) -> Any:
        if isinstance(value, Decimal):
            if len(value.as_tuple().digits) <= _EXACT_DIGITS and abs(value.adjusted()) <= _EXACT_DIGITS:
                return value
            value = format(value, "f")
        if not isinstance(value, str) or not _CAREFUL.search(value):
            return value
        from openpyxl.cell import WriteOnlyCell

        cell: Any = WriteOnlyCell(self._sheet)
        # Not through `value`, which would take what begins so for a formula or an error. What XML cannot hold is written as
        # ECMA-376 (22.9.2.19) has it.
        cell._value = _UNWRITABLE.sub(lambda match: f"_x{ord(match[0]):04X}_", value)
        cell.data_type = "s"
        return cell
