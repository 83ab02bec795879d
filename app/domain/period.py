"""Half-open periods and the buckets they are cut into, on any IANA zone's own calendar.

Edges are computed once, here, and handed to every engine, so that no engine's own idea of a time zone matters.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones, reset_tzpath

from app.domain.errors import InvalidQuery
from app.domain.instant import from_micros, to_micros

MOST_EDGES = 25_000
"""More buckets than this in one question are refused: nearly three years of hours, sixty-eight of days."""
# The pinned tzdata package alone, and not whatever the machine has: the same question has the same answer everywhere.
reset_tzpath(to=())
_HOUR = timedelta(hours=1)
_MICRO = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Period:
    """`start` inclusive, `end` exclusive, both UTC; None is open."""

    start: datetime | None = None
    end: datetime | None = None

    def __post_init__(self) -> None:
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise InvalidQuery("from", "must be before `to`")

    def contains(self, moment: datetime) -> bool:
        """Whether `moment` lies in the period."""
        return (self.start is None or moment >= self.start) and (self.end is None or moment < self.end)

    def common(self, other: Period) -> Period:
        """The time that both periods hold; raises InvalidQuery where that is nothing."""
        starts = [each for each in (self.start, other.start) if each is not None]
        ends = [each for each in (self.end, other.end) if each is not None]
        return Period(max(starts, default=None), min(ends, default=None))


class Granularity(StrEnum):
    """How long a bucket of time is, on the zone's own calendar."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


_LONGEST = {
    Granularity.HOUR: timedelta(hours=1),
    Granularity.DAY: timedelta(days=2),
    Granularity.WEEK: timedelta(days=8),
    Granularity.MONTH: timedelta(days=32),
    Granularity.QUARTER: timedelta(days=93),
    Granularity.YEAR: timedelta(days=367),
}
"""No bucket is longer than this, on any zone's calendar."""


@dataclass(frozen=True, slots=True)
class Buckets:
    """A cutting of time: bucket i is [edges[i], edges[i+1]). `zone` is the IANA name, `edges` ascend and are UTC."""

    granularity: Granularity
    zone: str
    edges: tuple[datetime, ...]

    def end_of(self, start: datetime) -> datetime:
        """The first instant after the bucket that begins at `start`."""
        return self.edges[bisect_right(self.edges, start)]

    def runs(self) -> list[tuple[int, int, int]]:
        """The same edges as runs of equal steps: (first edge, step, number of buckets), in microseconds since 1970.

        A year of days in a zone with two clock changes is five runs, which an engine can compute with arithmetic.
        """
        micros = [to_micros(edge) for edge in self.edges]
        runs: list[tuple[int, int, int]] = []
        for left, right in pairwise(micros):
            step = right - left
            if runs and runs[-1][1] == step:
                first, _, count = runs[-1]
                runs[-1] = (first, step, count + 1)
            else:
                runs.append((left, step, 1))
        return runs


def zone_named(name: str, field: str = "timeZone") -> ZoneInfo:
    """The IANA zone of that name; raises InvalidQuery naming `field`."""
    try:
        if name not in _zone_names():
            raise ValueError(name)
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidQuery(field, "is not the name of an IANA time zone, such as Europe/Berlin") from None


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones() - {"Factory", "localtime"})


def cut(period: Period, granularity: Granularity, zone_name: str = "UTC", *, field: str = "bucket") -> Buckets:
    """The buckets that cover a closed `period`: the first edge is at or before its start, the last at or after its end.

    Weeks start on Monday (ISO 8601). Where clocks change, a day has 23 or 25 hours and an hour that is told twice is two
    buckets. Raises InvalidQuery for an open period or for more than 25,000 buckets.
    """
    zone = zone_named(zone_name)
    too_many = InvalidQuery(field, f"cuts the period into more than {MOST_EDGES:,} buckets; name a shorter one with from and to")
    if period.start is None or period.end is None:
        raise InvalidQuery(field, "needs both ends of the period")
    if period.end - period.start > MOST_EDGES * _LONGEST[granularity]:
        raise too_many  # told before the calendar is walked
    edges: list[datetime] = []
    for edge in _edges(period.start, granularity, zone):
        if edges and edge == edges[-1]:
            continue  # a calendar day that the zone skipped
        edges.append(edge)
        if edge >= period.end:
            break
        if len(edges) > MOST_EDGES:
            raise too_many
    # Skipped days and shifted hours can leave leading edges before the one that covers the start.
    while len(edges) > 2 and edges[1] <= period.start:
        edges.pop(0)
    return Buckets(granularity, zone_name, tuple(edges))


def buckets_before(buckets: Buckets) -> Period:
    """The time that as many buckets take before these. Raises InvalidQuery where the calendar does not reach so far back."""
    count, first = len(buckets.edges) - 1, buckets.edges[0]
    try:
        start = first - (count + 1) * _LONGEST[buckets.granularity]
        edges = cut(Period(start, first), buckets.granularity, buckets.zone, field="compareWith").edges
    except OverflowError:
        raise InvalidQuery("compareWith", "would begin before the calendar does") from None
    return Period(edges[-1 - count], first)


def _edges(start: datetime, granularity: Granularity, zone: ZoneInfo) -> Iterator[datetime]:
    try:
        if granularity is Granularity.HOUR:
            yield from _hours(start, zone)
        else:
            day = start.astimezone(zone).date() - timedelta(days=1)
            for first in _days(day, granularity):
                yield _midnight(first, zone)
    except (OverflowError, ValueError):
        raise InvalidQuery("to", "is too near the end of the calendar to be cut into buckets") from None


def _days(day: date, granularity: Granularity) -> Iterator[date]:
    """The first days of the calendar's own units, from the one that holds `day` on."""
    if granularity is Granularity.WEEK:
        day -= timedelta(days=day.weekday())
    elif granularity is not Granularity.DAY:
        day = day.replace(day=1)
    if granularity is Granularity.QUARTER:
        day = day.replace(month=(day.month - 1) // 3 * 3 + 1)
    elif granularity is Granularity.YEAR:
        day = day.replace(month=1)
    months = {Granularity.MONTH: 1, Granularity.QUARTER: 3, Granularity.YEAR: 12}.get(granularity, 0)
    while True:
        yield day
        if months:
            year, month = divmod(day.month - 1 + months, 12)
            day = day.replace(year=day.year + year, month=month + 1)
        else:
            day += timedelta(days=7 if granularity is Granularity.WEEK else 1)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of `day` in `zone`, which is not always told as 00:00."""
    moment = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    if (moment - _MICRO).astimezone(zone).date() >= day:  # clocks jumped over midnight: the day began earlier
        return _first(moment - timedelta(hours=26), moment, lambda at: at.astimezone(zone).date() >= day)
    return moment


def _hours(start: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    local = start.astimezone(zone)
    edge = start - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    if edge.astimezone(zone).utcoffset() != local.utcoffset():
        edge -= _HOUR  # a clock change lies in between: begin earlier and let the walk below find its edges
        local = edge.astimezone(zone)
        edge -= timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    while True:
        yield edge
        local = edge.astimezone(zone)
        step = _HOUR - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        following = edge + step
        if local.utcoffset() != following.astimezone(zone).utcoffset():
            # The change itself is an edge: some clocks move by half an hour, some at a minute past.
            following = _offset_change(edge, following, zone)
        edge = following


def _offset_change(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    offset = low.astimezone(zone).utcoffset()
    return _first(low, high, lambda at: at.astimezone(zone).utcoffset() != offset)


def _first(low: datetime, high: datetime, holds: Callable[[datetime], bool]) -> datetime:
    """The first instant in (low, high] for which `holds`, by bisection over microseconds."""
    left, right = to_micros(low), to_micros(high)
    while right - left > 1:
        middle = (left + right) // 2
        if holds(from_micros(middle)):
            right = middle
        else:
            left = middle
    return from_micros(right)
