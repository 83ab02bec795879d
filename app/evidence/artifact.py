"""Reading an export's file back into canonical rows, with nothing but the manifest to go by. Part of the offline verifier.

The manifest names the columns of each section and what they hold: text, integer, boolean, decimal, instant, list or object. From
that and the cells every row is made again as it was digested. Imports nothing of the gateway, so that an auditor can read it.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from typing import Any, TextIO, TypeAlias

Row: TypeAlias = dict[str, Any]
EXPANDED = "additional_data"
"""The column that a table shows as one column for each of its keys, `additional_data.<key>`."""
LONGEST_ROW = 16 * 1024 * 1024
_CHUNK = 1024 * 1024
_INERT = re.compile("'+[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?", re.ASCII)
_SAFE = 2**53 - 1


class Unreadable(Exception):
    """The file is not laid out as the manifest says, from here on."""


def json_rows(text: TextIO, manifest: Row) -> Iterator[tuple[str, Row]]:
    """The rows of a JSON file with the name of the section that each is in. Raises Unreadable where it is laid out otherwise."""
    read = _Scanner(text)
    read.take("{")
    facts: Row = {}
    while (name := read.value()) != "sections":
        read.take(":")
        if name in facts:
            raise Unreadable(f"{name} stands there twice")
        facts[name] = read.value()
        read.take(",")
    for stated in ("report", "as_of", "recorded_at", "parameters"):
        if facts.get(stated) != manifest[stated]:
            raise Unreadable(f"its {stated} is not that of the manifest")
    read.take(":")
    read.take("{")
    for at, section in enumerate(manifest["sections"]):
        if at:
            read.take(",")
        if read.value() != section["name"]:
            raise Unreadable(f"the section {section['name']} is not where it belongs")
        read.take(":")
        read.take("[")
        names = [each["name"] for each in section["columns"]]
        while not read.taken("]"):
            row = read.value()
            if not isinstance(row, dict) or list(row) != names:
                raise Unreadable(f"a row of {section['name']} has not the columns of the manifest")
            yield section["name"], row
            if not read.taken(","):
                read.take("]")
                break
    read.take("}")
    read.take("}")
    read.end()


def csv_rows(text: TextIO, manifest: Row) -> Iterator[tuple[str, Row]]:
    """The rows of a CSV file. Raises Unreadable where it is laid out otherwise."""
    csv.field_size_limit(LONGEST_ROW)
    lines = csv.reader(text, strict=True)
    try:
        header = next(lines, [])
        yield from table_rows(header, lines, manifest)
    except csv.Error as error:
        raise Unreadable(str(error)) from None


def table_rows(header: list[str], lines: Iterator[list[str]], manifest: Row) -> Iterator[tuple[str, Row]]:
    """The rows that the lines of one table hold, whose first column names the section where there is more than one."""
    sections = {each["name"]: {column["name"]: column["type"] for column in each["columns"]} for each in manifest["sections"]}
    if len(set(header)) != len(header):
        raise Unreadable("a column stands there twice")
    several = len(sections) > 1
    if several and header[:1] != ["section"]:
        raise Unreadable("the first column does not tell the section")
    only = next(iter(sections))
    for line in lines:
        if len(line) != len(header):
            raise Unreadable("a line has not as many cells as the header")
        cells = dict(zip(header, line, strict=True))
        name = cells.pop("section") if several else only
        if name not in sections:
            raise Unreadable(f"there is no section {name[:64]!r}")
        yield name, _row(cells, sections[name])


def _row(cells: dict[str, str], types: dict[str, str]) -> Row:
    row: Row = {}
    for name, kind in types.items():
        if name == EXPANDED and name not in cells:
            prefix = EXPANDED + "."
            keys = [each for each in cells if each.startswith(prefix)]
            found = {each[len(prefix) :]: _free(cell) for each in keys if (cell := cells.pop(each)) != ""}
            row[name] = found or None
        elif name not in cells:
            raise Unreadable(f"the column {name} is missing")
        else:
            row[name] = value_of(cells.pop(name), kind)
    for name, cell in cells.items():
        if cell != "":
            raise Unreadable(f"the cell under {name} belongs to no column of its section")
    return row


def value_of(cell: str, kind: str) -> Any:
    """The value of a column of that kind behind a cell. Raises Unreadable."""
    if cell == "":
        return [] if kind == "list" else None
    if kind == "text":
        return original(cell)
    if kind in ("decimal", "instant"):
        return cell
    if kind == "integer" and _NUMBER.fullmatch(cell) and "." not in cell:
        return int(cell)
    if kind == "boolean" and cell in ("true", "false"):
        return cell == "true"
    if kind in ("list", "object"):
        return exact(original(cell))
    raise Unreadable(f"{cell[:64]!r} is no {kind}")


def _free(cell: str) -> Any:
    """The value of a sender's own key: JSON where it reads as such, else the text itself; decimals are plain numbers."""
    text = original(cell)
    if _NUMBER.fullmatch(text):
        whole = "." not in text and abs(int(text)) <= _SAFE
        return int(text) if whole else {"$decimal": text}
    if text in ("true", "false", "null") or text[:1] in ('"', "[", "{"):
        try:
            return exact(text)
        except Unreadable:
            pass  # it merely begins so
    return text


def original(cell: str) -> str:
    """The text behind a cell that an apostrophe keeps from being run as a formula."""
    return cell[1:] if _INERT.match(cell) else cell


def exact(text: str) -> Any:
    """The value that a JSON text is. Raises Unreadable for what is none, for keys twice, and for numbers with a fraction."""
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable(str(error)) from None


def _once(pairs: list[tuple[str, Any]]) -> Row:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands there twice")
    return found


def _no_float(text: str) -> Any:
    raise ValueError(f"{text} is no integer")


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_float=_no_float, parse_constant=_no_float)


class _Scanner:
    """Reads a JSON text value by value, in the memory of a chunk."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._buffer = ""
        self._at = 0

    def value(self) -> Any:
        """The next value, whole."""
        self._skip()
        while True:
            found, end, problem = None, 0, ""
            try:
                found, end = _DECODER.raw_decode(self._buffer, self._at)
            except (ValueError, RecursionError) as error:
                problem = str(error)
            if not problem and end < len(self._buffer):
                break
            # It may go on in what was not read yet.
            if len(self._buffer) - self._at > LONGEST_ROW or not self._more():
                break
        if problem:
            raise Unreadable(problem)
        self._at = end
        return found

    def taken(self, sign: str) -> bool:
        """Whether that sign comes next; it is passed if so."""
        self._skip()
        if self._buffer[self._at : self._at + 1] != sign:
            return False
        self._at += 1
        return True

    def take(self, sign: str) -> None:
        """Pass the sign that has to come next."""
        if not self.taken(sign):
            raise Unreadable(f"a {sign} is missing")

    def end(self) -> None:
        """Nothing may follow."""
        self._skip()
        if self._at < len(self._buffer):
            raise Unreadable("something follows after its end")

    def _skip(self) -> None:
        while True:
            while self._at < len(self._buffer) and self._buffer[self._at] in " \t\r\n":
                self._at += 1
            if self._at < len(self._buffer) or not self._more():
                return

    def _more(self) -> bool:
        """Read on; what is passed already is let go of, so that places change."""
        chunk = self._text.read(_CHUNK)
        if not chunk:
            return False
        self._buffer = self._buffer[self._at :] + chunk
        self._at = 0
        return True
