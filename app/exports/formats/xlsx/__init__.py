"""Exports as XLSX (ISO/IEC 29500), written by openpyxl row by row: a summary, then a sheet for each section.

The summary says what was asked and what the digests mean. A sheet has the labels of the section's columns in its first row; where
one is full, another goes on. Cells are typed: whole numbers, decimals of up to 15 significant digits, and true or false are
what they are; longer decimals are text, since a spreadsheet keeps no more digits. An instant is its RFC 3339 text; the date
beside it, in a zone's time, is for reading: in that of the option, of the question, or UTC. Each key of additional data is a
column, last; what is an object, a list or null there is its JSON text.

No text is ever a formula. A text that would become one when its cell is edited (see `app.exports.inert`), or in additional data
would be taken for a value of another type, is marked by the style that a spreadsheet gives to what was typed after an apostrophe;
and so is an empty text, to tell it from an empty cell. The marked cell holds the text itself. `app.evidence` reads it
back.
"""

from __future__ import annotations

from app.exports.document import Document, Format, Writer


def _writer(document: Document) -> Writer:
    # openpyxl takes a while to load, and most of what the gateway is started for needs none of it.
    from app.exports.formats.xlsx.writing import XlsxWriter

    return XlsxWriter(document)


FORMAT = Format(
    "xlsx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".xlsx",
    _writer,
    expands=True,
    options=("local_time",),
)
