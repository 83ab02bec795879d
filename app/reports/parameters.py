"""The shared vocabulary of questions, as callers write it: one set of names for REST, exports and the command line.

Values arrive as texts, several to a name; what comes out is typed. An unknown name is refused, never ignored.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.domain.errors import InvalidQuery
from app.domain.instant import parse_bound
from app.domain.period import Granularity, Period, zone_named
from app.question.filters import Filters
from app.question.groups import MOST_TOP, Compare, GroupOrder
from app.question.keys import GroupKey
from app.question.measures import NO_EXTRAS, Condition, Extras, Term
from app.question.scope import Checkpoint
from app.reports.wording import compare_in, condition_in, keys_in, order_in, statistic_in

DIMENSIONS = ("product_id", "customer_id", "license_id", "order_id", "subscription_id", "feature_code")
FEED = ("from", "to", *DIMENSIONS, "action", "source", "request_id", "result_class", "status_code", "order")
GROUPING = ("group_by", "bucket", "time_zone", "fill", "order_by", "order", "unit", "currency")
CHOOSING = ("having", "top", "compare_with", "measures")
"""What a summary alone is asked beside."""
_CHECKPOINT = re.compile(r"(\d{1,18}):(?:sha256:)?([0-9a-f]{64})", re.ASCII)
_BUCKETS = {"1h": Granularity.HOUR, "1d": Granularity.DAY, "1w": Granularity.WEEK}


@dataclass(frozen=True, slots=True)
class Parameters:
    """What is asked of a report. Each report says which of these mean something to it; `limit` None asks for all rows."""

    filters: Filters = Filters()
    by: tuple[GroupKey, ...] = ()
    granularity: Granularity | None = None
    zone: str = "UTC"
    fill: bool = False
    order: GroupOrder = GroupOrder()
    newest_first: bool = True
    limit: int | None = None
    having: tuple[Condition, ...] = ()
    top: int | None = None
    compare: Compare | Period | None = None
    measures: tuple[Term, ...] = ()
    """What is told of groups and totals beside sums and uses."""
    extras: Extras = NO_EXTRAS
    """What has to be counted for doors that tell more of a group than its columns."""
    beyond: int | None = None
    """Of a report that can be gone on with: only the rows after the one with this sequence, in the report's own order."""
    told: frozenset[str] | None = None
    """Attributes of rows that are all that is told of them, for a report that need not read the others; None for all columns."""


def parse(given: Mapping[str, Sequence[str]], allowed: Collection[str], *, limit: int | None = None) -> Parameters:
    """The parameters that `given` says. Raises InvalidQuery naming the parameter that is unknown or malformed."""
    for name in given:
        if name not in allowed:
            raise InvalidQuery(str(name)[:64], f"is not a parameter here; these are: {', '.join(sorted(allowed))}")
    start, end = (parse_bound(text, name, error=InvalidQuery) if text else None for name, text in _ends(given))
    listed: dict[str, Any] = {
        name: tuple(values) if (values := given.get(name)) else None
        for name in (*DIMENSIONS, "action", "source", "request_id", "result_class")
    }
    direction = _single(given, "order")
    if direction not in (None, "asc", "desc"):
        raise InvalidQuery("order", "must be asc or desc")
    zone = _single(given, "time_zone") or "UTC"
    zone_named(zone, "time_zone")
    by = keys_in(given.get("group_by", ()), "group_by")
    granularity = _granularity(given)
    fill = _flag(given, "fill")
    if fill and granularity is None:
        raise InvalidQuery("fill", "needs a bucket of time to fill")
    return Parameters(
        Filters(Period(start, end), **listed, status_code=_status_codes(given)),
        by,
        granularity,
        zone,
        fill,
        order_in(
            _single(given, "order_by"),
            descending=direction == "desc",
            unit=_single(given, "unit"),
            currency=_single(given, "currency"),
        ),
        direction != "asc",
        limit,
        tuple(condition_in(each, "having") for each in given.get("having", ())),
        _top(given),
        None if (compared := _single(given, "compare_with")) is None else compare_in(compared, "compare_with"),
        _measures(given),
    )


def parse_as_of(text: str, field: str = "as_of") -> int | datetime | Checkpoint:
    """A sequence, a checkpoint's name (`41:` and the root's 64 hex digits), or an instant of recording.

    Raises InvalidQuery naming `field`.
    """
    if named := _CHECKPOINT.fullmatch(text):
        return Checkpoint(int(named[1]), bytes.fromhex(named[2]))
    if text.isascii() and text.isdigit() and len(text) < 19:
        return int(text)
    return parse_bound(text, field, error=InvalidQuery)


def subject(filters: Filters, name: str) -> str:
    """The one value of a filter that a report is about. Raises InvalidQuery if there is none or several."""
    values = getattr(filters, name)
    if not values:
        raise InvalidQuery(name, "is missing: which one is the report about?")
    if len(set(values)) > 1:
        raise InvalidQuery(name, "names several; the report is about one")
    return str(values[0])


def _ends(given: Mapping[str, Sequence[str]]) -> tuple[tuple[str, str | None], tuple[str, str | None]]:
    return ("from", _single(given, "from")), ("to", _single(given, "to"))


def _single(given: Mapping[str, Sequence[str]], name: str) -> str | None:
    values = given.get(name) or ()
    if len(values) > 1:
        raise InvalidQuery(name, "is given more than once")
    if values and not values[0]:
        raise InvalidQuery(name, "is empty; leave it out instead")
    return values[0] if values else None


def _granularity(given: Mapping[str, Sequence[str]]) -> Granularity | None:
    text = _single(given, "bucket")
    if text is None:
        return None
    try:
        return _BUCKETS.get(text) or Granularity(text)
    except ValueError:
        words = (*_BUCKETS, *(each.value for each in Granularity))
        raise InvalidQuery("bucket", f"must be one of {', '.join(words)}") from None


def _top(given: Mapping[str, Sequence[str]]) -> int | None:
    text = _single(given, "top")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= MOST_TOP):
        raise InvalidQuery("top", f"must be a whole number from 1 to {MOST_TOP}")
    return int(text)


def _measures(given: Mapping[str, Sequence[str]]) -> tuple[Term, ...]:
    texts = [each.strip() for text in given.get("measures", ()) for each in text.split(",") if each.strip()]
    return tuple(dict.fromkeys(statistic_in(each, "measures") for each in texts))


def _flag(given: Mapping[str, Sequence[str]], name: str) -> bool:
    text = _single(given, name)
    if text not in (None, "true", "false"):
        raise InvalidQuery(name, "must be true or false")
    return text == "true"


def _status_codes(given: Mapping[str, Sequence[str]]) -> tuple[int, ...] | None:
    values = given.get("status_code")
    if not values:
        return None
    if not all(each.isascii() and each.isdigit() and len(each) == 3 for each in values):
        raise InvalidQuery("status_code", "must be a whole number from 100 to 599")
    return tuple(int(each) for each in values)
