"""Grouping computed over again by plain Python over the entries: fractions, sorted lists, local dates, no code of the gateway.

It looks at entries and at the question alone. What it gives is plain: a dict for each group, under a *label* of its bucket (the
local date, or the local hour with its offset) and its values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from app.domain.entry import Correction, Entry, EntryKind
from app.domain.period import Granularity, Period
from app.question.groups import GroupOrder
from app.question.keys import DataKey, GroupKey
from app.question.measures import Measure, Relation, Term
from app.reports.grouping import SummaryQuestion

Label = Any
Key = tuple[Label, tuple[str | None, ...]]
Told = dict[str, Any]
_MICRO = timedelta(microseconds=1)


@dataclass
class Answer:
    """What the question should be answered."""

    groups: list[tuple[Key, Told, Told | None]]
    """Each with what it was before, if that was asked."""
    total: tuple[Told, Told | None]
    other: tuple[Told, Told | None] | None
    members: dict[Key, list[int]]
    """The sequences of each group."""


class TooFew(Exception):
    """The two periods are not cut alike."""


def label(moment: datetime, granularity: Granularity, zone: ZoneInfo) -> Label:
    """The bucket that an instant is in."""
    local = moment.astimezone(zone)
    if granularity is Granularity.HOUR:
        return (local.date(), local.hour, local.utcoffset())
    return unit_of(local.date(), granularity)


def unit_of(day: date, granularity: Granularity) -> date:
    """The first day of the calendar's unit that a day is in."""
    match granularity:
        case Granularity.WEEK:
            return day - timedelta(days=day.isoweekday() - 1)
        case Granularity.MONTH:
            return day.replace(day=1)
        case Granularity.QUARTER:
            return date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
        case Granularity.YEAR:
            return date(day.year, 1, 1)
    return day


def labels(period: Period, granularity: Granularity, zone: ZoneInfo) -> list[Label]:
    """All buckets of a period in order: found by looking at the clock again and again."""
    assert period.start is not None
    assert period.end is not None
    step = timedelta(minutes=10) if granularity is Granularity.HOUR else timedelta(hours=6)
    found: list[Label] = []
    moment = period.start
    while moment < period.end:
        here = label(moment, granularity, zone)
        if not found or found[-1] != here:
            found.append(here)
        moment += step
    last = label(period.end - _MICRO, granularity, zone)
    return found if found[-1] == last else [*found, last]


def first_of(day: date, zone: ZoneInfo) -> datetime:
    """The first minute of a local day."""
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=16)
    while moment.astimezone(zone).date() < day:
        moment += timedelta(hours=1)
    moment -= timedelta(hours=1)
    while moment.astimezone(zone).date() < day:
        moment += timedelta(minutes=1)
    return moment


def before(question: SummaryQuestion, period: Period) -> Period:
    """The period that is compared with."""
    if isinstance(question.compare, Period):
        return question.compare
    start, end = period.start, period.end
    assert start is not None
    assert end is not None
    granularity, zone = question.granularity, ZoneInfo(question.zone)
    if granularity is not None and all(
        label(each, granularity, zone) != label(each - _MICRO, granularity, zone) for each in (start, end)
    ):
        count = len(labels(period, granularity, zone))
        if granularity is Granularity.HOUR:
            moment = start - _MICRO
            seen = [label(moment, granularity, zone)]
            while True:
                following = moment - timedelta(minutes=1)
                if label(following, granularity, zone) != seen[-1]:
                    if len(seen) == count:
                        return Period(following + _MICRO, start)
                    seen.append(label(following, granularity, zone))
                moment = following
        day = label(start, granularity, zone)
        for _ in range(count):
            day = unit_of(day - timedelta(days=1), granularity)
        return Period(first_of(day, zone), start)
    return Period(start - (end - start), start)


def said(entry: Entry, key: GroupKey) -> str | None:
    """What an entry says under a key."""
    if not isinstance(key, DataKey):
        return getattr(entry, key.value)  # type: ignore[no-any-return]
    value = orjson.loads(entry.additional_data or "{}").get(key.name)
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict) and "$decimal" in value:
        return str(value["$decimal"])
    return str(value) if isinstance(value, int) else orjson.dumps(value).decode()


def told(entries: Iterable[Entry], taken_back: set[int], percentiles: Sequence[Decimal]) -> Told:
    """All numbers of a group."""
    rows = list(entries)
    standing = [each for each in rows if each.correction is not Correction.REVERSAL and each.sequence not in taken_back]
    moments = sorted(each.occurred_at for each in standing)
    return {
        "events": sum(-1 if each.correction is Correction.REVERSAL else 1 for each in rows),
        "quantities": _amounts(rows, standing, "quantity", "unit", percentiles),
        "charges": _amounts(rows, standing, "charge", "currency", ()),
        "first_use": moments[0] if moments else None,
        "last_use": moments[-1] if moments else None,
        "customers": len({each.customer_id for each in standing} - {None}),
    }


def _amounts(rows: list[Entry], standing: list[Entry], amount: str, of: str, percentiles: Sequence[Decimal]) -> dict[Any, Told]:
    found: dict[Any, Told] = {}
    stands = {each.sequence for each in standing}
    for unit in {getattr(each, of) for each in rows if getattr(each, amount) is not None}:
        mine = [each for each in rows if getattr(each, amount) is not None and getattr(each, of) == unit]
        values = sorted(Fraction(getattr(each, amount)) for each in mine if each.sequence in stands)
        total = sum((Fraction(getattr(each, amount)) for each in mine), Fraction(0))
        count = sum(-1 if each.correction is Correction.REVERSAL else 1 for each in mine)
        found[unit] = {
            "sum": total,
            "events": count,
            "average": Fraction(round(total / count * 10**18), 10**18) if count > 0 else None,
            "minimum": values[0] if values else None,
            "maximum": values[-1] if values else None,
        }
        for percent in percentiles:
            share = Fraction(percent) / 100 * len(values)
            found[unit][f"p{percent}"] = next((v for at, v in enumerate(values, 1) if at >= share), None)
    return found


def value(group: Told, term: Term) -> Any:
    """The number that a term names, None where there is none."""
    measure = term.measure
    if measure in (Measure.EVENTS, Measure.FIRST_USE, Measure.LAST_USE, Measure.CUSTOMERS):
        return group[measure.value]
    amounts, of = ("quantities", term.unit) if measure.value.startswith("quantity") else ("charges", term.currency)
    found = group[amounts]
    if of is not None:
        chosen = found.get(of)
    else:
        standing = [each for each in found.values() if each["events"]] or list(found.values())
        chosen = standing[0] if len(standing) == 1 else None
    if chosen is None:
        return None
    name = measure.value.partition("_")[2]
    return chosen[f"p{term.percentile}" if name == "percentile" else name or "sum"]


_HOLDS = {
    Relation.ABOVE: lambda left, right: left > right,
    Relation.AT_LEAST: lambda left, right: left >= right,
    Relation.BELOW: lambda left, right: left < right,
    Relation.AT_MOST: lambda left, right: left <= right,
    Relation.EQUAL: lambda left, right: left == right,
}


def answer(ledger: Sequence[Entry], as_of: int, question: SummaryQuestion, percentiles: Sequence[Decimal]) -> Answer:
    """The answer to a question about a ledger. Raises TooFew."""
    known = [each for each in ledger if each.sequence <= as_of]
    taken_back = {each.corrects for each in known if each.correction is Correction.REVERSAL and each.corrects is not None}
    usage = [each for each in known if each.kind is EntryKind.USAGE and _named(each, question)]
    period, zone = question.filters.period, ZoneInfo(question.zone)
    if question.granularity is not None and (period.start is None or period.end is None):
        inside = sorted(each.occurred_at for each in usage if _within(each, period))
        if not inside:
            return Answer([], (told((), set(), percentiles), None), None, {})
        period = Period(period.start or inside[0], period.end or inside[-1] + _MICRO)
    here = [] if question.granularity is None else labels(period, question.granularity, zone)
    found = _sorted_out(usage, period, question, zone, here)
    past: dict[Key, list[Entry]] = {}
    if question.compare is not None:
        earlier = before(question, period)
        there = [] if question.granularity is None else labels(earlier, question.granularity, zone)
        if len(here) != len(there):
            raise TooFew
        past = _sorted_out(usage, earlier, question, zone, there)
        # The nth bucket is compared with the nth.
        past = {(here[there.index(key[0])] if there else None, key[1]): rows for key, rows in past.items()}

    def both(keys: Iterable[Key]) -> tuple[Told, Told | None]:
        chosen = set(keys)
        now = told((row for key in chosen for row in found.get(key, ())), taken_back, percentiles)
        then = told((row for key in chosen for row in past.get(key, ())), taken_back, percentiles)
        return now, None if question.compare is None else then

    keys = found.keys() | past.keys()
    if question.fill:
        values = {key[1] for key in keys} or ({()} if not question.by else set())
        keys |= {(bucket, each) for bucket in here for each in values}
    groups = [(key, *both([key])) for key in keys]
    groups = [
        each
        for each in groups
        if all(
            (number := value(each[1], wish.term)) is not None and _HOLDS[wish.relation](number, _comparable(wish.value))
            for wish in question.having
        )
    ]
    groups = _ordered(groups, question, here)
    other = None
    if question.top is not None:
        groups = groups[: question.top]
        left = keys - {each[0] for each in groups}
        other = both(left) if left else None
    members = {key: sorted(row.sequence for row in rows) for key, rows in found.items()}
    return Answer(groups, both(keys), other, members)


def _comparable(stated: Any) -> Any:
    return Fraction(stated) if isinstance(stated, Decimal) else stated


def _ordered(groups: list[Any], question: SummaryQuestion, here: list[Label]) -> list[Any]:
    """Sorted from the last criterion to the first, which a stable sort allows: ties, values turned round, nulls last."""
    order: GroupOrder = question.order
    down = order.descending
    key_down = down and order.measure is Measure.KEY
    for at in reversed(range(len(question.by))):
        _sort(groups, [_bytes(each[0][1][at]) for each in groups], key_down)
    if here:
        _sort(groups, [here.index(each[0][0]) for each in groups], key_down)
    if order.measure is not Measure.KEY:
        _sort(groups, [value(each[1], order.term) for each in groups], down)
    elif order.key is not None:
        _sort(groups, [_bytes(each[0][1][question.by.index(order.key)]) for each in groups], down)
    return groups


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode()


def _sort(groups: list[Any], by: list[Any], down: bool) -> None:
    """Nulls last either way; what is equal stays as it stands."""
    some = [pair for pair in zip(by, groups, strict=True) if pair[0] is not None]
    none = [group for value, group in zip(by, groups, strict=True) if value is None]
    some.sort(key=lambda pair: pair[0], reverse=down)  # a stable sort keeps ties in their order, also turned round
    groups[:] = [*(group for _, group in some), *none]


def _named(entry: Entry, question: SummaryQuestion) -> bool:
    return all(getattr(entry, name) in values for name, values in question.filters.terms())


def _within(entry: Entry, period: Period) -> bool:
    return (period.start is None or entry.occurred_at >= period.start) and (period.end is None or entry.occurred_at < period.end)


def _sorted_out(
    usage: list[Entry], period: Period, question: SummaryQuestion, zone: ZoneInfo, here: list[Label]
) -> dict[Key, list[Entry]]:
    found: dict[Key, list[Entry]] = {}
    for each in usage:
        if _within(each, period):
            bucket = None if question.granularity is None else label(each.occurred_at, question.granularity, zone)
            found.setdefault((bucket, tuple(said(each, key) for key in question.by)), []).append(each)
    return found
