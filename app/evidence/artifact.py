"""Reading an export's file back into canonical rows, with nothing but the manifest to go by. Part of the offline verifier.

The manifest names the columns of each section and what they hold: text, integer, boolean, decimal, instant, list or object. From
that and the cells every row is made again as it was digested. Imports nothing of the gateway, so that an auditor can read it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, TextIO, TypeAlias

Row: TypeAlias = dict[str, Any]
EXPANDED = "additional_data"
"""The column that a table shows as one column for each of its keys, `additional_data.<key>`."""
LONGEST_ROW = 16 * 1024 * 1024
_CHUNK = 1024 * 1024
LOCAL = "_local"
"""What the name of a column ends in that tells an instant in a zone's time, beside it; it is no part of the row."""
Cell: TypeAlias = tuple[bool, str]
"""Whether it stands in quotes, and what it says."""
ABSENT: Cell = (False, "")
_SIGNS = "=+\\-@\uff1d\uff0b\uff0d\uff20"
_CUTS = {",": ";\t", ";": ",\t"}
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?", re.ASCII)
_COMMA_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:,\d+)?", re.ASCII)
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
        while not read.taken("]"):
            yield section["name"], _own(read.value(), section, manifest)
            if not read.taken(","):
                read.take("]")
                break
    read.take("}")
    read.take("}")
    read.end()


def jsonl_rows(text: TextIO, manifest: Row) -> Iterator[tuple[str, Row]]:
    """The rows of a file of JSON Lines. Raises Unreadable where it is laid out otherwise."""
    sections = {each["name"]: each for each in manifest["sections"]}
    for line in text:
        row = exact(line)
        name = row.pop("section", None) if isinstance(row, dict) else None
        if not isinstance(name, str) or name not in sections:
            raise Unreadable("a line does not tell the section of its row")
        yield name, _own(row, sections[name], manifest)


def _own(row: Any, section: Row, manifest: Row) -> Row:
    """What a row has apart from instants told in local time too. Raises Unreadable where it has other columns."""
    names, zoned = [], bool(manifest["parameters"].get("local_time"))
    for each in section["columns"]:
        names += [each["name"], each["name"] + LOCAL] if zoned and each["type"] == "instant" else [each["name"]]
    if not isinstance(row, dict) or list(row) != names:
        raise Unreadable(f"a row of {section['name']} has not the columns of the manifest")
    return {each["name"]: row[each["name"]] for each in section["columns"]}


def csv_rows(text: TextIO, manifest: Row) -> Iterator[tuple[str, Row]]:
    """The rows of a CSV file. Raises Unreadable where it is laid out otherwise."""
    sections = {each["name"]: {column["name"]: column["type"] for column in each["columns"]} for each in manifest["sections"]}
    between = ";" if manifest["parameters"].get("decimals") == ["comma"] else ","
    cells = _Cells(between)
    records = _records(text, between)
    header = [cells.original(name) for _, name in next(records, [])]
    if len(set(header)) != len(header):
        raise Unreadable("a column stands there twice")
    several = len(sections) > 1
    if several and header[:1] != ["section"]:
        raise Unreadable("the first column does not tell the section")
    only = next(iter(sections))
    for record in records:
        if len(record) != len(header):
            raise Unreadable("a line has not as many cells as the header")
        row = dict(zip(header, record, strict=True))
        name = row.pop("section")[1] if several else only
        if name not in sections:
            raise Unreadable(f"there is no section {name[:64]!r}")
        yield name, _row(row, sections[name], cells)


def _records(text: TextIO, between: str) -> Iterator[list[Cell]]:
    """The cells of each record. A line end within quotes ends none; that a cell is quoted says something, so csv will not do."""
    match = re.compile(f'(?:"((?:[^"]|"")*)"|([^"{between}\r\n]*))({between}|\r\n)').match
    record = ""
    for line in text:
        record += line
        if len(record) > LONGEST_ROW:
            raise Unreadable("a row does not end")
        if not record.endswith("\r\n") or record.count('"') % 2:
            continue
        found, at = [], 0
        while at < len(record):
            cell = match(record, at)
            if cell is None:
                raise Unreadable("a row is not laid out as RFC 4180 has it")
            found.append((False, cell[2]) if cell[1] is None else (True, cell[1].replace('""', '"')))
            at = cell.end()
        yield found
        record = ""
    if record:
        raise Unreadable("the last row does not end")


class _Cells:
    """What the cells of a file say, by what stands between them: a comma, or a semicolon where decimals have commas."""

    def __init__(self, between: str) -> None:
        self.comma = between == ";"
        self.number = _COMMA_NUMBER if self.comma else _NUMBER
        self.original = _undoing(_CUTS[between], "")
        self._free_original = _undoing(_CUTS[between], "{[")

    def value(self, cell: Cell, kind: str) -> Any:
        """The value of a column of that kind. Raises Unreadable."""
        if cell == ABSENT:
            return [] if kind == "list" else None
        text = cell[1]
        if kind == "text":
            return self.original(text)
        if kind == "decimal" and self.number.fullmatch(text):
            return text.replace(",", ".")
        if kind == "instant":
            return text
        if kind == "integer" and self.number.fullmatch(text) and "." not in text and "," not in text:
            return int(text)
        if kind == "boolean" and text in ("true", "false"):
            return text == "true"
        if kind in ("list", "object"):
            return exact(self.original(text))
        raise Unreadable(f"{text[:64]!r} is no {kind}")

    def free(self, cell: Cell) -> Any:
        """The value of a sender's own key, whose type the cell tells: what looks like no text and is one stands in quotes."""
        quoted, text = cell
        if text[:1] in ("{", "["):
            return exact(self.original(text))
        if not quoted and self.number.fullmatch(text):
            return number(text.replace(",", "."))
        if not quoted and text in ("true", "false", "null"):
            return exact(text)
        return self._free_original(text)


def _row(cells: dict[str, Cell], types: dict[str, str], read: _Cells) -> Row:
    row: Row = {}
    for name, kind in types.items():
        if name == EXPANDED and name not in cells:
            prefix = EXPANDED + "."
            keys = [each for each in cells if each.startswith(prefix)]
            found = {each[len(prefix) :]: read.free(cell) for each in keys if (cell := cells.pop(each)) != ABSENT}
            row[name] = found or None
        elif name not in cells:
            raise Unreadable(f"the column {name} is missing")
        else:
            row[name] = read.value(cells.pop(name), kind)
        if kind == "instant":
            cells.pop(name + LOCAL, None)
    for name, cell in cells.items():
        if cell != ABSENT:
            raise Unreadable(f"the cell under {name} belongs to no column of its section")
    return row


def number(text: str) -> Any:
    """A number among a sender's own values: a whole one that JSON keeps exactly, or else a decimal."""
    return int(text) if "." not in text and abs(int(text)) <= _SAFE else {"$decimal": text}


def _undoing(cuts: str, also: str) -> Callable[[str], str]:
    """What gives the text behind a cell: each apostrophe that keeps a formula from being run was put there."""
    marked = re.compile(f"(?:^''*[{_SIGNS}\t\r\n{re.escape(also)}]|(?<=[{re.escape(cuts)}\r\n])''*[{_SIGNS}])")
    return lambda cell: marked.sub(lambda found: found[0][1:], cell)


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
