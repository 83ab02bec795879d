"""Reading an export's workbook back into canonical rows, with nothing but the manifest to go by. Part of the offline verifier.

After the summary comes a sheet for each section, and further ones where its rows are more than a sheet holds. The first row has
labels; what stands below is told by the order of the columns and by what the manifest says that they hold. An instant takes two
columns, of which the second is a date for people; the keys of additional data come last, each under its own name. A cell whose
style is that of what was typed after an apostrophe holds a text, whatever that looks like. Imports nothing of the gateway.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, BinaryIO
from zipfile import BadZipFile

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from app.evidence.artifact import EXPANDED, Row, Unreadable, exact, number

SHEET_ROWS = 1_048_575
"""Rows below the labels that a sheet has at most."""
_WRITTEN = re.compile("_x([0-9A-Fa-f]{4})_")
_DECIMAL = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?", re.ASCII)


def workbook_rows(file: BinaryIO, manifest: Row) -> Iterator[tuple[str, Row]]:
    """The rows of a workbook with the name of the section that each is in. Raises Unreadable where it is laid out otherwise."""
    try:
        book = load_workbook(file, read_only=True)
    except (BadZipFile, InvalidFileException, KeyError, ValueError) as error:
        raise Unreadable(f"it is no workbook: {error}") from None
    try:
        sheets = iter(book.worksheets[1:])
        for section in manifest["sections"]:
            for _ in range(max(1, -(-section["rows"] // SHEET_ROWS))):
                sheet = next(sheets, None)
                if sheet is None:
                    raise Unreadable(f"a sheet of {section['name']} is missing")
                yield from _sheet_rows(sheet, section)
        if next(sheets, None) is not None:
            raise Unreadable("there are more sheets than sections")
    finally:
        book.close()


def _sheet_rows(sheet: Any, section: Row) -> Iterator[tuple[str, Row]]:
    columns = [(each["name"], each["type"]) for each in section["columns"]]
    expanded = (EXPANDED, "object") in columns
    places: list[tuple[str, str, int]] = []
    at = 0
    for name, kind in columns:
        if name != EXPANDED or not expanded:
            places.append((name, kind, at))
            at += 2 if kind == "instant" else 1
    rows = iter(sheet.iter_rows())
    labels = [_text(each) for each in next(rows, ())]
    if len(labels) < at:
        raise Unreadable(f"the sheet {sheet.title} has not the columns of the manifest")
    keys = list(enumerate(labels))[at:] if expanded else []
    for cells in rows:
        cells = [*cells, *[None] * (len(labels) - len(cells))]
        row = {name: _value(cells[place], kind) for name, kind, place in places}
        if expanded:
            row[EXPANDED] = {key: _free(cells[place]) for place, key in keys if not _absent(cells[place])} or None
        yield section["name"], {name: row[name] for name, _ in columns}


def _value(cell: Any, kind: str) -> Any:
    """The value of a column of that kind. Raises Unreadable."""
    if _absent(cell):
        return None
    if kind in ("text", "instant"):
        return _text(cell)
    if kind == "decimal":
        return _decimal(cell)
    if kind in ("list", "object"):
        return exact(_text(cell))
    if isinstance(cell.value, bool if kind == "boolean" else int):
        return cell.value
    raise Unreadable(f"{str(cell.value)[:64]!r} is no {kind}")


def _free(cell: Any) -> Any:
    """The value of a sender's own key, whose type the cell tells."""
    if isinstance(cell.value, bool):
        return cell.value
    if isinstance(cell.value, (int, float)):
        return number(_decimal(cell))
    text = _text(cell)
    if _marked(cell):
        return text
    if text == "null" or text[:1] in ("{", "["):
        return exact(text)
    return number(text) if _DECIMAL.fullmatch(text) else text


def _absent(cell: Any) -> bool:
    return cell is None or (cell.value is None and not _marked(cell))


def _marked(cell: Any) -> bool:
    style = getattr(cell, "style_array", None)
    return style is not None and bool(style.quotePrefix)


def _text(cell: Any) -> str:
    """The text of a cell. What XML cannot have is written `_xHHHH_` in it."""
    value = getattr(cell, "value", None)
    return "" if value is None else _WRITTEN.sub(lambda found: chr(int(found[1], 16)), str(value))


def _decimal(cell: Any) -> str:
    """A decimal without exponent: a number of at most 15 digits, or the text of one of more."""
    text = str(cell.value)
    if isinstance(cell.value, float):
        text = format(Decimal(repr(cell.value)), "f")
        text = text.rstrip("0").rstrip(".") if "." in text else text
    if not _DECIMAL.fullmatch(text):
        raise Unreadable(f"{text[:64]!r} is no decimal")
    return text
