"""Reading what a client asks: days or instants, at most seven days of them, and of which products."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from app.domain.errors import InvalidEvent, InvalidQuery
from app.domain.instant import parse_instant
from app.domain.period import Period
from app.question.filters import Filters

LONGEST = timedelta(days=7)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TRUTHS = {"true": True, "1": True, "false": False, "0": False, "": False}


@dataclass(frozen=True, slots=True)
class Asked:
    """Which API transactions, and whether as a workbook too. `since` and `until` are the client's own texts."""

    filters: Filters
    workbook: bool
    since: str
    until: str


def read(query: Sequence[tuple[str, str]]) -> Asked:
    """What a query string asks; names that the contract does not know are nobody's concern, as in the service that it is of.

    Raises InvalidEvent for what is missing or malformed, InvalidQuery for a range that is too long or ends before it begins.
    """
    given: dict[str, list[str]] = {}
    for name, value in query:
        given.setdefault(name, []).append(value.strip())
    since, until = _one(given, "since_date"), _one(given, "until_date")
    if since is None or until is None:
        raise InvalidEvent("since_date" if since is None else "until_date", "is missing")
    start, end = _moment(since, "since_date"), _moment(until, "until_date")
    # Both ends are included: a day whole, an instant as itself.
    try:
        after = end + (timedelta(days=1) if _DAY.fullmatch(until) else timedelta(microseconds=1))
    except OverflowError:
        raise InvalidEvent("until_date", "names a date that does not exist") from None
    if after <= start:
        raise InvalidQuery("until_date", "must not be before since_date")
    if end - start > LONGEST:
        raise InvalidQuery("until_date", f"must be at most {LONGEST.days} days after since_date")
    workbook = _TRUTHS.get((_one(given, "generate_excel") or "").lower())
    if workbook is None:
        raise InvalidEvent("generate_excel", "must be true or false")
    products = tuple(each for each in given.get("product_id", ()) if each)
    return Asked(Filters(Period(start, after), product_id=products or None), workbook, since, until)


def _one(given: dict[str, list[str]], name: str) -> str | None:
    values = given.get(name, [])
    if len(values) > 1:
        raise InvalidEvent(name, "is given more than once")
    return values[0] if values and values[0] else None


def _moment(text: str, name: str) -> datetime:
    if not _DAY.fullmatch(text):
        # A plus sign that was not percent-encoded arrives as a space.
        return parse_instant(text.replace(" ", "+") if "T" in text else text, name)
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise InvalidEvent(name, "names a date that does not exist") from None
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
