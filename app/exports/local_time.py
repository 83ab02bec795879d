"""Instants in the time of a zone, beside UTC: what formats put next to each column of instants where a caller asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from app.exports.document import Values
from app.reports.report import Section

SUFFIX = "_local"
"""What the name of such a column ends in, after that of the column beside which it stands. No report's column ends so."""


def instants_of(section: Section) -> tuple[str, ...]:
    """The names of the section's columns that hold instants."""
    return tuple(each.name for each in section.columns if each.type is datetime)


def names_with_local(section: Section, zone: str | None) -> list[str]:
    """The names of the section's columns, those in local time included where a zone is asked for."""
    instants = set(instants_of(section)) if zone is not None else set()
    return [
        name for each in section.columns for name in ((each.name, each.name + SUFFIX) if each.name in instants else (each.name,))
    ]


def with_local(section: Section, rows: Sequence[Values], zone: str) -> list[Values]:
    """The rows, with each instant in the zone's time after it, RFC 3339 with that zone's offset then."""
    place, instants = ZoneInfo(zone), frozenset(instants_of(section))
    if not instants:
        return list(rows)
    told = []
    for row in rows:
        values: Values = {}
        for name, value in row.items():
            values[name] = value
            if name in instants:
                values[name + SUFFIX] = None if value is None else local_text(value, place)
        told.append(values)
    return told


def local_text(instant: str, zone: ZoneInfo) -> str | None:
    """An instant of RFC 3339 in the zone's time; None at the ends of the calendar, where that has no name."""
    moment = moved(instant, zone)
    return None if moment is None else moment.isoformat(timespec="microseconds")


def moved(instant: str, zone: ZoneInfo) -> datetime | None:
    """The moment, aware, in the zone's time; None where that is before the year 1 or after 9999."""
    try:
        return datetime.fromisoformat(instant).astimezone(zone)
    except OverflowError:
        return None
