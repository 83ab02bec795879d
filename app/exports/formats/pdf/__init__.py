"""Exports as PDF (ISO 32000), drawn with reportlab: a cover, then a table for each section, for people to read and to file.

Every page bears the export's digest, which is known only after the last row, as is what columns there is room for; so rows are
kept aside while they come, and drawn at the end. Times are in one zone: that of the option, of the question, or UTC. The
typefaces come along, cut down to what is used. A file of more rows than people read is refused and not cut.
"""

from __future__ import annotations

from app.exports.document import Document, Format, Writer

MOST_ROWS = 50_000


def _writer(document: Document) -> Writer:
    # What draws takes a while to load, and most of what the gateway is started for draws nothing.
    from app.exports.formats.pdf.writing import PdfWriter

    return PdfWriter(document)


FORMAT = Format("pdf", "application/pdf", ".pdf", _writer, options=("local_time",), most_rows=MOST_ROWS, named=True)
