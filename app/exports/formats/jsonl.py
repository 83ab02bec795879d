"""Exports as JSON Lines: each row an object on a line of its own, its section first, and nothing else.

Values are as in JSON; where local time is asked for, `<name>_local` follows each instant. A line without `section` and without
these is what the canonical row has as its `row`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import orjson

from app.exports.document import Document, Format, Values
from app.exports.local_time import with_local
from app.reports.report import Section


class _JsonLinesWriter:
    def __init__(self, document: Document) -> None:
        self._zone = document.layout.local_time

    def begin(self) -> Iterable[bytes]:
        return ()

    def rows(self, section: Section, rows: Sequence[Values]) -> Iterable[bytes]:
        if self._zone is not None:
            rows = with_local(section, rows, self._zone)
        start = {"section": section.name}
        yield b"".join(orjson.dumps(start | row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)

    def end(self, digest: str) -> Iterable[bytes]:
        return ()


FORMAT = Format(
    "jsonl",
    "application/x-ndjson",
    ".jsonl",
    _JsonLinesWriter,
    resumed=lambda document, _: _JsonLinesWriter(document),
    options=("local_time", "compression"),
)
