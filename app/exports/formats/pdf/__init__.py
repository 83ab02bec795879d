"""Exports as PDF (ISO 32000), drawn with reportlab: a cover, then a table for each section, for people to read and to file.

Every page bears the export's digest, which is known only after the last row, as is what columns there is room for; so rows are
kept aside while they come, and drawn at the end. Times are in one zone: that of the option, of the question, or UTC. The
typefaces come along, cut down to what is used. A file of more rows than people read is refused and not cut.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence

import orjson

from app.exports.document import Document, Format, Values
from app.exports.formats.pdf import cover, tables
from app.exports.formats.pdf.figures import Figures
from app.exports.formats.pdf.page import Pages
from app.exports.formats.pdf.tables import Measures
from app.exports.formats.pdf.values import Values as Texts
from app.reports.report import Section

MOST_ROWS = 50_000
_CHUNK = 1 << 20


class _PdfWriter:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._texts = Texts(document.layout.local_time or next(iter(document.parameters.get("time_zone", ())), "UTC"))
        self._measures = {each.name: Measures(each, self._texts) for each in document.report.sections}
        self._figures = Figures(document.report, self._texts)
        self._aside = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the writer, whatever becomes of it)
        self._places: dict[str, list[tuple[int, int]]] = {each: [] for each in self._measures}

    def begin(self) -> Iterable[bytes]:
        return ()

    def rows(self, section: Section, rows: Sequence[Values]) -> Iterable[bytes]:
        if rows:
            self._measures[section.name].add(rows)
            self._figures.add(section, rows)
            data = orjson.dumps(rows)
            self._places[section.name].append((self._aside.tell(), len(data)))
            self._aside.write(data)
        return ()

    def end(self, digest: str) -> Iterable[bytes]:
        document = self._document
        pages = Pages(document.report.title, document.account, f"as of sequence {document.as_of:,}", digest)
        count = sum(each.rows for each in self._measures.values())
        cover.draw(pages, document, self._figures, self._texts, count)
        pages.begin()
        for section in document.report.sections:
            tables.draw(pages, self._measures[section.name], self._kept(section.name))
        data = pages.finished()
        self._aside.close()
        for at in range(0, len(data), _CHUNK):
            yield data[at : at + _CHUNK]

    def _kept(self, name: str) -> Iterator[Values]:
        for place, length in self._places[name]:
            self._aside.seek(place)
            yield from orjson.loads(self._aside.read(length))


FORMAT = Format("pdf", "application/pdf", ".pdf", _PdfWriter, options=("local_time",), most_rows=MOST_ROWS, named=True)
