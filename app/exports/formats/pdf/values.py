"""Values as people read them: decimals with all their digits in groups of three, instants in a zone's time, objects as JSON."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from app.domain.canonical import canonical_bytes
from app.exports.local_time import moved
from app.reports.report import Column


class Values:
    """Makes texts of a column's values; None of None and of an empty list."""

    def __init__(self, zone: str) -> None:
        self.zone = zone
        self._place = ZoneInfo(zone)

    def text(self, column: Column, value: Any) -> str | None:
        """The value as a text."""
        if value is None or value == []:
            return None
        if column.type is datetime:
            return self.instant(value)
        if column.type is Decimal:
            return grouped(value)
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            return ", ".join(value)
        return canonical_bytes(value).decode() if isinstance(value, (dict, list)) else str(value)

    def instant(self, value: str) -> str:
        """The instant in the zone's time, without what is zero below a second; with its offset, unless that is always none."""
        moment = moved(value, self._place)
        if moment is None:
            return value
        told = moment.replace(tzinfo=None).isoformat(" ")
        told = told.rstrip("0") if "." in told else told
        return told if self.zone == "UTC" else f"{told} {moment.isoformat()[-6:]}"

    def day(self, value: str) -> str:
        """The day of an instant in the zone's time."""
        moment = moved(value, self._place)
        return value[:10] if moment is None else moment.date().isoformat()


def grouped(text: str) -> str:
    """A decimal with commas between its thousands."""
    whole, point, places = text.partition(".")
    sign, digits = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
    groups: list[str] = []
    while len(digits) > 3:
        digits, last = digits[:-3], digits[-3:]
        groups.insert(0, last)
    return sign + ",".join([digits, *groups]) + point + places
