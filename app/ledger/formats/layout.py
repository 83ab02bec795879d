"""How a format's instants are written: RFC 3339 or a strptime layout, and in which zone where no offset is written."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timezone
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from app.domain.canonical import check_text
from app.domain.errors import InvalidEvent, InvalidQuery
from app.domain.instant import parse_instant
from app.domain.period import zone_named

RFC3339 = "rfc3339"
_LONGEST = 64
_REMEMBERED = 8_192
_DIRECTIVE = re.compile(r"%(.?)")
_KNOWN = frozenset("YmdHMSfzjbBaApIy%")
_OFFSET = re.compile(r"(?:[Zz]|[+-]\d\d:?\d\d)\s*\Z")

Reader = Callable[[str], datetime]
"""From a text to its instant in UTC; raises InvalidEvent without a field for a text that does not fit."""


def layout_reader(layout: Any, zone: Any, where: str) -> Reader:
    """The reader of a layout, which remembers what it read: neighbouring events often happened in the same second or hour.

    A local time that the zone told twice is its first telling; one that it skipped is refused. Raises InvalidEvent naming
    `where` in the format for a layout that says no full date, or has no offset and no zone.
    """
    if not isinstance(layout, str) or not layout or len(layout) > _LONGEST:
        raise InvalidEvent(f"{where}.layout", f"must be {RFC3339} or a strptime layout such as %Y-%m-%d %H:%M:%S")
    check_text(layout, f"{where}.layout", longest=_LONGEST)
    tz = None if zone is None else _zone(zone, f"{where}.zone")
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


def _rfc3339(zone: ZoneInfo | None) -> Reader:
    def read(text: str) -> datetime:
        if zone is None or _OFFSET.search(text):
            return parse_instant(text, "")
        local = parse_instant(text, "", zone_required=False)
        return _in_zone(local.replace(tzinfo=None), zone)

    return read


def _strptime(layout: str, zone: ZoneInfo | None) -> Reader:
    def read(text: str) -> datetime:
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
