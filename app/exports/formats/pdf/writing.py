"""Writing pages: rows are kept aside as they come, measured and added up, and drawn once all are known."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterable, Iterator, Sequence

import orjson

from app.exports.document import Document, Values
from app.exports.formats.pdf import cover, tables
from app.exports.formats.pdf.figures import Figures
from app.exports.formats.pdf.page import Pages
from app.exports.formats.pdf.tables import Measures
from app.exports.formats.pdf.values import Values as Texts
from app.reports.report import Section

_CHUNK = 1 << 20


class PdfWriter:
    """Writes one file; as `app.exports.document.Writer` has it."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._texts = Texts(document.layout.local_time or next(iter(document.parameters.get("time_zone", ())), "UTC"))
        self._measures = {each.name: Measures(each, self._texts) for each in document.report.sections}
        self._figures = Figures(document.report, self._texts)
        self._aside = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the writer, whatever becomes of it)
        weakref.finalize(self, self._aside.close)
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
