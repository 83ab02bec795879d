"""A report's rows on their way into a file: drawn once, and each block digested and written before the next is drawn.

What is encoded at once ends where a block of 1,024 rows ends, counted from the first row, or where a section does. At the end
of a block a `Mark` says all that is needed to go on from there: in another process, on another day.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Protocol, cast

from app.domain.account import Account
from app.domain.errors import InvalidEvent
from app.domain.export import Mark
from app.exports.digest import SUBTREE_ROWS, Tree, stated
from app.exports.document import EXPANDED, Document, Writer, expanded_column
from app.exports.expansion import keys_of
from app.exports.order import Order, Parts
from app.exports.rows import canonical, values_of
from app.ports import Ledger
from app.reports.report import Opened, Section

_Part = tuple[Section, Sequence[Any]]


_FOR_KEYS = frozenset({"sequence", EXPANDED})
"""What is read of rows to find the keys of their additional data."""


class TooManyRows(Exception):
    """There are more rows than were to be made."""


class Source(Ledger, Protocol):
    """What a file is made from: a ledger, and the name of the account whose it is."""

    async def account(self, account_id: int) -> Account | None:
        """The account with that id."""
        ...


async def require_fit(ledger: Ledger, wanted: Order, opened: Opened) -> None:
    """Raise InvalidEvent where there are more rows than the format takes: found out before a file is begun."""
    if wanted.format.most_rows is None:
        return
    known = await wanted.count(ledger, opened)
    if known is not None:
        _require_fit(wanted, known)
        return
    count = 0
    async with aclosing(cast(AsyncGenerator[Any, None], wanted.parts(ledger, opened))) as parts:
        async for _, batch in cast(Parts, parts):
            count += len(batch)
            _require_fit(wanted, count)


def _require_fit(wanted: Order, count: int) -> None:
    most = wanted.format.most_rows
    if most is not None and count > most:
        raise InvalidEvent(
            "format",
            f"{wanted.format.name} is for reading, and takes at most {most:,} rows; here are more: csv, jsonl, json and xlsx"
            " take any number, and a shorter period or filters leave fewer",
        )


class Encoding:
    """One file while it is being made. Its digests and counts are whole once `chunks` has ended.

    With a `mark`, it goes on from there: `reread` has to be given the bytes up to it first.
    """

    def __init__(
        self, ledger: Source, wanted: Order, opened: Opened, *, most_rows: int | None = None, mark: Mark | None = None
    ) -> None:
        self.tree = Tree() if mark is None else Tree(mark.subtrees)
        self.sections: dict[str, int] = {} if mark is None else dict(mark.sections)
        """Rows of each section so far."""
        self.size = 0
        """Bytes so far."""
        self._ledger = ledger
        self._wanted = wanted
        self._opened = opened
        self._most_rows = most_rows
        self._mark = mark
        self._keys: tuple[str, ...] = () if mark is None else mark.keys
        self._sequence = None if mark is None else mark.sequence
        self._hash = hashlib.sha256()

    @property
    def artifact_digest(self) -> str:
        """SHA-256 over the file's bytes so far."""
        return stated(self._hash.digest())

    def reread(self, data: bytes) -> None:
        """Some of the bytes up to the mark, in order: a digest's own state cannot be kept."""
        self._counted([data])

    def stands_at(self, mark: Mark) -> bool:
        """Whether what was reread is what the mark says."""
        return self.size == mark.size and self._hash.digest() == mark.digest

    def mark(self, file: str, head: int) -> Mark | None:
        """Where it stands, if it can be gone on with from here: to be asked after a chunk, once that is written to `file`."""
        if self._wanted.format.resumed is None or self.tree.rows == 0 or self.tree.rows % SUBTREE_ROWS:
            return None
        return Mark(
            file=file,
            size=self.size,
            digest=self._hash.digest(),
            rows=self.tree.rows,
            subtrees=self.tree.subtrees,
            sections=dict(self.sections),
            keys=self._keys,
            sequence=self._sequence,
            head=head,
        )

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The file's bytes, or those after the mark, to be drawn once and to the end.

        Raises TooManyRows past `most_rows`, Unavailable, and what the report and the format raise: InvalidQuery, NotFound,
        InvalidEvent; what a report finds wrong with a question, it raises before the first bytes.
        """
        document = self._wanted.document(self._opened)
        if self._wanted.format.expands and any(expanded_column(section) for section in self._wanted.report.sections):
            if self._mark is None:
                async with aclosing(self._parts(told=_FOR_KEYS)) as parts:
                    self._keys = await keys_of(parts)
            document = replace(document, keys=self._keys)
        if self._wanted.format.named:
            account = await self._ledger.account(self._opened.scope.account_id)
            document = replace(document, account="" if account is None else account.name)
        # On a thread: some formats have much to load when they are first asked for.
        writer = await asyncio.to_thread(self._writer, document)

        def encode(section: Section, rows: Sequence[Any]) -> bytes:
            values = values_of(section, rows)
            self.tree.add(canonical(section, values))
            self.sections[section.name] = self.sections.get(section.name, 0) + len(values)
            return self._counted(writer.rows(section, values))

        begun = self._mark is not None
        async with aclosing(self._blocks()) as blocks:
            async for section, rows in blocks:
                if not begun:
                    begun = True
                    yield self._counted(writer.begin())
                data = await asyncio.to_thread(encode, section, rows)
                if rows and self._wanted.report.continued:
                    self._sequence = rows[-1].sequence
                yield data
        if not begun:
            yield self._counted(writer.begin())
        end = self._ending(writer.end(self.tree.digest()))
        while data := await asyncio.to_thread(next, end, b""):
            yield data

    def _writer(self, document: Document) -> Writer:
        format = self._wanted.format
        if self._mark is None or format.resumed is None:
            return format.writer(document)
        return format.resumed(document, self.sections)

    async def _blocks(self) -> AsyncGenerator[_Part, None]:
        """The rows that are still to be encoded, in the pieces in which they are."""
        done, current = self.tree.rows, None
        waiting: list[Any] = []
        async with aclosing(self._remaining()) as parts:
            async for section, batch in parts:
                if section is not current:
                    if waiting and current is not None:
                        yield current, waiting
                        done, waiting = done + len(waiting), []
                    current = section
                    if not batch:  # that there is nothing in a section is told too
                        yield section, ()
                waiting.extend(batch)
                while len(waiting) >= (room := SUBTREE_ROWS - done % SUBTREE_ROWS):
                    yield section, waiting[:room]
                    done, waiting = done + room, waiting[room:]
        if waiting and current is not None:
            yield current, waiting

    async def _remaining(self) -> AsyncGenerator[_Part, None]:
        """The report's rows, or those after the mark: found by their sequence where the report knows how, else by counting."""
        mark = self._mark
        beyond = mark.sequence if mark is not None else None
        passed = 0 if mark is None or beyond is not None else mark.rows
        async with aclosing(self._parts(beyond)) as parts:
            async for section, batch in parts:
                if passed:
                    passed, batch = passed - min(passed, len(batch)), batch[passed:]
                    if not batch:
                        continue
                yield section, batch

    async def _parts(self, beyond: int | None = None, told: frozenset[str] | None = None) -> AsyncGenerator[_Part, None]:
        """The report's rows, as long as there are no more than may be."""
        count = 0
        answer = self._wanted.parts(self._ledger, self._opened, beyond, told)
        async with aclosing(cast(AsyncGenerator[Any, None], answer)) as parts:
            async for section, batch in cast(Parts, parts):
                count += len(batch)
                if self._most_rows is not None and count > self._most_rows:
                    raise TooManyRows
                _require_fit(self._wanted, count)
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
