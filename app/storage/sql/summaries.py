"""Totals by way of the rollups: their rows, what the ledger tells of the edges, and the newer entries taken off again.

A rollup is as of the head; a question is as of a sequence, which on a busy ledger is a few entries behind by the time it is
read. So the head is read with the rows, in one statement, and what lies between is subtracted. First and last uses cannot be
subtracted: where newer entries touch a group, or where a reversal has left one uncertain, the ledger of single days is asked.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from app.domain.entry import Entry, EntryKind
from app.domain.period import Period
from app.question.filters import Filters
from app.question.groups import Groups
from app.question.rows import Rows
from app.question.scope import Scope
from app.question.way import Way
from app.storage.sql.conditions import OCCURRED_AT
from app.storage.sql.dialect import Dialect, Statement
from app.storage.sql.looks import Entries, Looks, Unfit
from app.storage.sql.planner import Plan, day_period, end_of, plan, start_of
from app.storage.sql.rollup_reads import RollupReads, Row
from app.storage.sql.rollups import NOTHING
from app.storage.sql.tables import INDEXED
from app.storage.sql.uses import UseReads

_LOG = logging.getLogger("gateway.storage")

NEAR = 2_000
"""Entries that a question may be behind the head; further back the ledger answers."""
MOST_CUSTOMERS = 8
"""Customers that a license, an order or a subscription may have for their rows to be looked through."""
MOST_APART = 64
"""Days, or hours, that these entries may be about."""
_EVERYTHING = Filters()
_MOST_LENGTHS, _MOST_WEIGHTS, _MOST_LINKED = 4_096, 256, 64
_LINKED_SECONDS = 2.0
TRIES = 4
"""Times that a rollup is read while others are writing, before the ledger answers."""


class Ledger(Entries, Protocol):
    """What an engine is asked."""

    async def ask(self, statement: Statement, values: dict[str, Any], *, steady: bool = False) -> list[Any]:
        """The rows of a statement that is not about entries; `steady` where it has one plan only, whatever the values."""
        ...

    async def counted(self, question: Groups, lead: str | None = None) -> list[Any]:
        """The rows of cells that the entries asked for make; `lead` names the index, where it is not the usual one."""
        ...

    async def extent(self, scope: Scope, filters: Filters) -> tuple[datetime, datetime] | None:
        """See `app.ports.Ledger`."""
        ...

    async def fewer(self, scope: Scope, filters: Filters, than: int) -> bool:
        """Whether fewer entries than that fit the filters, of whatever kind; no more than those are counted."""
        ...

    async def rows(self, question: Rows) -> list[Entry]:
        """See `app.ports.Ledger`."""
        ...


class Summaries:
    """For one engine."""

    def __init__(self, dialect: Dialect, ledger: Ledger) -> None:
        self._dialect = dialect
        self._ledger = ledger
        self.reads = RollupReads(dialect)
        self._uses = UseReads(dialect)
        self._lengths: dict[int, tuple[int, timedelta]] = {}
        """By account: as of which sequence its first and last use were looked up, and how far apart they are."""
        self._linked: dict[tuple[Scope, str, tuple[Any, ...]], tuple[float, tuple[str, ...]]] = {}
        """By scope and what is named: the customers that it leads to, and until when that is taken for granted. As of a scope it
        does not change, unless what is kept beside the ledger is made anew; and a report asks again."""
        self._weights: dict[tuple[int, Filters], tuple[int, int]] = {}
        """By account and filters: as of which sequence the entries of all times that fit were counted, and how many there are."""

    async def cells(self, question: Groups) -> tuple[list[Any], Way]:
        """The rows of cells that the question asks for, and how they were found."""
        planned = plan(question)
        reason = planned.reason
        if planned.rollup is not None:
            try:
                cells, way = await self.rolled(question, planned)
                for period, finer in planned.finer:
                    more, hourly = await self.rolled(replace(question, filters=question.filters.within(period)), finer)
                    cells += more
                    way = way.and_with(hourly)
            except Unfit as unfit:
                reason = str(unfit)
            else:
                for edge in planned.left:
                    asked = replace(question, filters=question.filters.within(edge))
                    cells += await self._ledger.counted(asked, OCCURRED_AT)
                _LOG.debug("totals by %s: %s", way.source, way.reason)
                return cells, way
        _LOG.debug("totals by the ledger: %s", reason)
        return await self._ledger.counted(question), Way("ledger", reason)

    async def extent(self, scope: Scope, filters: Filters) -> tuple[datetime, datetime] | None:
        """The first and the last occurred_at of what the filters fit, looked for in the first and the last day that a rollup has
        of it; None where that is not found so."""
        if filters.period.start is not None or filters.period.end is not None:
            return None
        question = Groups(scope, filters)
        planned = plan(question)
        if planned.rollup is None:
            return None
        try:
            customers = await self._customers(question, planned)
        except Unfit:
            return None
        if not customers and planned.link is not None:
            return None
        if planned.folds and not _is_single(question, customers):
            planned = planned.by_days()
        statement, values = self.reads.days(question, planned, customers)
        steady = _is_steady(question, planned, customers)
        [(first, last, entries)] = await self._ledger.ask(statement, values, steady=steady)
        if first is None:
            return None
        # Either all of these are read, or a walk through the day comes upon one: as a rule after one of so many.
        narrow = entries * entries < scope.as_of

        async def looked(day: int, *, is_last: bool) -> datetime | None:
            statement, values = self._uses.any(question, day_period(day), last=is_last, narrow=narrow)
            rows = await self._ledger.ask_entries(statement, values, scope.as_of, day_period(day))
            return (max if is_last else min)((self._dialect.moment(each[0]) for each in rows), default=None)

        begin, end = await asyncio.gather(looked(first, is_last=False), looked(last, is_last=True))
        if begin is None or end is None:
            return None  # all of that day is newer than the scope
        return begin, end

    async def rolled(self, question: Groups, planned: Plan, customers: tuple[str, ...] | None = None) -> tuple[list[Any], Way]:
        """The rows of cells that the plan's rollup tells, of all customers or these, and how. Raises Unfit."""
        rollup = planned.rollup
        assert rollup is not None
        if customers is None:
            customers = await self._customers(question, planned)
        if not customers and planned.link is not None:
            return [], Way(rollup.name, planned.reason)
        if planned.folds and not _is_single(question, customers):
            planned = planned.by_days()
        asked = planned
        apart: tuple[int, ...] = ()
        for _ in range(TRIES):
            head, until, found = await self._read(question, asked, customers, apart)
            planned = asked.folded(until)
            newer = await self.newer(question, planned, customers, head)
            days = {planned.number(each.occurred_at) for each in newer}
            # A month tells nothing of one of its days.
            in_months = {each for each in days if planned.tells_month(each)}
            if days <= set(apart) and not in_months:
                break
            asked = asked.without_months(in_months)
            apart = tuple(sorted(days | set(apart)))
            if len(apart) > MOST_APART:
                raise Unfit(f"the entries after the sequence are about more than {MOST_APART} {planned.word}s")
        else:
            raise Unfit("the ledger was written to each time that the rollup was read")
        await self._weigh(question, planned, customers, found)
        looks = Looks(self._dialect, self._uses, self._ledger, question, planned, apart)
        cells: list[Any] = []
        if apart:
            rows, touched = self._without([self.reads.row(each, question) for each in found], newer, question)
            for at, row in enumerate(rows):
                cells.append(self._cell(row, *await looks.extremes(row, touched=at in touched)))
        else:
            for each, cell in zip(found, self.reads.certain(found, question), strict=True):
                if cell is None:
                    row = self.reads.row(each, question)
                    cell = self._cell(row, *await looks.extremes(row, touched=False))
                cells.append(cell)
        told = None if planned.first is None or planned.end is None else planned.end - planned.first - len(planned.cut)
        days_told = None if told is None else told * planned.step // timedelta(days=1)
        name = rollup.name if planned.months is None else f"{planned.months.name} and {rollup.name}"
        return cells, Way(name, planned.reason, days_told, len(planned.left), len(newer), looks.made)

    async def _customers(self, question: Groups, planned: Plan) -> tuple[str, ...]:
        """The customers whose rows are to be read, where others than the named ones are: those known at the sequence at least."""
        if planned.link is None:
            return ()
        key = (question.scope, planned.link, dict(question.filters.terms())[planned.link])
        until, found = self._linked.get(key, (0.0, ()))
        if time.monotonic() > until:
            rows = await self._ledger.ask(*self.reads.customers(question, planned, MOST_CUSTOMERS + 1), steady=True)
            found = tuple([row[0] for row in rows])
            if len(self._linked) >= _MOST_LINKED:
                self._linked.clear()
            self._linked[key] = time.monotonic() + _LINKED_SECONDS, found
        if len(found) > MOST_CUSTOMERS:
            raise Unfit(f"what `{planned.link}` names belongs to more than {MOST_CUSTOMERS} customers")
        return found

    async def _read(
        self, question: Groups, planned: Plan, customers: Sequence[str], apart: Sequence[int]
    ) -> tuple[int, int | None, list[Sequence[Any]]]:
        """The head, the day before which days are folded where the plan folds them, and the rows of the answer as of the head."""
        steady = _is_steady(question, planned, customers)
        heads: set[tuple[int, int | None]] = set()
        rows: list[Sequence[Any]] = []
        for statement, values in self.reads.parts(question, planned, customers, apart):
            for found in await self._ledger.ask(statement, values, steady=steady):
                if found[0] is None:
                    rows.append(found)
                else:
                    heads.add((found[0], found[1]))
        if len(heads) != 1:
            raise Unfit("the ledger was written to between two parts of the question")
        return (*heads.pop(), rows)

    async def _weigh(self, question: Groups, planned: Plan, customers: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Return if the edges are worth reading: what is asked for may have fewer entries than an edge has of all."""
        if not planned.left or not any(name in INDEXED for name, _ in question.filters.terms()):
            return
        length = await self._length(question.scope)
        if length is None:
            return
        edges = sum((end_of(each) - start_of(each) for each in planned.left), timedelta())
        of_all = int(question.scope.as_of * (edges / max(length, edges)))
        if of_all <= self.reads.entries(rows):
            return
        # There may be many more at other times, which the ledger would have to look through as well.
        always = Groups(question.scope, replace(question.filters, period=Period()))
        told = plan(always)
        if told.rollup is not None and (not told.rollup.by_customer or (told.folds and _is_single(question, customers))):
            few = await self._weight(always, told, customers) < of_all
        else:
            few = await self._ledger.fewer(question.scope, always.filters, of_all)
        if few:
            raise Unfit("what is asked for has fewer entries than the edges of the period have of all")

    async def _weight(self, always: Groups, planned: Plan, customers: Sequence[str]) -> int:
        """How many entries of all times there are, about. A report asks of two periods, and its readers again and again."""
        scope, key = always.scope, (always.scope.account_id, always.filters)
        as_of, entries = self._weights.get(key, (0, 0))
        if not as_of <= scope.as_of <= 1.1 * as_of:
            _, _, found = await self._read(always, planned, customers, ())
            entries = self.reads.entries(found)
            if len(self._weights) >= _MOST_WEIGHTS:
                self._weights.clear()
            self._weights[key] = (scope.as_of, entries)
        return entries

    async def _length(self, scope: Scope) -> timedelta | None:
        """The time from an account's first use to its last, about: None without any. It is looked up seldom."""
        as_of, length = self._lengths.get(scope.account_id, (0, timedelta()))
        if not as_of <= scope.as_of <= 1.1 * as_of:
            extent = await self._ledger.extent(scope, _EVERYTHING)
            if extent is None:
                return None
            length = extent[1] - extent[0]
            if len(self._lengths) >= _MOST_LENGTHS:
                self._lengths.clear()
            self._lengths[scope.account_id] = (scope.as_of, length)
        return length

    async def newer(self, question: Groups, planned: Plan, customers: Sequence[str], head: int) -> list[Entry]:
        """The entries after the question's sequence that are in the rollup's rows already."""
        account_id, as_of = question.scope.account_id, question.scope.as_of
        if head <= as_of:
            return []
        if head - as_of > NEAR:
            raise Unfit(f"the sequence is more than {NEAR:,} entries behind the head")
        asked = Rows(Scope(account_id, head), question.filters, frozenset((EntryKind.USAGE,)), above=as_of, descending=False)
        edges = () if question.buckets is None else question.buckets.edges
        return [
            each
            for each in await self._ledger.rows(asked)
            if planned.holds(planned.number(each.occurred_at))
            and (not edges or edges[0] <= each.occurred_at < edges[-1])
            and (not customers or (each.customer_id or NOTHING) in customers)
        ]

    def _without(self, rows: Sequence[Row], newer: Iterable[Entry], question: Groups) -> tuple[list[Row], set[int]]:
        """The rows without what newer entries have added to them, and which of these they have touched."""
        by_key = {self.reads.key(row, question): row for row in rows}
        touched = set()
        for entry in newer:
            key = self.reads.key_of(entry, question)
            if key not in by_key:
                raise Unfit("the rollup lacks what was recorded last; `gateway ledger verify` tells more")
            by_key[key] = self.reads.less(by_key[key], entry)
            touched.add(key)
        kept = [(key, row) for key, row in by_key.items() if row.entries]
        return [row for _, row in kept], {at for at, (key, _) in enumerate(kept) if key in touched}

    def _cell(self, row: Row, first: int | None, last: int | None) -> tuple[Any, ...]:
        """The row as the ledger's own statement would tell it."""
        instant = self._dialect.instant
        uses = (None if first is None else instant(first), None if last is None else instant(last))
        return (*row.key, *row.counts, *uses, *row.sums)


def _is_single(question: Groups, customers: Sequence[str]) -> bool:
    """Whether it is about one customer: the one that is named, or that what is named leads to."""
    return len(customers or question.filters.customer_id or ()) == 1


def _is_steady(question: Groups, planned: Plan, customers: Sequence[str]) -> bool:
    """Whether it has one plan only: a customer's rows are few and in one place. Others may take long, and let no page wait."""
    return planned.rollup is not None and planned.rollup.by_customer and _is_single(question, customers)
