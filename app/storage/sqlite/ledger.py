"""The questions: `app.ports.Ledger` over the readers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from app.domain.catalogue import Record
from app.domain.entry import Entry, EntryKind
from app.domain.errors import NotFound
from app.domain.merkle import Span
from app.domain.period import Period
from app.ports import Head
from app.question.filters import Filters
from app.question.groups import Grouped, Groups
from app.question.occurrences import Occurrences
from app.question.records import Records
from app.question.rows import Rows
from app.question.scope import Scope
from app.question.way import Way
from app.storage.sql.cells import CellReads, Found
from app.storage.sql.chosen import ChosenPages
from app.storage.sql.conditions import EVENT, NARROW, OF_LICENSES, SEQUENCE, gathering_lead, ordered_lead, shape_of, values_of
from app.storage.sql.dialect import Statement
from app.storage.sql.extras import ExtraReads
from app.storage.sql.mapping import Mapping
from app.storage.sql.occurrences import OccurrenceReads
from app.storage.sql.reads import EVERYTHING, EntryRead, Reads
from app.storage.sql.records import RecordReads, record_arguments, record_shape
from app.storage.sql.rollup_checks import RollupChecks
from app.storage.sql.summaries import Summaries
from app.storage.sql.writes import Writes, nodes_asked
from app.storage.sqlite.dialect import SqliteDialect
from app.storage.sqlite.readers import Readers

BATCH = 1_000
"""Entries in one batch of a stream. Each is a query of its own: a long one would keep the log from being checkpointed."""
GLANCE = 2_000
"""Entries that a page may look through in order, a millisecond's work, before all that fit are gathered and sorted instead."""
PAGE = 501
"""Entries of a page that is read at once, and one more, which tells whether there are others."""


class SqliteLedger:
    """See `app.ports.Ledger`. Entries below a scope's end never change, so several queries still see one state."""

    remote = False

    def __init__(self, readers: Readers) -> None:
        dialect = SqliteDialect()
        self._readers = readers
        self._dialect = dialect
        self._mapping = Mapping(dialect)
        self._writes = Writes(dialect)
        self._reads = Reads(dialect)
        self._cells = CellReads(dialect)
        self._extras = ExtraReads(dialect)
        self._records = RecordReads(dialect)
        self._summaries = Summaries(dialect, self)
        self._chosen = ChosenPages(dialect, self, self._summaries, self._cells)
        self._occurrences = OccurrenceReads(dialect)
        self._checks = RollupChecks(dialect, self)

    async def head(self, account_id: int) -> Head:
        """Raises NotFound for an account that does not exist."""
        rows = await self._readers.glance(self._writes.head, {"account_id": account_id})
        if not rows:
            raise NotFound(f"no account {account_id}")
        return self._mapping.head(rows[0])

    async def nodes(self, account_id: int, span: Span) -> list[bytes]:
        statement, values = nodes_asked(self._writes, account_id, span)
        return [bytes(row[0]) for row in await self._readers.brief(statement, values)]

    async def sequence_at(self, account_id: int, moment: datetime) -> int:
        values = {"account_id": account_id, "moment": self._dialect.bound(moment)}
        rows = await self._readers.fetch(self._reads.sequence_at, values)
        return int(rows[0][0]) if rows else 0

    async def rows(self, question: Rows) -> list[Entry]:
        shape = shape_of(question.filters, question.kinds, question.corrections_only)
        above, upto = _window(question)
        limit = EVERYTHING if question.limit is None else question.limit
        if _nothing(question) or above >= upto or limit <= 0:
            return []
        values = self._values(question) | {"above": above, "upto": upto, "limit": limit}
        lead = ordered_lead(shape)
        if lead is not None or shape.bare:
            return await self._page(self._reads.walk(shape, lead or SEQUENCE, question.descending, question.fields), values)
        # Nothing has them in order. Most pages are full after a glance; for the others all are found, and the page's rows read.
        if gathering_lead(shape) in (*NARROW, EVENT):
            return await self._entries(self._reads.gather(shape, question.descending, question.fields), values)
        edge = max(above, upto - GLANCE) if question.descending else min(upto, above + GLANCE)
        glanced = {"above": edge} if question.descending else {"upto": edge}
        found = await self._page(self._reads.walk(shape, SEQUENCE, question.descending, question.fields), values | glanced)
        rest = {"upto": edge} if question.descending else {"above": edge}
        if len(found) < limit and above < edge < upto:
            rest["limit"] = limit - len(found)
            found += await self._entries(self._reads.gather(shape, question.descending, question.fields), values | rest)
        return found

    async def look(self, question: Rows) -> None:
        return None  # a statement more costs some microseconds here

    async def stream(self, question: Rows) -> AsyncIterator[list[Entry]]:
        shape = shape_of(question.filters, question.kinds, question.corrections_only)
        above, upto = _window(question)
        left = EVERYTHING if question.limit is None else question.limit
        if _nothing(question):
            return
        lead = ordered_lead(shape)
        values = self._values(question) | {"above": above, "upto": upto}
        # What has an index of its own and is of one record are few, and mostly none.
        few = lead in OF_LICENSES
        if shape.start and not few and lead not in NARROW:
            # Most of a ledger lies outside of a period: read nothing before its first and after its last sequence.
            ends = await self._readers.fetch(self._reads.ends(shape.start, shape.end), values)
            low, high = ends[0]
            if low is None:
                return
            values |= {"above": max(above, low - 1), "upto": min(upto, high)}
        read = self._reads.walk(shape, lead or SEQUENCE, question.descending, question.fields)
        while left > 0 and values["above"] < values["upto"]:
            values["limit"] = min(BATCH, left)
            rows = await (self._readers.brief if few else self._readers.fetch)(read.statement, values)
            batch = [read.entry(row) for row in rows]
            if batch:
                yield batch
            if len(batch) < values["limit"]:
                return
            left -= len(batch)
            last = batch[-1].sequence
            values |= {"upto": last - 1} if question.descending else {"above": last}

    async def count(self, question: Rows) -> int:
        shape = shape_of(question.filters, question.kinds, question.corrections_only)
        values = self._values(question) | {"above": 0, "upto": question.scope.as_of}
        if _nothing(question):
            return 0
        if shape.bare and (shape.kinds is None or EntryKind.USAGE.value in shape.kinds):
            # Sequences have no gaps: all that need counting are the few entries of the kinds that are not asked for.
            everything = min(question.scope.as_of, (await self.head(question.scope.account_id)).sequence)
            others = tuple(sorted(kind.value for kind in EntryKind if kind.value not in (shape.kinds or ())))
            if shape.kinds is None or not others:
                return everything
            shape = replace(shape, kinds=others)
            return everything - int((await self._readers.fetch(self._reads.count(shape), values))[0][0])
        return int((await self._readers.fetch(self._reads.count(shape), values))[0][0])

    async def extent(self, scope: Scope, filters: Filters) -> tuple[datetime, datetime] | None:
        known = await self._summaries.extent(scope, filters) if any(filters.terms()) else None
        if known is not None:
            return known
        question = Rows(scope, filters, frozenset((EntryKind.USAGE,)))
        values = self._values(question) | {"above": 0, "upto": scope.as_of}
        rows = await self._readers.brief(self._reads.extent(shape_of(filters, question.kinds)), values)
        first, last = rows[0]
        return None if first is None else (self._dialect.moment(first), self._dialect.moment(last))

    async def fewer(self, scope: Scope, filters: Filters, than: int) -> bool:
        values = self._values(Rows(scope, filters)) | {"above": 0, "upto": scope.as_of, "limit": than}
        rows = await self._readers.brief(self._reads.several(shape_of(filters, None)), values)
        return int(rows[0][0]) < than

    async def groups(self, question: Groups) -> Grouped:
        page = await self._chosen.page(question)
        if page is not None:
            return page
        earlier = question.earlier
        found, way = await self._found(question)
        before = None if earlier is None else (await self._found(earlier))[0]
        grouped = await self._cells.folded(found, question, before)
        grouped.way = way
        return grouped

    async def ask(self, statement: Statement, values: dict[str, Any], *, steady: bool = False) -> list[Any]:
        return await self._readers.brief(statement, values)

    async def ask_entries(self, statement: Statement, values: dict[str, Any], as_of: int, period: Period) -> list[Any]:
        return await self._readers.brief(statement, values)

    async def counted(self, question: Groups, lead: str | None = None) -> list[Any]:
        return await self._counted(self._cells.parts(question, lead))

    async def false_total(self, account_id: int) -> str | None:
        return await self._checks.difference(account_id)

    async def occurrences(self, question: Occurrences) -> list[Entry]:
        asked = self._occurrences.asked(question)
        rows = [] if asked is None else await self._readers.fetch(*asked)
        return [self._mapping.entry(row) for row in rows]

    async def records(self, question: Records) -> list[Record]:
        if question.ids == ():
            return []
        rows = await self._readers.brief(self._records.records(record_shape(question)), record_arguments(question))
        return [self._mapping.record(row) for row in rows]

    async def _found(self, question: Groups) -> tuple[Found, Way]:
        extras = self._extras
        cells, way = await self._summaries.cells(question)
        found = Found(
            cells,
            await self._counted(extras.customers(question)),
            await self._counted(extras.quantities(question)),
            await self._counted(extras.charges(question)),
        )
        return found, way

    async def _counted(self, parts: Iterable[tuple[Statement, dict[str, Any]]]) -> list[Any]:
        rows: list[Any] = []
        for statement, values in parts:
            rows += await self._readers.brief(statement, values)
        return rows

    async def _entries(self, read: EntryRead, values: dict[str, Any]) -> list[Entry]:
        return [read.entry(row) for row in await self._readers.fetch(read.statement, values)]

    async def _page(self, read: EntryRead, values: dict[str, Any]) -> list[Entry]:
        """The entries of a walk along an index, which is short for as many as a page has."""
        if values["limit"] > PAGE:
            return await self._entries(read, values)
        return [read.entry(row) for row in await self._readers.glance(read.statement, values)]

    def _values(self, question: Rows) -> dict[str, Any]:
        return {"account_id": question.scope.account_id} | values_of(question.filters, self._dialect)


def _window(question: Rows) -> tuple[int, int]:
    """The sequences asked for: above the first, up to the second."""
    above = 0 if question.above is None else max(question.above, 0)
    upto = question.scope.as_of if question.below is None else min(question.scope.as_of, question.below - 1)
    return above, upto


def _nothing(question: Rows) -> bool:
    """Whether the question asks for no kind at all."""
    return question.kinds is not None and not question.kinds
