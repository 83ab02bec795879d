"""The partitions of `entries`: one for each month of recording, UTC, made by the writer that first needs it.

There is no default partition: an entry whose month has none cannot be written, and is never put where it would be in the way. A
table is made beside the others and then attached, which neither waits for questions nor holds any up.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import MAXYEAR, UTC, datetime
from functools import lru_cache
from typing import Any

_LOCK = 0x6761_7465_7761_7901
"""The advisory lock under which partitions are made, whichever process does it."""
_PRESENT = (
    "SELECT made.relname FROM pg_inherits JOIN pg_class made ON made.oid = inhrelid"
    " WHERE inhparent = 'entries'::regclass AND made.relname = ANY($1::text[])"
)


def month_of(moment: datetime) -> datetime:
    """The first instant of the month that holds `moment`, UTC."""
    return datetime(moment.year, moment.month, 1, tzinfo=UTC)


@lru_cache(maxsize=1_024)
def next_month(month: datetime) -> datetime:
    """The first instant of the month that follows; of the last one there is, the last instant."""
    year, number = _following(month.year, month.month)
    return datetime(year, number, 1, tzinfo=UTC) if year <= MAXYEAR else datetime.max.replace(tzinfo=UTC)


def partition(month: datetime) -> str:
    """The name of the table that holds what was recorded in a month."""
    return _name(month.year, month.month)


class Partitions:
    """The months that are known to have a partition."""

    def __init__(self) -> None:
        self._known: set[datetime] = set()

    def missing(self, months: Iterable[datetime]) -> list[datetime]:
        """Those of the months that may have none."""
        return [month for month in months if month not in self._known]

    def add(self, months: Iterable[datetime]) -> None:
        """Remember months whose partitions are committed."""
        self._known.update(months)


async def make_partitions(connection: Any, months: Iterable[datetime]) -> None:
    """Make the partitions of these months, and of the month after each, inside the connection's transaction.

    The following one is made ahead of time, so that the turn of a month finds it there.
    """
    wanted: dict[str, tuple[int, int]] = {}
    for month in months:
        for year, number in ((month.year, month.month), _following(month.year, month.month)):
            if year <= MAXYEAR:
                wanted[_name(year, number)] = (year, number)
    if len(await connection.fetch(_PRESENT, list(wanted))) == len(wanted):
        return
    await connection.execute(f"SELECT pg_advisory_xact_lock({_LOCK})")
    present = {row[0] for row in await connection.fetch(_PRESENT, list(wanted))}
    for name, (year, number) in wanted.items():
        if name not in present:
            await connection.execute(
                f"CREATE TABLE {name} (LIKE entries INCLUDING ALL);"
                f" ALTER TABLE entries ATTACH PARTITION {name}"
                f" FOR VALUES FROM ({_first(year, number)}) TO ({_first(*_following(year, number))})"
            )


def _name(year: int, number: int) -> str:
    return f"entries_{year:04}_{number:02}"


def _following(year: int, number: int) -> tuple[int, int]:
    return (year, number + 1) if number < 12 else (year + 1, 1)


def _first(year: int, number: int) -> str:
    return f"'{year:04}-{number:02}-01 00:00:00+00'"
