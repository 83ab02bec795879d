"""Reading a file back: its rows as they were before they were written, so that the export's digest can be made again from it.

What comes back of a row is what `app.reports.report.row_values` gave for it, whatever the format and its options. A PDF is for
people, and is not read back. A file that was compressed is to be opened with gzip first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO

from app.exports.document import Values
from app.exports.reading.csv import csv_rows
from app.exports.reading.json import json_rows, jsonl_rows
from app.exports.reading.unreadable import Unreadable
from app.exports.reading.xlsx import xlsx_rows
from app.reports.report import Report, Section

__all__ = ["READERS", "Unreadable", "rows_of"]

READERS: dict[str, Callable[[Report, BinaryIO], Iterator[tuple[Section, Values]]]] = {
    "json": json_rows,
    "jsonl": jsonl_rows,
    "csv": csv_rows,
    "xlsx": xlsx_rows,
}
"""What reads files of each format that can be read back, by the format's name."""


def rows_of(report: Report, format_name: str, file: BinaryIO) -> Iterator[tuple[Section, Values]]:
    """The rows in a file of that report, in order, each with its section. Raises Unreadable for what is no such file."""
    reader = READERS.get(format_name)
    if reader is None:
        raise Unreadable(f"a file of the format {format_name} cannot be read back; these can: {', '.join(READERS)}")
    yield from reader(report, file)
