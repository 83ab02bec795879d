"""First and last uses that a rollup is not certain of, for one question: which of them, and where in the ledger to look.

Newer entries cannot be subtracted from them, and a reversal may have taken one away: the ledger of single days tells what stands.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Protocol

from app.domain.instant import from_micros, to_micros
from app.domain.period import Period
from app.question.groups import Groups
from app.storage.sql.dialect import Dialect, Statement
from app.storage.sql.planner import Plan, month_from, month_of
from app.storage.sql.rollup_reads import Row
from app.storage.sql.uses import UseReads

MOST_LOOKS = 256
"""First and last uses that may have to be looked up."""
FEW = 500
"""Entries of a group that an index by what it is of finds sooner than a walk through a day does."""


class Entries(Protocol):
    """What an engine is asked of the ledger."""

    async def ask_entries(self, statement: Statement, values: dict[str, Any], as_of: int, period: Period) -> list[Any]:
        """The rows of a statement about entries with a sequence of at most `as_of` that occurred in the period."""
        ...


class Unfit(Exception):
    """The rollup cannot answer this time; the message says why."""


class Looks:
    """First and last uses for one question, in microseconds since 1970, looked up where they have to be."""

    def __init__(
        self, dialect: Dialect, uses: UseReads, ledger: Entries, question: Groups, planned: Plan, apart: Sequence[int]
    ) -> None:
        self._dialect = dialect
        self._uses = uses
        self._ledger = ledger
        self._question = question
        self._planned = planned
        self._apart = apart
        self.made = 0

    async def extremes(self, row: Row, *, touched: bool) -> tuple[int | None, int | None]:
        """The first and the last use of a row; `touched` where newer entries may have moved those of the days apart."""
        if not row.counts[0]:
            return None, None  # nothing stands
        first, last = row.first, row.last
        if not touched:
            first = min((each for each in (first, row.first_apart) if each is not None), default=None)
            last = max((each for each in (last, row.last_apart) if each is not None), default=None)
        found_first = await self._certain(row, first, last=False)
        found_last = await self._certain(row, last, last=True)
        if touched:
            found_first = await self._nearer(row, found_first, last=False)
            found_last = await self._nearer(row, found_last, last=True)
        return found_first, found_last

    async def _certain(self, row: Row, twice: int | None, *, last: bool) -> int | None:
        """A use from a rollup: where it is not certain, nothing that stands lies beyond it, and something does in its day."""
        if twice is None or bool(twice & 1) is last:
            return None if twice is None else twice >> 1
        planned, instant = self._planned, from_micros(twice >> 1)
        day = planned.number(instant)
        first, end = (month_of(day), month_from(day + 1)) if planned.tells_month(day) else (day, day + 1)
        beyond = Period(planned.start(first), instant + timedelta.resolution) if last else Period(instant, planned.start(end))
        return await self._look(row, beyond, last=last)

    async def _nearer(self, row: Row, known: int | None, *, last: bool) -> int | None:
        """A use among the days apart that lies beyond the one that is known of the others."""
        bucket = self._bucket(row)
        for day in sorted(self._apart, reverse=last):
            if not bucket.contains(self._planned.start(day)):
                continue
            if known is not None and (day < self._planned.number(from_micros(known))) is last:
                break
            found = await self._look(row, self._planned.period(day), last=last)
            if found is not None:
                return found
        return known

    async def _look(self, row: Row, period: Period, *, last: bool) -> int | None:
        question = self._question
        if self.made == MOST_LOOKS:
            raise Unfit(f"reversals and newer entries leave more than {MOST_LOOKS} first and last uses uncertain")
        self.made += 1
        key = row.key[0 if question.buckets is None else 1 :]
        statement, values = self._uses.look(question, key, period, last=last, narrow=row.entries < FEW)
        rows = await self._ledger.ask_entries(statement, values, question.scope.as_of, period)
        found = [to_micros(self._dialect.moment(each[0])) for each in rows]
        return (max if last else min)(found, default=None)

    def _bucket(self, row: Row) -> Period:
        """The time of the row's group: days of which all is in it are meant."""
        buckets = self._question.buckets
        if buckets is None:
            return Period()
        start = self._dialect.bucket_start(row.key[0], buckets)
        return Period(start, buckets.edges[bisect_right(buckets.edges, start)])
