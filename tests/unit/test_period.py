"""Periods and buckets, held against an oracle that walks every minute on the zone's own clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.errors import InvalidQuery
from app.domain.instant import to_micros
from app.domain.period import MOST_EDGES, Buckets, Granularity, Period, cut

# Where calendars have done what calendars do: (zone, an instant in the days before).
CHANGES = [
    ("UTC", "2026-02-27"),
    ("Europe/Berlin", "2026-03-27"),
    ("Europe/Berlin", "2026-10-23"),
    ("America/New_York", "2026-03-06"),
    ("Australia/Lord_Howe", "2024-04-05"),  # back by half an hour
    ("Australia/Lord_Howe", "2024-10-04"),  # forward by half an hour
    ("America/Sao_Paulo", "2018-11-02"),  # a day that begins at 01:00
    ("America/Sao_Paulo", "2018-02-16"),  # midnight falls back into the day before
    ("America/Havana", "2024-03-08"),  # forward at midnight
    ("America/Havana", "2024-11-01"),  # midnight told twice
    ("Pacific/Apia", "2011-12-28"),  # a day that never was
    ("Pacific/Kwajalein", "1993-08-19"),  # another
    ("Asia/Beirut", "2022-03-25"),  # forward at midnight
    ("Asia/Beirut", "2022-10-28"),  # back at midnight
    ("Asia/Gaza", "2012-03-28"),  # forward at midnight
    ("Asia/Gaza", "2011-03-30"),  # forward at one minute past midnight
    ("Asia/Kathmandu", "1985-12-30"),  # forward by a quarter of an hour, for good
    ("America/St_Johns", "2010-03-12"),  # forward at one minute past midnight
    ("America/St_Johns", "2010-11-05"),  # back at one minute past midnight: yesterday's last hour is told again
    ("America/St_Johns", "1988-04-01"),  # forward by two hours
    ("Antarctica/Troll", "2024-03-29"),  # forward by two hours
    ("Asia/Pyongyang", "2018-05-03"),  # forward by half an hour, at half past eleven at night
    ("America/Caracas", "2007-12-08"),  # back by half an hour
    ("America/Scoresbysund", "2024-03-29"),  # a changed offset and a clock change at once
    ("Africa/Casablanca", "2026-02-13"),
]


def unit_of(granularity: Granularity) -> Callable[[datetime], date]:
    """From a local time to the first day of the calendar's unit that holds it."""
    return {
        Granularity.DAY: lambda local: local.date(),
        Granularity.WEEK: lambda local: local.date() - timedelta(days=local.weekday()),
        Granularity.MONTH: lambda local: date(local.year, local.month, 1),
        Granularity.QUARTER: lambda local: date(local.year, (local.month - 1) // 3 * 3 + 1, 1),
        Granularity.YEAR: lambda local: date(local.year, 1, 1),
    }[granularity]


def walked(first: datetime, end: datetime, granularity: Granularity, zone: ZoneInfo) -> list[datetime]:
    """The edges from `first` on and before `end`, found by looking at the clock every minute.

    A day begins when its date is told for the first time; an hour whenever another hour, or another offset, is told.
    """
    edges: list[datetime] = []
    told: object = None
    moment = first
    while moment < end:
        local = moment.astimezone(zone)
        if granularity is Granularity.HOUR:
            now: object = (local.date(), local.hour, local.utcoffset())
            begins = now != told
        else:
            now = unit_of(granularity)(local)
            begins = told is None or now > told  # type: ignore[operator]
        if begins:
            edges.append(moment)
            told = now
        moment += timedelta(minutes=1)
    return edges


def assert_covers(buckets: Buckets, period: Period) -> None:
    assert period.start is not None
    assert period.end is not None
    assert buckets.edges[0] <= period.start < buckets.edges[1]
    assert buckets.edges[-2] < period.end <= buckets.edges[-1]
    assert all(left < right for left, right in pairwise(buckets.edges))
    assert all(edge.tzinfo is UTC for edge in buckets.edges)


@pytest.mark.parametrize("granularity", Granularity)
@pytest.mark.parametrize(("zone", "day"), CHANGES)
def test_edges_lie_where_the_zones_own_clock_tells_a_new_unit(zone: str, day: str, granularity: Granularity) -> None:
    start = datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(hours=13, minutes=17)
    period = Period(start, start + timedelta(days=4))

    buckets = cut(period, granularity, zone)

    assert_covers(buckets, period)
    first, last = buckets.edges[0], buckets.edges[-1]
    # A long unit is walked around its edges only: the days before the first edge and after the last.
    assert unit_begins_at(first, granularity, ZoneInfo(zone))
    assert unit_begins_at(last, granularity, ZoneInfo(zone))
    walk_from = first if first >= start - timedelta(days=8) else start
    found = walked(walk_from, start + timedelta(days=4), granularity, ZoneInfo(zone))
    assert [edge for edge in buckets.edges if walk_from < edge < start + timedelta(days=4)] == found[1:]


def unit_begins_at(edge: datetime, granularity: Granularity, zone: ZoneInfo) -> bool:
    return walked(edge - timedelta(minutes=90), edge + timedelta(minutes=1), granularity, zone)[-1] == edge


@given(
    zone=st.sampled_from(sorted({zone for zone, _ in CHANGES})),
    start=st.datetimes(datetime(1971, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    length=st.timedeltas(timedelta(microseconds=1), timedelta(days=900)),
    granularity=st.sampled_from(Granularity),
)
@settings(max_examples=150)
def test_buckets_cover_the_period_and_runs_expand_to_their_edges(
    zone: str, start: datetime, length: timedelta, granularity: Granularity
) -> None:
    period = Period(start, start + length)

    buckets = cut(period, granularity, zone)

    assert_covers(buckets, period)
    expanded = [first + step * each for first, step, count in buckets.runs() for each in range(count)]
    assert [*expanded, to_micros(buckets.edges[-1])] == [to_micros(edge) for edge in buckets.edges]
    assert all(one[1] != other[1] for one, other in pairwise(buckets.runs()))


def test_a_year_of_days_with_two_clock_changes_is_five_runs() -> None:
    buckets = cut(Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 12, 31, tzinfo=UTC)), Granularity.DAY, "Europe/Berlin")
    assert [(step // 3_600_000_000, count) for _, step, count in buckets.runs()] == [
        (24, 87),
        (23, 1),
        (24, 209),
        (25, 1),
        (24, 67),
    ]


def test_weeks_start_on_monday_of_the_zone() -> None:
    edges = cut(Period(datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 4, 2, tzinfo=UTC)), Granularity.WEEK, "Asia/Tokyo").edges
    assert edges == (datetime(2026, 3, 29, 15, tzinfo=UTC), datetime(2026, 4, 5, 15, tzinfo=UTC))


def test_a_period_on_the_edges_is_cut_exactly() -> None:
    period = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC))
    assert cut(period, Granularity.QUARTER).edges == tuple(datetime(2026, month, 1, tzinfo=UTC) for month in (1, 4, 7))


def test_a_day_that_the_zone_skipped_is_no_bucket() -> None:
    edges = cut(
        Period(datetime(2011, 12, 29, 12, tzinfo=UTC), datetime(2012, 1, 1, tzinfo=UTC)), Granularity.DAY, "Pacific/Apia"
    ).edges
    assert [edge.astimezone(ZoneInfo("Pacific/Apia")).date().isoformat() for edge in edges] == [
        "2011-12-29",
        "2011-12-31",
        "2012-01-01",
        "2012-01-02",
    ]


def test_a_period_is_half_open_and_an_open_end_admits_all() -> None:
    start, end = datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 4, 2, tzinfo=UTC)
    assert [
        Period(start, end).contains(moment) for moment in (start - timedelta.resolution, start, end - timedelta.resolution, end)
    ] == [
        False,
        True,
        True,
        False,
    ]
    assert Period(start).contains(datetime.max.replace(tzinfo=UTC))
    assert Period(None, end).contains(datetime.min.replace(tzinfo=UTC))
    assert Period().contains(start)


@pytest.mark.parametrize("end", [datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)])
def test_a_period_that_holds_nothing_is_refused(end: datetime) -> None:
    with pytest.raises(InvalidQuery, match="from: must be before `to`"):
        Period(datetime(2026, 4, 1, tzinfo=UTC), end)


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "/etc/localtime", "../UTC", "Europe", "x" * 65, "Europe/Berlin\0"])
def test_what_is_no_iana_zone_is_refused(name: str) -> None:
    with pytest.raises(InvalidQuery) as refused:
        cut(Period(datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 4, 2, tzinfo=UTC)), Granularity.DAY, name)
    assert refused.value.field == "timeZone"


def test_an_open_period_cannot_be_cut() -> None:
    with pytest.raises(InvalidQuery, match="bucket: needs both ends of the period"):
        cut(Period(datetime(2026, 4, 1, tzinfo=UTC)), Granularity.DAY)


def test_more_than_a_hundred_thousand_buckets_are_refused() -> None:
    start = datetime(2000, 1, 1, tzinfo=UTC)
    most = Period(start, start + timedelta(hours=MOST_EDGES))
    assert len(cut(most, Granularity.HOUR).edges) == MOST_EDGES + 1
    with pytest.raises(InvalidQuery, match="bucket: cuts the period into more than 25,000 buckets; name a shorter one"):
        cut(Period(start, start + timedelta(hours=MOST_EDGES, microseconds=1)), Granularity.HOUR)


@pytest.mark.parametrize("granularity", Granularity)
def test_the_ends_of_the_calendar_are_refused_and_do_not_break(granularity: Granularity) -> None:
    last = datetime.max.replace(tzinfo=UTC)
    first = datetime.min.replace(tzinfo=UTC)
    with pytest.raises(InvalidQuery, match="too near the end of the calendar"):
        cut(Period(last - timedelta(minutes=1), last), granularity, "America/New_York")
    with pytest.raises(InvalidQuery, match="too near the end of the calendar"):
        cut(Period(first, first + timedelta(minutes=1)), granularity, "America/New_York")
