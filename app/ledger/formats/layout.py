"""How a format's instants are written: RFC 3339, a count since 1970 or a strptime layout, and in which zone without an offset."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from app.domain.canonical import check_text
from app.domain.errors import InvalidEvent, InvalidQuery
from app.domain.instant import EPOCH, parse_instant
from app.domain.period import zone_named

RFC3339 = "rfc3339"
_UNIX = {"unix": 0, "unix_ms": 3, "unix_us": 6, "unix_ns": 9}
"""Counts since 1970: how many places of them are after the point of a second."""
MOST_LAYOUTS = 8
_LONGEST = 64
_REMEMBERED = 8_192
_DIRECTIVE = re.compile(r"%(.?)")
_KNOWN = frozenset("YmdHMSfzjbBaApIy%")
_COUNT = re.compile(r"-?\d{1,20}(?:\.\d{1,18})?", re.ASCII)
_OFFSET = re.compile(r"(?:[Zz]|[+-]\d\d:?\d\d)\s*\Z")

Reader = Callable[[Any], datetime]
"""From a text or a number to its instant in UTC; raises InvalidEvent without a field for one that does not fit."""


def layout_reader(layout: Any, zone: Any, where: str) -> Reader:
    """The reader of a layout, or of several, of which the first that fits counts.

    It remembers what it read, since neighbouring events often happened in the same second or hour. A local time that the zone
    told twice is its first telling; one that it skipped is refused. Raises InvalidEvent naming `where` in the format for a
    layout that says no full date, or has no offset and no zone.
    """
    if isinstance(layout, list):
        if not 1 <= len(layout) <= MOST_LAYOUTS:
            raise InvalidEvent(f"{where}.layout", f"must be 1 to {MOST_LAYOUTS} layouts")
        return lru_cache(_REMEMBERED)(_first_fitting([layout_reader(each, zone, where) for each in layout]))
    if not isinstance(layout, str) or not layout or len(layout) > _LONGEST:
        words = ", ".join((RFC3339, *_UNIX))
        raise InvalidEvent(f"{where}.layout", f"must be {words} or a strptime layout such as %Y-%m-%d %H:%M:%S")
    check_text(layout, f"{where}.layout", longest=_LONGEST)
    tz = None if zone is None else _zone(zone, f"{where}.zone")
    if layout in _UNIX:
        return lru_cache(_REMEMBERED)(_unix(layout))
    if layout == RFC3339:
        return lru_cache(_REMEMBERED)(_rfc3339(tz))
    directives = set(_DIRECTIVE.findall(layout))
    unknown = directives - _KNOWN
    if unknown:
        raise InvalidEvent(f"{where}.layout", f"has the directive %{min(unknown)}, which is not known here")
    if not (directives & {"Y", "y"} and ("j" in directives or ("d" in directives and directives & {"m", "b", "B"}))):
        raise InvalidEvent(f"{where}.layout", "says no full date: it needs year, month and day")
    if "z" in directives:
        if tz is not None:
            raise InvalidEvent(f"{where}.zone", "is not needed: the layout has an offset (%z)")
    elif tz is None:
        raise InvalidEvent(f"{where}.zone", "is missing: the layout has no offset (%z)")
    return lru_cache(_REMEMBERED)(_strptime(layout, tz))


def _first_fitting(readers: list[Reader]) -> Reader:
    def read(value: Any) -> datetime:
        told: dict[str, None] = {}
        for reader in readers:
            try:
                return reader(value)
            except InvalidEvent as error:
                told[error.reason] = None
        raise InvalidEvent("", f"fits none of the {len(readers)} layouts: {'; '.join(told)}")

    return read


def _unix(layout: str) -> Reader:
    places = _UNIX[layout]

    def read(value: Any) -> datetime:
        text = value if isinstance(value, str) else str(value)
        if isinstance(value, bool) or len(text) > _LONGEST or not _COUNT.fullmatch(text.strip()):
            raise InvalidEvent("", f"is no number of the layout {layout}")
        try:
            # In whole microseconds: what is finer than that is dropped, as it is everywhere.
            return EPOCH + timedelta(microseconds=int(Decimal(text.strip()).scaleb(6 - places)))
        except OverflowError:
            raise InvalidEvent("", "names a date or time that does not exist") from None

    return read


def _rfc3339(zone: ZoneInfo | None) -> Reader:
    def read(value: Any) -> datetime:
        text = _text(value)
        if zone is None or _OFFSET.search(text):
            return parse_instant(text, "")
        local = parse_instant(text, "", zone_required=False)
        return _in_zone(local.replace(tzinfo=None), zone)

    return read


def _strptime(layout: str, zone: ZoneInfo | None) -> Reader:
    def read(value: Any) -> datetime:
        text = _text(value)
        try:
            moment = datetime.strptime(text, layout)  # noqa: DTZ007 -- the offset is in the layout, or the zone follows
        except ValueError:
            raise InvalidEvent("", f"does not fit the layout {layout}") from None
        if zone is not None:
            return _in_zone(moment, zone)
        try:
            return moment.astimezone(UTC)
        except OverflowError:
            raise InvalidEvent("", "names a date or time that does not exist") from None

    return read


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidEvent("", "must be a date and time, as a string")
    return value


def _in_zone(local: datetime, zone: ZoneInfo) -> datetime:
    try:
        offset = local.replace(tzinfo=zone).utcoffset()
        assert offset is not None
        moment = local.replace(tzinfo=timezone(offset)).astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None) != local:
            raise InvalidEvent("", f"names a local time that {zone.key} skipped")
    except OverflowError:
        raise InvalidEvent("", "names a date or time that does not exist") from None
    return moment


def _zone(name: Any, where: str) -> ZoneInfo:
    try:
        return zone_named(name if isinstance(name, str) else "", where)
    except InvalidQuery as error:
        raise InvalidEvent(error.field, error.reason) from None
