"""What is ordered: a report, what is asked of it, and a format, understood from the callers' own words."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.domain.canonical import check_text
from app.domain.errors import InvalidEvent, InvalidQuery
from app.domain.export import Export
from app.exports.document import Document, Format, Layout
from app.exports.formats import FORMATS, format_named
from app.exports.options import OPTIONS, chosen
from app.ports import Ledger
from app.question.scope import Scope
from app.reports.catalog import REPORTS, report_named
from app.reports.parameters import Parameters, parse
from app.reports.report import Opened, Report, Section

LONGEST_TEXT = 4_096
Parts = AsyncIterator[tuple[Section, Sequence[Any]]]


@dataclass(frozen=True, slots=True)
class Order:
    """A report with its parameters, as they were given and as they are meant, and the format and the layout of the file."""

    report: Report
    format: Format
    given: Mapping[str, tuple[str, ...]]
    parameters: Parameters
    layout: Layout = Layout()

    def parts(self, ledger: Ledger, opened: Opened, beyond: int | None = None, told: frozenset[str] | None = None) -> Parts:
        """The report's rows: whole, since an export has no page; `beyond` a sequence, where it is gone on with. With `told`
        these attributes of rows are enough."""
        return self.report.answer(ledger, opened, replace(self.parameters, beyond=beyond, told=told))

    async def count(self, ledger: Ledger, opened: Opened) -> int | None:
        """How many rows there will be; None where that is not known before they are drawn."""
        return None if self.report.count is None else await self.report.count(ledger, opened, self.parameters)

    def document(self, opened: Opened) -> Document:
        """What the file says apart from its rows."""
        return Document(self.report, self.given, opened.scope.as_of, opened.recorded_at, layout=self.layout)

    def file_name(self, as_of: int) -> str:
        """What a download is saved as: the report, as of where, and the format's extension."""
        return f"{self.report.name.replace('_', '-')}-as-of-{as_of}{self.format.extension}"


def order(kind: str, format_name: str, given: Mapping[str, Sequence[str]]) -> Order:
    """The order that these words make; options stand among what is given.

    Raises InvalidEvent naming `report_kind`, `format`, `filters.<name>` or `options.<name>`.
    """
    report = report_named(kind)
    if report is None or not report.exported:
        known = ", ".join(each.name.replace("_", "-") for each in REPORTS if each.exported)
        raise InvalidEvent("report_kind", f"is not a report that can be exported; these are: {known}")
    found = format_named(format_name)
    if found is None:
        raise InvalidEvent("format", f"is not a format of exports; these are: {', '.join(each.name for each in FORMATS)}")
    options = {name: tuple(texts) for name, texts in given.items() if name in OPTIONS}
    found, layout = chosen(found, options)
    try:
        parameters = parse({name: texts for name, texts in given.items() if name not in OPTIONS}, report.parameters)
    except InvalidQuery as error:
        raise of_filters(error) from None
    for name, texts in given.items():
        if not texts:
            raise InvalidEvent(f"filters.{name}", "names no value; leave it out to ask for all")
        for text in texts:
            check_text(text, f"filters.{name}", longest=LONGEST_TEXT)
    if report.required and not any(given.get(name) for name in report.required):
        others = "".join(f", or {name}" for name in report.required[1:])
        raise InvalidEvent(f"filters.{report.required[0]}", f"is missing{others}: what is the report about?")
    return Order(report.asked_with(given), found, {name: tuple(texts) for name, texts in given.items()}, parameters, layout)


def order_of(export: Export) -> tuple[Order, Opened]:
    """What was ordered when the export was frozen, and the ledger opened as of then. Raises as `order` does, should a later
    version of the gateway no longer know what it says."""
    opened = Opened(Scope(export.account_id, export.as_of), export.recorded_at, frozen=True)
    return order(export.report, export.format, export.parameters), opened


def of_filters(error: InvalidQuery) -> InvalidEvent:
    """What is wrong with a question, as what is wrong with the filters of an export."""
    return InvalidEvent(f"filters.{error.field}", error.reason)
