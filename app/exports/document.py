"""What a format is given, and what it gives: a report's rows as JSON values, section by section, and a file's bytes.

Everything in a file follows from the report, what was asked of it, and the sequence that it is as of. Who asked, when and under
which id is not in it, so that a file made twice has the same bytes; nor do these depend on how rows come in batches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from app.reports.report import Report, Section

EXPANDED = "additional_data"
"""The column that a table shows as one column for each of its keys."""

Values = dict[str, Any]
"""A row as `app.reports.report.row_values` gives it."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file shows what it says: the options that a caller may choose beside the format."""

    local_time: str | None = None
    """The IANA zone in whose time each instant is told too, beside UTC."""
    decimal_comma: bool = False
    """Whether decimals have a comma, and cells a semicolon between them, as many spreadsheets expect."""


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says, apart from its rows. `keys` are the keys of additional data, for formats that make columns of them."""

    report: Report
    parameters: Mapping[str, tuple[str, ...]]
    as_of: int
    recorded_at: datetime | None
    """When the entry at `as_of` was recorded; None for an empty ledger."""
    keys: tuple[str, ...] = ()
    layout: Layout = Layout()
    account: str = ""
    """The account's name, for formats that state it."""


class Writer(Protocol):
    """Makes one file: `begin`, then `rows` for each batch in the order of the report's sections, then `end`.

    Used by one thread at a time. Holds no more than a batch, however many there are.
    """

    def begin(self) -> Iterable[bytes]:
        """What stands before the first row."""
        ...

    def rows(self, section: Section, rows: Sequence[Values]) -> Iterable[bytes]:
        """A batch of a section's rows, which may be empty; a section comes in one or more batches, or in none."""
        ...

    def end(self, digest: str) -> Iterable[bytes]:
        """What stands after the last row. `digest` is the export's digest, which is final by then."""
        ...


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file. `name` is what callers ask for, `extension` begins with a point."""

    name: str
    content_type: str
    extension: str
    writer: Callable[[Document], Writer]
    expands: bool = False
    """Whether it makes a column of each key of additional data, and so has to know them before the first row."""
    resumed: Callable[[Document, Mapping[str, int]], Writer] | None = None
    """Makes a writer that goes on, without `begin`, where a file has so many rows of each of these sections already; None where a
    file that was interrupted has to be begun anew."""
    options: tuple[str, ...] = ()
    """Names of the options that it takes; see `app.exports.options`."""
    most_rows: int | None = None
    """More rows than these are refused."""
    named: bool = False
    """Whether it states the account's name."""


def expanded_column(section: Section) -> bool:
    """Whether a section has additional data to make columns of."""
    return any(each.name == EXPANDED and each.json for each in section.columns)
