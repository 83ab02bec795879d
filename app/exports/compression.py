"""Files compressed with gzip (RFC 1952), on request: what any format writes, with nothing of when or by whom in the header."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

from app.exports.document import Document, Format, Values, Writer
from app.reports.report import Section

CONTENT_TYPE = "application/gzip"
EXTENSION = ".gz"
_GZIP = 16 + zlib.MAX_WBITS
"""Tells zlib to write gzip's header, in which it leaves time and name empty, and gzip's check sum."""


def gzipped(found: Format) -> Format:
    """The format, with its files compressed."""

    def writer(document: Document) -> Writer:
        return _Gzip(found.writer(document))

    return replace(found, writer=writer, content_type=CONTENT_TYPE, extension=found.extension + EXTENSION, resumed=None)


class _Gzip:
    """One stream for the whole file, so that its bytes do not depend on how rows come in batches."""

    def __init__(self, inner: Writer) -> None:
        self._inner = inner
        self._stream = zlib.compressobj(wbits=_GZIP)

    def begin(self) -> Iterable[bytes]:
        yield from self._compressed(self._inner.begin())

    def rows(self, section: Section, rows: Sequence[Values]) -> Iterable[bytes]:
        yield from self._compressed(self._inner.rows(section, rows))

    def end(self, digest: str) -> Iterable[bytes]:
        yield from self._compressed(self._inner.end(digest))
        yield self._stream.flush()

    def _compressed(self, chunks: Iterable[bytes]) -> Iterable[bytes]:
        for data in chunks:
            if packed := self._stream.compress(data):
                yield packed
