"""Which partitions a question is about: what is known of the months in which an account recorded.

Recording never goes back in time, so a month that another one follows is settled for ever: where its sequences begin and end,
and between which instants lies what its entries tell of. Only the last known month is open: it stands for itself and for all that
may have come since, so that what is remembered may be old without ever being wrong.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import bindparam, select

from app.domain.period import Period
from app.storage.postgres.dialect import FIRST, LAST, MonthTable, PostgresDialect
from app.storage.sql.dialect import Statement, compile_statement
from app.storage.sql.tables import table_of

FRESH_SECONDS = 60.0
"""How long what was read is relied on before it is read again, in case months have been added."""
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

    def values(self) -> dict[str, Any]:
        """The parameters that say so."""
        return {
            "above": self.above,
            "upto": self.upto,
            "recorded_from": self.recorded_from,
            "recorded_below": self.recorded_below,
        }


class Timeline:
    """The months of one account, oldest first."""

    def __init__(self, months: Sequence[Month]) -> None:
        self.months = tuple(months)

    def windows(self, above: int, upto: int, period: Period = Period()) -> list[Window]:
        """For each month that can hold entries of these sequences which occurred in the period, its part of them, in order."""
        if above >= upto:
            return []
        if not self.months:
            return [Window(above, upto)]
        found = []
        for at, month in enumerate(self.months):
            following = self.months[at + 1] if at + 1 < len(self.months) else None
            first = max(above, month.first_sequence - 1)
            last = upto if following is None else min(upto, following.first_sequence - 1)
            if first < last and (following is None or _meets(month, period)):
                found.append(Window(first, last, month.start, LAST if following is None else following.start))
        return found

    def before(self, moment: datetime) -> tuple[int, datetime] | None:
        """The month that holds the instant: the last sequence before it, and its first instant. None where nothing was recorded
        by then."""
        if not self.months:
            return 0, FIRST
        month = next((month for month in reversed(self.months) if month.start <= moment), None)
        return None if month is None else (month.first_sequence - 1, month.start)


def hull(windows: Sequence[Window]) -> Window:
    """One window that holds all of these, of which there is one at least."""
    first, last = windows[0], windows[-1]
    return Window(first.above, last.upto, first.recorded_from, last.recorded_below)


def pieces(windows: Sequence[Window], least: int, *, descending: bool) -> Iterator[Window]:
    """The windows in the order of a walk, neighbours taken together until they hold at least so many sequences."""
    gathered: list[Window] = []
    for window in reversed(windows) if descending else windows:
        gathered = [window, *gathered] if descending else [*gathered, window]
        if sum(each.upto - each.above for each in gathered) >= least:
            yield hull(gathered)
            gathered = []
    if gathered:
        yield hull(gathered)


def _meets(month: Month, period: Period) -> bool:
    return (period.start is None or month.last_occurred_at >= period.start) and (
        period.end is None or month.first_occurred_at < period.end
    )


class Months:
    """The timelines of accounts, remembered for a while."""

    def __init__(self) -> None:
        months = table_of(MonthTable).c
        asked = select(months.month, months.first_sequence, months.first_occurred_at, months.last_occurred_at)
        asked = asked.where(months.account_id == bindparam("account_id")).order_by(months.month)
        self._statement = compile_statement(asked, PostgresDialect())
        self._known: OrderedDict[int, tuple[float, Timeline]] = OrderedDict()

    async def of(self, account_id: int, fetch: Fetch | None = None) -> Timeline:
        """The account's timeline: as it is remembered, or else as `fetch` tells it. Without one, nothing is known."""
        read_at, timeline = self._known.get(account_id, (0.0, None))
        now = time.monotonic()
        if timeline is not None and now - read_at <= FRESH_SECONDS:
            return timeline
        if fetch is None:
            return timeline or Timeline(())
        timeline = Timeline([Month(*row) for row in await fetch(self._statement, account_id=account_id)])
        self._known[account_id] = (now, timeline)
        self._known.move_to_end(account_id)
        while len(self._known) > _MOST_ACCOUNTS:
            self._known.popitem(last=False)
        return timeline

    def forget(self, account_id: int) -> None:
        """Read the account's months again when they are next needed."""
        self._known.pop(account_id, None)
