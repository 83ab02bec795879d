"""A workbook that is written row by row and packed into the same bytes each time.

openpyxl puts the moment of writing into the file twice, as the date of each packed part and as that of the last change; here both
stand still. What it keeps aside until it packs is removed also where a file is begun and never ended.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.packaging.core import DocumentProperties
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.styles.cell_style import StyleArray
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.writer.excel import ExcelWriter

_DATE = (1980, 1, 1, 0, 0, 0)
"""The first date that a packed part can bear."""
_CREATED = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)
_CHUNK = 1 << 20
_INK = "1F3247"
_FILL = "E8EDF3"
_SIZE = 11


@dataclass(frozen=True, slots=True)
class Look:
    """How a cell looks. `marked`: as if its text had been typed after an apostrophe; `head`: the label of a column."""

    format: str = "General"
    marked: bool = False
    head: bool = False
    bold: bool = False
    left: bool = False
    right: bool = False
    size: int = _SIZE


class Book:
    """A workbook under way: `sheet` for each table, then `packed`."""

    def __init__(self, title: str) -> None:
        self._book: Any = Workbook(write_only=True)
        self._book.properties = DocumentProperties(creator="Usage gateway", title=title, created=_CREATED, modified=_CREATED)
        self._sheets: list[Any] = []
        self._titles: set[str] = set()
        self._styles: dict[Look, StyleArray] = {}
        weakref.finalize(self, _forget, self._sheets)

    def sheet(self, title: str) -> Any:
        """A new sheet after the others. Its title is shortened, numbered and cleared of signs as spreadsheets want it."""
        made: Any = self._book.create_sheet(fitting(title, self._titles))
        self._titles.add(made.title.lower())
        # On paper it is as wide as the page.
        made.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
        made.page_setup.orientation, made.page_setup.fitToHeight = "landscape", 0
        self._sheets.append(made)
        return made

    def style(self, look: Look) -> StyleArray:
        """The style that cells of that look bear."""
        if look not in self._styles:
            # Fonts, fills and formats are the workbook's own, and a cell of one of its sheets is how they are entered there.
            cell: Any = WriteOnlyCell(self._sheets[0])
            cell.number_format = look.format
            cell.quotePrefix = look.marked
            if look.bold or look.size != _SIZE:
                cell.font = Font(name="Calibri", size=look.size, bold=look.bold, color=_INK)
            if look.head:
                cell.fill = PatternFill("solid", fgColor=_FILL)
                cell.border = Border(bottom=Side("thin", color=_INK))
            if look.left or look.right:
                cell.alignment = Alignment(horizontal="left" if look.left else "right")
            self._styles[look] = cell._style
        return self._styles[look]

    def packed(self) -> Iterable[bytes]:
        """The file's bytes, once everything is in the sheets."""
        with tempfile.TemporaryFile() as file:
            with _EvenZip(file, "w", ZIP_DEFLATED, allowZip64=True) as archive:
                ExcelWriter(self._book, archive).write_data()
            self._sheets.clear()  # openpyxl has removed what it had aside
            file.seek(0)
            while data := file.read(_CHUNK):
                yield data


def fitting(title: str, taken: Collection[str]) -> str:
    """A title that a sheet can have: short, without the signs that none may have, and unlike those taken, in whatever case."""
    cleared = "".join(" " if each in "[]:*?/\\" else each for each in title).strip("' ") or "Sheet"
    number, found = 1, cleared[:31]
    while found.lower() in taken:
        number += 1
        found = f"{cleared[: 30 - len(str(number))]} {number}"
    return found


class _EvenZip(ZipFile):
    """An archive whose parts all bear the same date, whatever the clock says."""

    def writestr(self, name: Any, data: Any, *rest: Any) -> None:
        super().writestr(_part(name), data, ZIP_DEFLATED)

    def write(self, path: Any, name: Any, *rest: Any) -> None:  # type: ignore[override]
        with Path(path).open("rb") as source, self.open(_part(name), "w", force_zip64=True) as part:
            shutil.copyfileobj(source, part, _CHUNK)


def _part(name: str) -> ZipInfo:
    part = ZipInfo(name, _DATE)
    part.compress_type = ZIP_DEFLATED
    part.external_attr = 0o600 << 16
    return part


def _forget(sheets: list[Any]) -> None:
    """Remove what the sheets have aside."""
    for each in sheets:
        for step in ("_rows.close", "_writer.close", "_writer.cleanup"):
            # None of it is of use any more, so it does not matter how far it comes.
            with suppress(Exception):
                attrgetter(step)(each)()
