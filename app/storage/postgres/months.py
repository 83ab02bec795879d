"""Which partitions a question is about: what is known of the months in which an account recorded.

Recording never goes back in time, and what has a sequence never changes its place. So what was once read of an account's months,
up to the head that it had then, is true for ever of all that was recorded up to there; it is read again when a question goes
further.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Protocol

from sqlalchemy import bindparam, select

from app.domain.period import Period
from app.storage.postgres.dialect import FIRST, LAST, MonthTable, PostgresDialect
from app.storage.postgres.partitions import next_month
from app.storage.sql.dialect import Statement, compile_statement
from app.storage.sql.tables import heads, table_of

_MOST_ACCOUNTS = 4_096


class Fetch(Protocol):
    """Asks the database."""

    async def __call__(self, statement: Statement, **values: Any) -> list[Any]: ...


@dataclass(frozen=True, slots=True)
class Month:
    """A month of an account: its first instant, the first sequence recorded in it, and when its entries occurred."""

    start: datetime
    first_sequence: int
    first_occurred_at: datetime
    last_occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Window:
    """`above` < sequence <= `upto`, all of them recorded from the first instant on and before the second."""

    above: int
    upto: int
    recorded_from: datetime = FIRST
    recorded_below: datetime = LAST
    months: tuple[datetime, ...] = ()
    """The months in which they were recorded, oldest first: each has a partition."""

    def values(self) -> dict[str, Any]:
        """The parameters that say so."""
        return {
            "above": self.above,
            "upto": self.upto,
            "recorded_from": self.recorded_from,
            "recorded_below": self.recorded_below,
        }


@dataclass(frozen=True, slots=True)
class Timeline:
    """The months of one account, oldest first, as they were when the ledger ended at `head`."""

    head: int = 0
    months: tuple[Month, ...] = ()

    def windows(self, above: int, upto: int, period: Period = Period()) -> list[Window]:
        """For each month with entries of these sequences, of which some may have occurred in the period, its part of them."""
        found = []
        for at, month in enumerate(self.months):
            end = self.months[at + 1].first_sequence - 1 if at + 1 < len(self.months) else self.head
            first, last = max(above, month.first_sequence - 1), min(upto, end)
            if first < last and _meets(month, period):
                found.append(Window(first, last, month.start, next_month(month.start), (month.start,)))
        return found

    def before(self, moment: datetime) -> tuple[int, datetime] | None:
        """Of the last month that began by then: the last sequence before it, and its first instant. None where there is none."""
        month = next((month for month in reversed(self.months) if month.start <= moment), None)
        return None if month is None else (month.first_sequence - 1, month.start)

    def month_of(self, sequence: int) -> datetime:
        """The month in which the entry of that sequence, one of these, was recorded."""
        return next(month.start for month in reversed(self.months) if month.first_sequence <= sequence)


def runs(windows: Sequence[Window]) -> list[Window]:
    """The same windows, neighbours made one."""
    breaks = [at for at, (one, other) in enumerate(pairwise(windows), start=1) if one.upto != other.above]
    edges = [0, *breaks, len(windows)]
    return [_joined(windows[start:end]) for start, end in pairwise(edges) if start < end]


def spans(windows: Sequence[Window]) -> list[Window]:
    """One window from the first to the last of these, with what lies between; none where there are none."""
    return [_joined(windows)] if windows else []


def pieces(windows: Sequence[Window], least: int, *, descending: bool) -> Iterator[Window]:
    """The windows in the order of a walk, neighbours made one until it holds at least so many sequences."""
    gathered: list[Window] = []
    for window in reversed(windows) if descending else windows:
        apart = gathered and window.upto != gathered[0].above and window.above != gathered[-1].upto
        if gathered and (apart or sum(each.upto - each.above for each in gathered) >= least):
            yield _joined(gathered)
            gathered = []
        gathered = [window, *gathered] if descending else [*gathered, window]
    if gathered:
        yield _joined(gathered)


def _joined(windows: Sequence[Window]) -> Window:
    first, last = windows[0], windows[-1]
    months = tuple(month for window in windows for month in window.months)
    return Window(first.above, last.upto, first.recorded_from, last.recorded_below, months)


def _meets(month: Month, period: Period) -> bool:
    return (period.start is None or month.last_occurred_at >= period.start) and (
        period.end is None or month.first_occurred_at < period.end
    )


class Months:
    """The timelines of accounts, as far as they were needed."""

    def __init__(self) -> None:
        months = table_of(MonthTable)
        own = months.c.account_id == heads.c.account_id
        columns = (months.c.month, months.c.first_sequence, months.c.first_occurred_at, months.c.last_occurred_at)
        asked = select(heads.c.sequence, *columns).select_from(heads.outerjoin(months, own))
        asked = asked.where(heads.c.account_id == bindparam("account_id")).order_by(months.c.month)
        self._statement = compile_statement(asked, PostgresDialect())
        self._known: OrderedDict[int, Timeline] = OrderedDict()

    async def known(self, account_id: int, upto: int, fetch: Fetch) -> Timeline:
        """The account's timeline up to that sequence, or to the head where the ledger ends before."""
        timeline = self.remembered(account_id)
        if upto > timeline.head:
            rows = await fetch(self._statement, account_id=account_id)
            head = rows[0][0] if rows else 0
            timeline = Timeline(head, tuple(Month(*row[1:]) for row in rows if row[1] is not None))
            self._known[account_id] = timeline
            self._known.move_to_end(account_id)
            while len(self._known) > _MOST_ACCOUNTS:
                self._known.popitem(last=False)
        return timeline

    def remembered(self, account_id: int) -> Timeline:
        """The account's timeline as far as it is known without asking."""
        return self._known.get(account_id, Timeline())
