"""Exports as CSV (RFC 4180): UTF-8, a header line, CRLF, quotes where they are needed.

The columns are those of all sections, in order, each once; where a report has more than one section, the first column, `section`,
says which one a row is of. Each key of additional data has a column `additional_data.<key>`, last. Absent values and null are
empty, an object or a list is its JSON text, a decimal bears no exponent.

A text that a spreadsheet would run as a formula is made inert by an apostrophe before it: one that begins with = + - @ (or the
full-width forms of these), a tab or a line end, unless it is a plain number. So that this can be undone, the same is done to a
text that begins so after apostrophes of its own. Undoing it: a cell that begins with apostrophes and then such a sign loses the
first one.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

from app.domain.canonical import canonical_bytes
from app.exports.document import EXPANDED, Document, Format, Values, expanded_column
from app.reports.report import Section

_SIGNS = "=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20"
# Only a text that begins with one of these can need the apostrophe; a set tells that sooner than the pattern.
_FIRST = frozenset("'=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
_RUNS = re.compile(f"'*[{_SIGNS}]")
_INERT = re.compile(f"'+[{_SIGNS}]")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?", re.ASCII)


def inert(text: str) -> str:
    """`text` as a cell that no spreadsheet runs."""
    return "'" + text if _RUNS.match(text) and not _NUMBER.fullmatch(text) else text


def original(cell: str) -> str:
    """The text that `inert` made this cell of."""
    return cell[1:] if _INERT.match(cell) else cell


def cell(value: Any) -> str:
    """One cell: a value as `app.reports.report.row_values` gives it, made inert."""
    if value is None:
        return ""
    if isinstance(value, str):
        return inert(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        if len(value) == 1 and "$decimal" in value:
            return str(value["$decimal"])
        return canonical_bytes(value).decode()
    if isinstance(value, list):
        return canonical_bytes(value).decode() if value else ""
    return str(value)


class _CsvWriter:
    def __init__(self, document: Document) -> None:
        sections = document.report.sections
        self._sectioned = len(sections) > 1
        self._keys = document.keys
        names = (each.name for section in sections for each in section.columns)
        split = any(expanded_column(section) for section in sections)
        self._columns = [name for name in dict.fromkeys(names) if not (split and name == EXPANDED)]
        self._lines = io.StringIO(newline="")
        self._writer = csv.writer(self._lines, lineterminator="\r\n")

    def begin(self) -> Iterable[bytes]:
        keys = [f"{EXPANDED}.{key}" for key in self._keys]
        leading = ["section"] if self._sectioned else []
        self._writer.writerow([*leading, *self._columns, *keys])
        yield self._written()

    def rows(self, section: Section, rows: Sequence[Values]) -> Iterable[bytes]:
        leading = [section.name] if self._sectioned else []
        columns, keys = self._columns, self._keys
        for row in rows:
            get = row.get
            # Most cells are empty or need nothing done: they are passed by without a call, which halves the time.
            cells: list[str | None] = [*leading]
            cells += [
                value if (value := get(name)) is None or (value.__class__ is str and value[:1] not in _FIRST) else cell(value)
                for name in columns
            ]
            if keys:
                data = get(EXPANDED) or {}
                cells += [cell(data.get(key)) for key in keys]
            self._writer.writerow(cells)
        yield self._written()

    def end(self) -> Iterable[bytes]:
        return ()

    def _written(self) -> bytes:
        text = self._lines.getvalue()
        self._lines.seek(0)
        self._lines.truncate()
        return text.encode()


# Each row stands for itself, so that nothing has to be known of those before.
FORMAT = Format("csv", "text/csv", ".csv", _CsvWriter, expands=True, resumed=lambda document, _: _CsvWriter(document))
