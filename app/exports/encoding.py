"""A report's rows on their way into a file: drawn once, and each batch digested and written before the next is drawn."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, cast

from app.exports.digest import Tree, stated
from app.exports.document import expanded_column
from app.exports.expansion import keys_of
from app.exports.order import Order, Parts
from app.exports.rows import canonical, values_of
from app.ports import Ledger
from app.reports.report import Opened, Section

STEP = 1_000
"""Rows that are encoded at once: some tens of milliseconds, on a thread beside the event loop."""


class TooManyRows(Exception):
    """There are more rows than were to be made."""


class Encoding:
    """One file while it is being made. Its digests and counts are whole once `chunks` has ended."""

    def __init__(self, ledger: Ledger, wanted: Order, opened: Opened, *, most_rows: int | None = None) -> None:
        self.tree = Tree()
        self.sections: dict[str, int] = {}
        """Rows of each section so far."""
        self.size = 0
        """Bytes so far."""
        self._ledger = ledger
        self._wanted = wanted
        self._opened = opened
        self._most_rows = most_rows
        self._hash = hashlib.sha256()

    @property
    def artifact_digest(self) -> str:
        """SHA-256 over the file's bytes so far."""
        return stated(self._hash.digest())

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The file's bytes, to be drawn once and to the end.

        Raises TooManyRows past `most_rows`, Unavailable, and what the report and the format raise: InvalidQuery, NotFound,
        InvalidEvent; what a report finds wrong with a question, it raises before the first bytes.
        """
        document = self._wanted.document(self._opened)
        if self._wanted.format.expands and any(expanded_column(section) for section in self._wanted.report.sections):
            async with aclosing(self._parts()) as parts:
                document = replace(document, keys=await keys_of(parts))
        writer = self._wanted.format.writer(document)

        def encode(section: Section, batch: Sequence[Any]) -> bytes:
            values = values_of(section, batch)
            self.tree.add(canonical(section, values))
            self.sections[section.name] = self.sections.get(section.name, 0) + len(values)
            return self._counted(writer.rows(section, values))

        begun = False
        async with aclosing(self._parts()) as parts:
            async for section, batch in parts:
                if not begun:
                    begun = True
                    yield self._counted(writer.begin())
                for start in range(0, len(batch), STEP) if batch else (0,):
                    yield await asyncio.to_thread(encode, section, batch[start : start + STEP])
        if not begun:
            yield self._counted(writer.begin())
        end = self._ending(writer.end())
        while data := await asyncio.to_thread(next, end, b""):
            yield data

    async def _parts(self) -> AsyncGenerator[tuple[Section, Sequence[Any]], None]:
        """The report's rows, as long as there are no more than may be."""
        count = 0
        async with aclosing(cast(AsyncGenerator[Any, None], self._wanted.parts(self._ledger, self._opened))) as parts:
            async for section, batch in cast(Parts, parts):
                count += len(batch)
                if self._most_rows is not None and count > self._most_rows:
                    raise TooManyRows
                yield section, batch

    def _ending(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """In pieces, since some formats write most of their file at the end."""
        for data in chunks:
            if data:
                yield self._counted([data])

    def _counted(self, chunks: Iterable[bytes]) -> bytes:
        data = b"".join(chunks)
        self._hash.update(data)
        self.size += len(data)
        return data
