"""The first sheet of a workbook: what was asked, as of when, what there is, and what the digests mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from openpyxl.cell import Cell
from openpyxl.styles.cell_style import StyleArray

from app.domain.instant import format_instant
from app.exports.document import Document
from app.exports.formats.xlsx.book import Book, Look
from app.exports.formats.xlsx.texts import escaped

_WIDTHS = (24, 76, 70)
_DIGEST = (
    "The RFC 9162 tree hash over the canonical rows of all sections, in order: the same for every format of this export.",
    "It can be made again from the sheets of this file, as the gateway wrote them.",
)
_ARTIFACT = (
    "The SHA-256 of this file's bytes. A file cannot hold its own: the gateway states it wherever it tells of the export.",
    "It changes as soon as a program saves the file again.",
)


def summarize(
    book: Book, sheet: Any, document: Document, zone: str, sheets: Mapping[str, Sequence[tuple[str, int]]], digest: str
) -> None:
    """Fill the sheet. `sheets` has the titles and rows of the sheets of each section."""
    plain, name, head = book.style(Look()), book.style(Look(bold=True)), book.style(Look(bold=True, head=True))
    marked, number = book.style(Look(marked=True)), book.style(Look("#,##0", left=True))

    def cell(value: str | int, style: StyleArray) -> Any:
        made: Any = Cell(sheet, 1, 1, None, style)
        made.value = escaped(value) if isinstance(value, str) else value
        if isinstance(value, str):
            made.data_type = "s"
        return made

    def row(label: str, value: str | int = "", more: str = "", *, style: StyleArray | None = None) -> None:
        first = [cell(label, name), cell(value, style or (number if isinstance(value, int) else plain))]
        sheet.append([*first, cell(more, plain)] if more else first)

    def heading(*labels: str) -> None:
        sheet.append([])
        sheet.append([cell(each, head) for each in (*labels, "", "")[:3]])

    for letter, width in zip("ABC", _WIDTHS, strict=True):
        sheet.column_dimensions[letter].width = width
    report = document.report
    sheet.append([cell(report.title, book.style(Look(bold=True, size=16)))])
    sheet.append([cell(report.description, plain)])
    heading("What was asked")
    row("Report", report.name)
    row("As of sequence", document.as_of)
    row("Data through", "nothing is recorded yet" if document.recorded_at is None else format_instant(document.recorded_at))
    row("Dates are shown in", zone)
    for asked, texts in document.parameters.items():
        for text in texts:
            row(asked, text, style=marked)
    heading("Sheet", "Rows", "What it has")
    for section in report.sections:
        for title, rows in sheets[section.name]:
            row(title, rows, section.description)
    heading("Evidence")
    row("Digest", digest)
    for line in _DIGEST:
        row("", line)
    row("Artifact digest", "stated with the export")
    for line in _ARTIFACT:
        row("", line)
