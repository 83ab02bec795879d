"""The questions: `app.ports.Ledger` over the readers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from operator import attrgetter
from typing import Any

from app.domain.catalogue import Record
from app.domain.entry import Entry, EntryKind
from app.domain.errors import NotFound
from app.domain.merkle import Span
from app.domain.period import Period
from app.ports import Head, Look
from app.question.filters import Filters
from app.question.groups import Grouped, Groups
from app.question.occurrences import Occurrences
from app.question.records import Records
from app.question.rows import Rows
from app.question.scope import NEWEST, Scope
from app.question.way import Way
from app.storage.postgres.dialect import FIRST, LAST, PostgresDialect
from app.storage.postgres.months import Months, Timeline, Window, pieces, runs, spans
from app.storage.postgres.partitions import next_month
from app.storage.postgres.readers import Readers
from app.storage.postgres.reads import PostgresReads
from app.storage.sql.cells import CellReads, Found
from app.storage.sql.chosen import ChosenPages
from app.storage.sql.conditions import (
    EVENT,
    NARROW,
    OF_LICENSES,
    SEQUENCE,
    Shape,
    gathering_lead,
    ordered_lead,
    shape_of,
    values_of,
)
from app.storage.sql.dialect import Statement
from app.storage.sql.extras import ExtraReads
from app.storage.sql.mapping import Mapping
from app.storage.sql.occurrences import OccurrenceReads
from app.storage.sql.reads import EVERYTHING, EntryRead
from app.storage.sql.records import RecordReads, record_arguments, record_shape
from app.storage.sql.rollup_checks import RollupChecks
from app.storage.sql.summaries import Summaries
from app.storage.sql.writes import Writes, nodes_asked

BATCH = 1_000
"""Entries in one batch of a stream. Each is a query of its own: a long one would keep dead rows from being cleared away."""
GLANCE = 2_000
"""Entries that a page may look through in order, a millisecond's work, before all that fit are gathered and sorted instead."""
PIECE = 20_000
"""Entries, at least, among which one step of a walk looks: so it plans few partitions at a time, and has enough to go on."""

_sequence = attrgetter("sequence")


class PostgresLedger:
    """See `app.ports.Ledger`. Entries below a scope's end never change, so several queries still see one state."""

    remote = True

    def __init__(self, readers: Readers, months: Months) -> None:
        dialect = PostgresDialect()
        self._readers = readers
        self._months = months
        self._dialect = dialect
        self._mapping = Mapping(dialect)
        self._writes = Writes(dialect)
        self._reads = PostgresReads(dialect)
        self._cells = CellReads(dialect)
        self._extras = ExtraReads(dialect)
        self._records = RecordReads(dialect)
        self._summaries = Summaries(dialect, self)
        self._chosen = ChosenPages(dialect, self, self._summaries, self._cells)
        self._occurrences = OccurrenceReads(dialect)
        self._checks = RollupChecks(dialect, self)

    async def head(self, account_id: int) -> Head:
        """Raises NotFound for an account that does not exist."""
        rows = await self._readers.fetch(self._writes.head, {"account_id": account_id}, steady=True)
        if not rows:
            raise NotFound(f"no account {account_id}")
        return self._mapping.head(rows[0])

    async def sequence_at(self, account_id: int, moment: datetime) -> int:
        # An old timeline will do: what it does not know yet was recorded in its last month or later.
        month = (await self._timeline(account_id, 1)).before(moment)
        if month is None:
            return 0
        before, start = month
        values = {"account_id": account_id, "moment": moment, "recorded_from": start, "recorded_below": LAST}
        rows = await self._readers.fetch(self._reads.sequence_at, values)
        return int(rows[0][0]) if rows else before

    async def nodes(self, account_id: int, span: Span) -> list[bytes]:
        statement, values = nodes_asked(self._writes, account_id, span)
        _, first, end = span
        timeline = await self._months.known(account_id, end, self._readers.ask)
        windows = timeline.windows(first, end)
        bounds = {
            "recorded_from": windows[0].recorded_from if windows else FIRST,
            "recorded_below": windows[-1].recorded_below if windows else LAST,
        }
        return [bytes(row[0]) for row in await self._readers.fetch(statement, values | bounds, steady=True)]

    async def rows(self, question: Rows) -> list[Entry]:
        limit = EVERYTHING if question.limit is None else question.limit
        if limit <= 0:
            return []
        values = self._values(question)
        found: list[Entry] = []
        for read, window in self._steps(question, await self._windows(question)):
            asked = values | window.values() | {"limit": limit - len(found)}
            found += await self._entries(read, asked, steady=read.steady)
            if len(found) >= limit:
                break  # before the next step is thought of
        return found

    async def look(self, question: Rows) -> Look | None:
        scope, limit, descending = question.scope, question.limit, question.descending
        shape = shape_of(question.filters, question.kinds, question.corrections_only)
        lead = ordered_lead(shape) or (SEQUENCE if shape.bare else None)
        timeline = self._months.remembered(scope.account_id)
        newest = scope.as_of == NEWEST
        # What was recorded since the months were read may have occurred at any time.
        unknown = shape.start or shape.end if newest else scope.as_of > timeline.head
        windows = [] if unknown or lead is None else _windows(question, timeline)
        if not windows or not limit or lead is None:
            return None
        near = next(pieces(windows, PIECE, descending=descending))
        read = self._reads.look(
            near.months, None if newest else timeline.month_of(scope.as_of), shape, lead, descending, question.fields
        )
        if read is None:
            return None
        if newest and near.upto == timeline.head:
            near = replace(near, upto=_upto(question))
        values = self._values(question)
        asked = values | near.values() | {"limit": limit, "as_of": scope.as_of}
        rows = await self._readers.fetch(read.entries.statement, asked, steady=True)
        end = next(row for row in rows if row[read.account_id] is None)
        head, recorded_at = end[read.sequence], end[read.recorded_at]
        if newest and windows[-1].upto == timeline.head:  # so that what was recorded since may be asked for
            if recorded_at >= next_month(timeline.months[-1].start):
                return None  # a month has begun of which nothing is known yet
            windows[-1] = replace(windows[-1], upto=min(_upto(question), head))
        found = [read.entries.entry(row) for row in rows if row is not end]
        found.sort(key=_sequence, reverse=descending)  # which they are, though no UNION has to keep them so
        if len(found) < limit:
            rest = self._reads.walk(shape, lead, descending, question.fields)
            for window in _in_order(_beyond(windows, near, descending=descending), descending=descending):
                found += await self._entries(rest, values | window.values() | {"limit": limit - len(found)})
                if len(found) >= limit:
                    break
        return Look(head, recorded_at, found)

    async def stream(self, question: Rows) -> AsyncIterator[list[Entry]]:
        shape = shape_of(question.filters, question.kinds, question.corrections_only)
        lead = ordered_lead(shape) or SEQUENCE
        read = self._reads.walk(shape, lead, question.descending, question.fields)
        left = EVERYTHING if question.limit is None else question.limit
        values = self._values(question)
        windows = await self._windows(question)
        # What has an index of its own and is of one record are few: asked for in all months at once.
        few = lead in OF_LICENSES
        for piece in (
            _in_order(windows, descending=question.descending) if few else pieces(windows, PIECE, descending=question.descending)
        ):
            values |= piece.values()
            while left > 0 and values["above"] < values["upto"]:
                values["limit"] = min(BATCH, left)
                batch = await self._entries(read, values, steady=few)
                if batch:
                    yield batch
                left -= len(batch)
                if len(batch) < values["limit"]:
                    break
                last = batch[-1].sequence
                values |= {"upto": last - 1} if question.descending else {"above": last}

    async def count(self, question: Rows) -> int:
        shape = shape_of(question.filters, question.kinds, question.corrections_only)
        windows = await self._windows(replace(question, above=None, below=None))
        if shape.bare and (shape.kinds is None or EntryKind.USAGE.value in shape.kinds):
            # Sequences have no gaps: all that need counting are the few entries of the kinds that are not asked for.
            everything = windows[-1].upto if windows else 0
            others = tuple(sorted(kind.value for kind in EntryKind if kind.value not in (shape.kinds or ())))
            if shape.kinds is None or not others:
                return everything
            return everything - await self._counted(question, replace(shape, kinds=others), windows)
        return await self._counted(question, shape, windows)

    async def extent(self, scope: Scope, filters: Filters) -> tuple[datetime, datetime] | None:
        known = await self._summaries.extent(scope, filters) if any(filters.terms()) else None
        if known is not None:
            return known
        question = Rows(scope, filters, frozenset((EntryKind.USAGE,)))
        statement, values = self._reads.extent(shape_of(filters, question.kinds)), self._values(question)
        ends = [
            (await self._readers.fetch(statement, values | window.values()))[0] for window in runs(await self._windows(question))
        ]
        found = [(first, last) for first, last in ends if first is not None]
        return (min(first for first, _ in found), max(last for _, last in found)) if found else None

    async def fewer(self, scope: Scope, filters: Filters, than: int) -> bool:
        question = Rows(scope, filters)
        statement, values = self._reads.several(shape_of(filters, None)), self._values(question)
        for window in runs(await self._windows(question)):
            if than > 0:
                rows = await self._readers.fetch(statement, values | window.values() | {"limit": than})
                than -= int(rows[0][0])
        return than > 0

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
        return await self._readers.fetch(statement, {"recorded_from": FIRST, "recorded_below": LAST} | values, steady=steady)

    async def ask_entries(self, statement: Statement, values: dict[str, Any], as_of: int, period: Period) -> list[Any]:
        timeline = await self._timeline(values["account_id"], as_of)
        rows: list[Any] = []
        for window in runs(timeline.windows(0, as_of, period)):
            rows += await self._readers.fetch(statement, values | window.values())
        return rows

    async def counted(self, question: Groups, lead: str | None = None) -> list[Any]:
        return await self._gathered(question, self._cells.parts(question, lead))

    async def false_total(self, account_id: int) -> str | None:
        return await self._checks.difference(account_id)

    async def occurrences(self, question: Occurrences) -> list[Entry]:
        asked = self._occurrences.asked(question)
        timeline = await self._timeline(question.scope.account_id, question.scope.as_of)
        windows = timeline.windows(0, question.scope.as_of, question.filters.period)
        if asked is None or not windows:
            return []
        # In one statement over all months that may hold some: what happened last may have been recorded in any of them.
        statement, values = asked
        first, last = windows[0], windows[-1]
        bounds = {"recorded_from": first.recorded_from, "recorded_below": last.recorded_below}
        return [self._mapping.entry(row) for row in await self._readers.fetch(statement, values | bounds)]

    async def records(self, question: Records) -> list[Record]:
        if question.ids == ():
            return []
        rows = await self._readers.fetch(self._records.records(record_shape(question)), record_arguments(question))
        return [self._mapping.record(row) for row in rows]

    async def _found(self, question: Groups) -> tuple[Found, Way]:
        extras = self._extras
        cells, way = await self._summaries.cells(question)
        found = Found(
            cells,
            # A group is within one answer: neither customers nor ranks of two can be added up.
            await self._gathered(question, extras.customers(question), at_once=True),
            await self._gathered(question, extras.quantities(question), at_once=True),
            await self._gathered(question, extras.charges(question), at_once=True),
        )
        return found, way

    async def _gathered(
        self, question: Groups, parts: Iterable[tuple[Statement, dict[str, Any]]], *, at_once: bool = False
    ) -> list[Any]:
        """The rows of these statements, from the partitions that they are about."""
        scope = question.scope
        timeline = await self._timeline(scope.account_id, scope.as_of)
        rows: list[Any] = []
        for statement, values in parts:
            windows = timeline.windows(0, scope.as_of, Period(values.get("start"), values.get("end")))
            for window in spans(windows) if at_once else runs(windows):
                rows += await self._readers.fetch(statement, values | window.values())
        return rows

    def _steps(self, question: Rows, windows: list[Window]) -> Iterator[tuple[EntryRead, Window]]:
        """What is asked one after another, until a page is full."""
        if not windows:
            return
        descending = question.descending
        shape = shape_of(question.filters, question.kinds, question.corrections_only)
        lead = ordered_lead(shape)
        ordered = lead is not None or shape.bare
        if ordered:
            rest = self._reads.walk(shape, lead or SEQUENCE, descending, question.fields)
            near = next(pieces(windows, PIECE, descending=descending))
            walk = self._reads.within(near.months, shape, lead or SEQUENCE, descending, question.fields)
        else:
            # Nothing has them in order. Most pages are full after a glance; for the others all that fit are found and sorted.
            walk = self._reads.walk(shape, SEQUENCE, descending, question.fields)
            rest = self._reads.gather(shape, descending, question.fields)
            near = next(pieces(windows, GLANCE, descending=descending))
            edge = max(near.above, near.upto - GLANCE) if descending else min(near.upto, near.above + GLANCE)
            near = replace(near, above=edge) if descending else replace(near, upto=edge)
        if ordered or gathering_lead(shape) not in (*NARROW, EVENT):
            yield walk, near
            windows = _beyond(windows, near, descending=descending)
        for window in _in_order(windows, descending=descending):
            yield rest, window

    async def _windows(self, question: Rows) -> list[Window]:
        return _windows(question, await self._timeline(question.scope.account_id, _upto(question)))

    async def _timeline(self, account_id: int, upto: int) -> Timeline:
        return await self._months.known(account_id, upto, self._readers.ask)

    async def _entries(self, read: EntryRead, values: dict[str, Any], *, steady: bool = False) -> list[Entry]:
        return [read.entry(row) for row in await self._readers.fetch(read.statement, values, steady=steady)]

    async def _counted(self, question: Rows, shape: Shape, windows: list[Window]) -> int:
        statement, values = self._reads.count(shape), self._values(question)
        found = [await self._readers.fetch(statement, values | window.values()) for window in runs(windows)]
        return sum(int(rows[0][0]) for rows in found)

    def _values(self, question: Rows) -> dict[str, Any]:
        return {"account_id": question.scope.account_id} | values_of(question.filters, self._dialect)


def _upto(question: Rows) -> int:
    """The last sequence that may be asked for."""
    return question.scope.as_of if question.below is None else min(question.scope.as_of, question.below - 1)


def _windows(question: Rows, timeline: Timeline) -> list[Window]:
    """Where the entries asked for may be, oldest first."""
    if question.kinds is not None and not question.kinds:
        return []
    above = 0 if question.above is None else max(question.above, 0)
    return timeline.windows(above, _upto(question), question.filters.period)


def _in_order(windows: list[Window], *, descending: bool) -> Iterable[Window]:
    """The windows in the order of a walk, neighbours made one."""
    left = runs(windows)
    return reversed(left) if descending else left


def _beyond(windows: list[Window], near: Window, *, descending: bool) -> list[Window]:
    """What is left of the windows past the near end."""
    if descending:
        return [replace(each, upto=min(each.upto, near.above)) for each in windows if each.above < near.above]
    return [replace(each, above=max(each.above, near.upto)) for each in windows if each.upto > near.upto]
