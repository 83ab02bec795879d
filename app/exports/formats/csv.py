"""Exports as CSV (RFC 4180): UTF-8, a header line, CRLF, quotes where they are needed.

The columns are those of all sections, in order, each once; where a report has more than one section, the first column, `section`,
says which one a row is of. Each key of additional data has a column `additional_data.<key>`, last. Where local time is asked
for, a column `<name>_local` stands beside each column of instants. Decimals bear no exponent. With decimal commas, semicolons
stand between the cells.

Nothing is lost: what is absent is an empty cell, and an empty text is `""`. An object or a list is its JSON text. In the columns
of additional data, whose values may be of any type, null is `null`, and a text that looks like a number, true, false or
null stands in quotes, which those never do. What a spreadsheet would run is made inert, see `app.exports.inert`; a text of
additional data that begins like an object or a list is marked in the same way. `app.evidence` reads it back.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from app.domain.canonical import canonical_bytes
from app.exports.document import EXPANDED, Document, Format, Values, expanded_column
from app.exports.inert import FIRST, marking
from app.exports.local_time import names_with_local, with_local
from app.reports.report import Section

POINT, COMMA = ",", ";"
"""What stands between the cells of a file with decimal points, and of one with decimal commas."""
_QUOTE = "\0"
"""Stands for a quote that is there for what it says, and not for what the cell has in it. No text has this character."""
_EMPTY = _QUOTE * 2
_CUTS = {POINT: ";\t", COMMA: ",\t"}


class Cells:
    """How values become the cells of a file, and which text a cell was made of; `between` is what stands between the cells."""

    def __init__(self, between: str) -> None:
        self._comma = between == COMMA
        point = "[.,]" if self._comma else r"\."
        self.typed = re.compile(rf"-?\d+(?:{point}\d+)?|true|false|null", re.ASCII)
        """What is a value of another type where it stands without quotes in a column of additional data."""
        self.inert, self.original = marking(_CUTS[between])
        self.free_inert, self.free_original = marking(_CUTS[between], also="{[")

    def cell(self, value: Any) -> str:
        """The cell of a column whose type is known."""
        if value is None:
            return ""
        if isinstance(value, str):
            return self.inert(value) if value else _EMPTY
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, list) and not value:
            return ""
        if isinstance(value, (dict, list)):
            return self.inert(canonical_bytes(value).decode())
        return str(value)

    def decimal(self, text: str) -> str:
        """The cell of a decimal."""
        return text.replace(".", ",") if self._comma else text

    def free(self, value: Any) -> str:
        """The cell of a value of additional data, which says its type too."""
        if isinstance(value, str):
            if self.typed.fullmatch(value):
                return _QUOTE + value + _QUOTE
            return self.free_inert(value) if value else _EMPTY
        if isinstance(value, dict) and len(value) == 1 and "$decimal" in value:
            return self.decimal(value["$decimal"])
        if value is None or isinstance(value, bool):
            return {None: "null", True: "true", False: "false"}[value]
        return str(value) if isinstance(value, int) else self.inert(canonical_bytes(value).decode())


class _CsvWriter:
    def __init__(self, document: Document) -> None:
        sections = document.report.sections
        self._sectioned = len(sections) > 1
        self._keys = document.keys
        self._zone = document.layout.local_time
        names = (name for section in sections for name in names_with_local(section, self._zone))
        split = any(expanded_column(section) for section in sections)
        self._columns = [name for name in dict.fromkeys(names) if not (split and name == EXPANDED)]
        between = COMMA if document.layout.decimal_comma else POINT
        self._between = between
        self._cells = Cells(between)
        decimals = {each.name for section in sections for each in section.columns if each.type is Decimal}
        self._decimals = decimals if document.layout.decimal_comma else set()
        self._lines = io.StringIO(newline="")
        self._writer = csv.writer(self._lines, delimiter=between, lineterminator="\r\n")

    def begin(self) -> Iterable[bytes]:
        keys = [self._cells.inert(f"{EXPANDED}.{key}") for key in self._keys]
        leading = ["section"] if self._sectioned else []
        self._writer.writerow([*leading, *self._columns, *keys])
        yield self._written().encode()

    def rows(self, section: Section, rows: Sequence[Values]) -> Iterable[bytes]:
        if self._zone is not None:
            rows = with_local(section, rows, self._zone)
        text = ""
        if self._between == POINT:
            # Most cells are empty or need nothing done: they are passed by without a call, which halves the time. That
            # leaves out what may stand in the middle of a text, and whether anything does is seen from the whole.
            text = self._plainly(section, rows)
        if not text or ";" in text or "\t" in text or text.count("\n") != len(rows):
            text = self._carefully(section, rows)
        yield text.encode()

    def end(self, digest: str) -> Iterable[bytes]:
        return ()

    def _plainly(self, section: Section, rows: Sequence[Values]) -> str:
        leading = [section.name] if self._sectioned else []
        columns, keys, cell, free = self._columns, self._keys, self._cells.cell, self._cells.free
        for row in rows:
            get = row.get
            cells: list[str | None] = [*leading]
            cells += [
                value
                if (value := get(name)) is None or (value.__class__ is str and value and value[0] not in FIRST)
                else cell(value)
                for name in columns
            ]
            if keys:
                data = get(EXPANDED) or {}
                cells += [free(data[key]) if key in data else None for key in keys]
            self._writer.writerow(cells)
        return self._written()

    def _carefully(self, section: Section, rows: Sequence[Values]) -> str:
        leading = [section.name] if self._sectioned else []
        cell, decimal, free = self._cells.cell, self._cells.decimal, self._cells.free
        for row in rows:
            told = [
                decimal(row[name]) if name in self._decimals and row.get(name) is not None else cell(row.get(name))
                for name in self._columns
            ]
            data = (row.get(EXPANDED) or {}) if self._keys else {}
            self._writer.writerow([*leading, *told, *(free(data[key]) if key in data else "" for key in self._keys)])
        return self._written()

    def _written(self) -> str:
        text = self._lines.getvalue()
        self._lines.seek(0)
        self._lines.truncate()
        return text.replace(_QUOTE, '"') if _QUOTE in text else text


FORMAT = Format(
    "csv",
    "text/csv",
    ".csv",
    _CsvWriter,
    expands=True,
    # Each row stands for itself, so that nothing has to be known of those before.
    resumed=lambda document, _: _CsvWriter(document),
    options=("local_time", "decimals", "compression"),
)
