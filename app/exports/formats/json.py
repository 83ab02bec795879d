"""Exports as JSON (RFC 8259): one object, whose `sections` hold a list of rows each, every section of the report present.

    {"report": "…", "title": "…", "as_of": 41, "recorded_at": "…", "parameters": {"from": ["…"], …},
     "sections": {"<section>": [{"<column>": value, …}, …], …}}

Decimals and instants are strings, so that no reader rounds them; absent values are null. Columns, sections and rows stand in the
report's own order, parameters in that of their names. The row `{…}` under the section `s` is what the canonical row
`{"row": {…}, "section": "s"}` says, so a reader can make the export's digest again from this file alone. Where local time is
asked for, `<column>_local` follows each instant, which is no part of that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import orjson

from app.domain.canonical import canonical_bytes
from app.domain.instant import format_instant
from app.exports.document import Document, Format, Values
from app.exports.local_time import with_local
from app.reports.report import Section


class _JsonWriter:
    def __init__(self, document: Document, told: Mapping[str, int] | None = None) -> None:
        """`told`: rows by section that are in the file already, which is gone on with."""
        self._document = document
        self._zone = document.layout.local_time
        self._waiting = [section.name for section in document.report.sections]
        self._open: str | None = None
        self._empty = True
        if told:
            *_, self._open = told
            self._waiting = self._waiting[self._waiting.index(self._open) + 1 :]
            self._empty = told[self._open] == 0

    def begin(self) -> Iterable[bytes]:
        document = self._document
        recorded_at = None if document.recorded_at is None else format_instant(document.recorded_at)
        parameters = {name: list(texts) for name, texts in document.parameters.items()}
        facts = {"report": document.report.name, "title": document.report.title, "as_of": document.as_of}
        told = orjson.dumps(facts | {"recorded_at": recorded_at})
        yield told[:-1] + b',"parameters":' + canonical_bytes(parameters) + b',"sections":{\n'

    def rows(self, section: Section, rows: Sequence[Values]) -> Iterable[bytes]:
        yield from self._reach(section.name)
        if self._zone is not None:
            rows = with_local(section, rows, self._zone)
        if rows:
            yield (b"" if self._empty else b",") + orjson.dumps(rows)[1:-1]
            self._empty = False

    def end(self, digest: str) -> Iterable[bytes]:
        yield from self._reach(None)
        yield b"}}\n"

    def _reach(self, name: str | None) -> Iterable[bytes]:
        """Close the section that is open and open the one of that name, with those that nothing was told of in between."""
        if name is not None and name != self._open and name not in self._waiting:
            raise ValueError(f"section {name} comes out of order")
        while self._open != name or (name is None and self._waiting):
            if self._open is not None:
                yield b"],\n" if self._waiting else b"]\n"
            self._open = self._waiting.pop(0) if self._waiting else None
            self._empty = True
            if self._open is not None:
                yield orjson.dumps(self._open) + b":["


FORMAT = Format("json", "application/json", ".json", _JsonWriter, resumed=_JsonWriter, options=("local_time", "compression"))
