"""Instants: what is read as one, what is refused, and that a microsecond is never lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvalidEvent, InvalidQuery
from app.domain.instant import as_utc, format_instant, from_micros, parse_bound, parse_instant, to_micros

instants = st.datetimes(timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("2026-04-01T00:00:00Z", "2026-04-01T00:00:00.000000Z"),
        ("2026-04-01t00:00:00z", "2026-04-01T00:00:00.000000Z"),
        ("2026-04-01 00:00:00Z", "2026-04-01T00:00:00.000000Z"),
        ("2026-04-01T00:00Z", "2026-04-01T00:00:00.000000Z"),
        ("2026-04-01T02:00:00+02:00", "2026-04-01T00:00:00.000000Z"),
        ("2026-03-31T18:30:00-0530", "2026-04-01T00:00:00.000000Z"),
        ("2026-04-01T00:00:00.5Z", "2026-04-01T00:00:00.500000Z"),
        ("2026-04-01T00:00:00,000001Z", "2026-04-01T00:00:00.000001Z"),
        ("2026-04-01T00:00:00.123456789Z", "2026-04-01T00:00:00.123456Z"),
        (" 2026-04-01T00:00:00Z ", "2026-04-01T00:00:00.000000Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_an_rfc_3339_text_names_an_instant(text: str, means: str) -> None:
    assert format_instant(parse_instant(text, "at")) == means


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2026-04-01", "is not an RFC 3339 date and time, such as 2026-04-01T00:00:00Z"),
        ("yesterday", "is not an RFC 3339 date and time, such as 2026-04-01T00:00:00Z"),
        ("1775001600", "is not an RFC 3339 date and time, such as 2026-04-01T00:00:00Z"),
        (1775001600, "is not an RFC 3339 date and time, such as 2026-04-01T00:00:00Z"),
        ("2026-04-01T00:00:00Z" + " " * 64, "is not an RFC 3339 date and time, such as 2026-04-01T00:00:00Z"),
        ("٢٠٢٦-04-01T00:00:00Z", "is not an RFC 3339 date and time, such as 2026-04-01T00:00:00Z"),
        ("2026-04-01T00:00:00", "has no UTC offset; end it with Z or an offset such as +02:00"),
        ("2026-02-30T00:00:00Z", "names a date or time that does not exist"),
        ("2026-04-01T24:00:00Z", "names a date or time that does not exist"),
        ("2026-06-30T23:59:60Z", "names a date or time that does not exist"),
        ("2026-04-01T00:00:00+24:00", "names a date or time that does not exist"),
        ("2026-04-01T00:00:00+02:60", "names a date or time that does not exist"),
        ("0000-01-01T00:00:00Z", "names a date or time that does not exist"),
        ("0001-01-01T00:00:00+00:01", "names a date or time that does not exist"),
        ("9999-12-31T23:59:59-00:01", "names a date or time that does not exist"),
    ],
)
def test_what_names_no_instant_is_refused(text: object, reason: str) -> None:
    with pytest.raises(InvalidEvent) as refused:
        parse_instant(text, "at")
    assert (refused.value.field, refused.value.reason) == ("at", reason)


def test_a_text_without_an_offset_is_utc_where_that_is_allowed() -> None:
    assert parse_instant("2026-04-01T10:00:00", "at", zone_required=False) == datetime(2026, 4, 1, 10, tzinfo=UTC)


def test_a_bound_may_be_a_date_which_means_its_midnight_in_utc() -> None:
    assert parse_bound("2026-04-01", "from", error=InvalidQuery) == datetime(2026, 4, 1, tzinfo=UTC)
    assert parse_bound("2026-04-01T01:00:00+01:00", "from", error=InvalidQuery) == datetime(2026, 4, 1, tzinfo=UTC)
    with pytest.raises(InvalidQuery, match="from: names a date that does not exist"):
        parse_bound("2026-13-01", "from", error=InvalidQuery)


def test_an_aware_datetime_is_brought_to_utc_and_a_naive_one_refused() -> None:
    there = datetime(2026, 4, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    assert as_utc(there, "at") == datetime(2026, 4, 1, tzinfo=UTC)
    assert as_utc(there, "at").tzinfo is UTC
    with pytest.raises(InvalidEvent, match="at: has no UTC offset"):
        as_utc(datetime(2026, 4, 1), "at")  # noqa: DTZ001
    with pytest.raises(InvalidEvent, match="at: names a date or time that does not exist"):
        as_utc(datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=2))), "at")


@given(instants)
def test_an_instant_survives_its_text(moment: datetime) -> None:
    assert parse_instant(format_instant(moment), "at") == moment


@given(instants)
def test_an_instant_survives_its_microseconds(moment: datetime) -> None:
    assert from_micros(to_micros(moment)) == moment


@given(instants, instants)
def test_texts_and_microseconds_sort_as_instants_do(one: datetime, other: datetime) -> None:
    assert (format_instant(one) < format_instant(other)) == (one < other)
    assert (to_micros(one) < to_micros(other)) == (one < other)
