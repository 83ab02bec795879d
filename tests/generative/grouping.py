"""Random summaries over a life full of clock changes, each held against plain Python and opened into the rows behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.domain.account import Principal
from app.domain.decimal import plain, unscaled
from app.domain.entry import Entry, EntryKind
from app.domain.errors import InvalidQuery
from app.domain.period import Granularity, Period
from app.ledger.commands import Rules, amend, record, retract
from app.ports import Store
from app.question.filters import Filters
from app.question.groups import Compare, Group, GroupOrder
from app.question.keys import DataKey, Dimension, GroupKey
from app.question.measures import INSTANTS, Condition, Extras, Measure, Relation, Term
from app.question.rows import Rows
from app.reports.answer import open_ledger
from app.reports.grouping import Summary, SummaryQuestion, Wanted, read
from app.reports.report import Opened, PageRequest
from tests.generative import oracle

CHANGES = {
    "Europe/Berlin": ["2025-10-26", "2026-03-29"],
    "America/New_York": ["2025-11-02", "2026-03-08"],
    "America/Santiago": ["2025-09-07", "2026-04-05"],  # at midnight: a day begins at one, another has its last hour twice
    "Africa/Cairo": ["2025-10-31", "2026-04-24"],  # at midnight too
    "Australia/Lord_Howe": ["2025-10-05", "2026-04-05"],  # by half an hour
}
"""The days on which clocks change, in five zones."""
IDS = ["a", "b", "é"]
KEYS: list[GroupKey] = [*Dimension, DataKey("region"), DataKey('tier "x"')]
PERCENTILES = [Decimal(each) for each in ("0", "25", "50", "95", "99.9", "100")]
SAID: list[Any] = ["eu", "us", 7, "7", True, None, Decimal("0.5"), ["x", 1]]
NUMBERS = ["0", "1", "2.5", "-3", "7", "7", "12.000000000000000001", "99999999999999999999.5"]


def moment(chance: Random) -> datetime:
    """An instant on a day on which some clocks change, near that change, or in some other month."""
    zone = chance.choice(list(CHANGES))
    day = datetime.fromisoformat(chance.choice(CHANGES[zone])).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    if chance.randrange(4) == 0:
        return day + timedelta(days=chance.randint(-90, 90), seconds=chance.randint(0, 86_399))
    return day + timedelta(minutes=30 * chance.randint(-12, 60), microseconds=chance.choice([0, 0, -1, 1]))


async def fill(store: Store, principal: Principal, rules: Rules, chance: Random, size: int) -> None:
    """Record so many events, amend some and take some back."""

    def event() -> dict[str, Any]:
        stated: dict[str, Any] = {"occurred_at": moment(chance), "quantity": chance.choice(NUMBERS)}
        for each in Dimension:
            if chance.randrange(5):
                stated[each.value] = chance.choice(IDS)
        if chance.randrange(4):
            stated["unit"] = chance.choice(["GB", "call"])
        if chance.randrange(2):
            stated |= {"charge": plain(unscaled(chance.randint(-(10**20), 10**21))), "currency": chance.choice(["EUR", "USD"])}
        if chance.randrange(3):
            names = chance.sample(["region", 'tier "x"'], chance.randint(1, 2))
            stated["additional_data"] = {name: chance.choice(SAID) for name in names}
        return stated

    outcomes = []
    for _ in range(0, size, 50):
        outcomes += await record(store, principal, [event() for _ in range(50)], rules=rules)
    refs = [each.entry.event_ref for each in outcomes if each.entry is not None]
    for ref in chance.sample(refs, size // 8):
        changes: dict[str, Any] = {"quantity": chance.choice(NUMBERS), "customer_id": chance.choice(IDS)}
        if chance.randrange(3) == 0:
            changes = {"occurred_at": moment(chance), "additional_data": {"region": chance.choice(SAID)}}
        await amend(store, principal, ref, changes, rules=rules, reason="metered twice")
    for ref in chance.sample(refs, size // 12):
        await retract(store, principal, ref, rules=rules, reason="never happened")


@dataclass(frozen=True)
class Asked:
    """A summary, as of which sequence, and in pages of what size."""

    question: SummaryQuestion
    as_of: int
    size: int
    backward: bool


def asked(chance: Random, length: int) -> Asked:
    """Any question to a ledger of that length."""
    by = tuple(chance.sample(KEYS, chance.choice([0, 1, 1, 2, 2, 3])))
    zone = chance.choice(["UTC", "Asia/Kathmandu", *CHANGES])
    granularity = chance.choice([None, *Granularity])
    measure = chance.choice(list(Measure))
    order = GroupOrder(
        measure,
        chance.choice([True, False]),
        chance.choice([None, "GB"]),
        chance.choice([None, "EUR"]),
        chance.choice(PERCENTILES) if measure is Measure.QUANTITY_PERCENTILE else None,
        chance.choice([None, *by]) if measure is Measure.KEY else None,
    )
    period = _period(chance, granularity, zone)
    compare: Compare | Period | None = None
    if chance.randrange(2) and period.start is not None and period.end is not None:
        compare = chance.choice([Compare.PREVIOUS, Compare.PREVIOUS, _period(chance, granularity, zone)])
        if isinstance(compare, Period) and (compare.start is None or compare.end is None):
            compare = Compare.PREVIOUS
    names = chance.sample([each.value for each in Dimension], chance.choice([0, 0, 1, 2]))
    return Asked(
        SummaryQuestion(
            Filters(period, **{name: tuple(chance.sample(IDS, chance.randint(1, 2))) for name in names}),  # type: ignore[arg-type]
            by,
            granularity,
            zone,
            order,
            fill=granularity is not None and chance.randrange(3) == 0,
            having=tuple(_condition(chance) for _ in range(chance.choice([0, 0, 0, 1, 2]))),
            top=chance.choice([None, None, 1, 3]),
            compare=compare,
        ),
        chance.choice([length, length, chance.randint(0, length)]),
        chance.choice([2, 5, 200]),
        chance.choice([True, False]),
    )


def _period(chance: Random, granularity: Granularity | None, zone: str) -> Period:
    """A few hours or days around a clock change, whole days of a zone, months, or open; short where buckets are."""
    if chance.randrange(6) == 0 and granularity is not Granularity.HOUR:
        return chance.choice([Period(), Period(moment(chance)), Period(None, moment(chance))])
    if chance.randrange(3) == 0:
        start = moment(chance)
        hours = chance.randint(1, 50) if granularity is Granularity.HOUR else chance.randint(1, 24 * 60)
        return Period(start, start + timedelta(hours=hours))
    place = ZoneInfo(zone)
    changed = datetime.fromisoformat(chance.choice([day for days in CHANGES.values() for day in days])).date()
    first = changed - timedelta(days=chance.randint(0, 2))
    days = chance.randint(1, 3)
    if granularity not in (Granularity.HOUR, Granularity.DAY, None):
        first, days = oracle.unit_of(first, granularity), 0
        last = first
        for _ in range(chance.randint(1, 3)):
            last = oracle.unit_of(last + timedelta(days=400 if granularity is Granularity.YEAR else 0), granularity)
            step = last
            while step == last:
                last += timedelta(days=1)
                step = oracle.unit_of(last, granularity) if oracle.unit_of(last, granularity) == last else step
        return Period(oracle.first_of(first, place), oracle.first_of(last, place))
    return Period(oracle.first_of(first, place), oracle.first_of(first + timedelta(days=days), place))


def _condition(chance: Random) -> Condition:
    measure = chance.choice([each for each in Measure if each is not Measure.KEY])
    term = Term(
        measure,
        chance.choice([None, "GB"]),
        chance.choice([None, "EUR"]),
        chance.choice(PERCENTILES) if measure is Measure.QUANTITY_PERCENTILE else None,
    )
    value = moment(chance) if measure in INSTANTS else Decimal(chance.choice(["0", "1", "2.5", "5"]))
    return Condition(term, chance.choice(list(Relation)), value)


async def check(store: Store, principal: Principal, ledger: Sequence[Entry], each: Asked, *, most_opened: int) -> int:
    """Hold an answer against plain Python, and at most so many of its groups against their rows; tells how many were opened."""
    extras = Extras(True, True, True, tuple(PERCENTILES))
    opened = await open_ledger(store, principal, each.as_of)
    try:
        expected = oracle.answer(ledger, each.as_of, each.question, PERCENTILES)
    except oracle.TooFew:
        with pytest.raises(InvalidQuery, match="compareWith: is cut into"):
            await read(store, opened, each.question)
        return 0
    summary, groups = await _walked(store, opened, each, Wanted.everywhere(extras))
    shown = [(_key(group, summary, each), *_both(group)) for group in groups]
    assert shown == expected.groups, each
    assert _both(summary.grouped.total) == expected.total, each
    other = summary.grouped.other
    assert (None if other is None else _both(other)) == expected.other, each
    assert summary.grouped.group_count == len(expected.groups), each
    numbers = [summary.grouped.total, *([other] if other is not None else []), *groups[:most_opened]]
    for number in numbers:
        await _add_up(store, opened, summary, number, each)
    earlier = summary.earlier()
    if earlier is not None:
        for number in numbers:
            assert number.previous is not None
            await _add_up(store, opened, earlier, number.previous, each)
    for group in groups[:most_opened]:
        rows = await _rows(store, opened, summary.entries_of(group))
        assert [row.sequence for row in rows] == expected.members.get(_key(group, summary, each), []), each
    return len(numbers) * (1 if earlier is None else 2)


async def _walked(store: Store, opened: Opened, each: Asked, wanted: Wanted) -> tuple[Summary, list[Group]]:
    """The summary, and all of its groups, page by page from either end."""
    found: list[Group] = []
    edge = None
    while True:
        # Buckets that are filled make thousands of groups, each page of which is folded anew.
        size = 200 if each.question.fill else each.size
        request = PageRequest(last=size, before=edge) if each.backward else PageRequest(first=size, after=edge)
        summary = await read(store, opened, each.question, request, wanted=wanted)
        grouped = summary.grouped
        found = [*grouped.groups, *found] if each.backward else [*found, *grouped.groups]
        if not (grouped.more_before if each.backward else grouped.more_after):
            return summary, found
        edge = summary.cursors[0 if each.backward else -1]


async def _add_up(store: Store, opened: Opened, summary: Summary, group: Group, each: Asked) -> None:
    """The rows behind a number add up to it: events, each unit, each currency."""
    rows = await _rows(store, opened, summary.entries_of(group))
    assert sum(row.sign for row in rows) == group.events, each
    for amount, of, totals in (("quantity", "unit", group.quantities), ("charge", "currency", group.charges)):
        sums: dict[Any, Fraction] = {}
        for row in rows:
            if getattr(row, amount) is not None:
                sums[getattr(row, of)] = sums.get(getattr(row, of), Fraction(0)) + Fraction(getattr(row, amount))
        assert sums == {getattr(total, of): Fraction(getattr(total, amount)) for total in totals}, each  # type: ignore[attr-defined]


async def _rows(store: Store, opened: Opened, filters: Filters) -> list[Entry]:
    return await store.rows(Rows(opened.scope, filters, frozenset({EntryKind.USAGE}), descending=False))


def _key(group: Group, summary: Summary, each: Asked) -> oracle.Key:
    """The group's key as plain Python names it; its bucket must begin and end where the clock does."""
    granularity, buckets = each.question.granularity, summary.question.buckets
    if group.bucket is None or granularity is None or buckets is None:
        return None, group.dimensions
    zone = ZoneInfo(each.question.zone)
    told = oracle.label(group.bucket, granularity, zone)
    end = buckets.end_of(group.bucket)
    assert oracle.label(end - timedelta(microseconds=1), granularity, zone) == told, each
    for edge in (group.bucket, end):
        assert oracle.label(edge, granularity, zone) != oracle.label(edge - timedelta(microseconds=1), granularity, zone), each
    return told, group.dimensions


def _both(group: Group) -> tuple[oracle.Told, oracle.Told | None]:
    return _plain(group), None if group.previous is None else _plain(group.previous)


def _plain(group: Group) -> oracle.Told:
    def amounts(totals: Sequence[Any], of: str, amount: str) -> dict[Any, oracle.Told]:
        told = {}
        for total in totals:
            told[getattr(total, of)] = {
                "sum": Fraction(getattr(total, amount)),
                "events": total.events,
                "average": _fraction(total.average),
                "minimum": _fraction(total.minimum),
                "maximum": _fraction(total.maximum),
            }
            if amount == "quantity":
                told[getattr(total, of)] |= {f"p{percent}": _fraction(total.percentile(percent)) for percent in PERCENTILES}
        return told

    return {
        "events": group.events,
        "quantities": amounts(group.quantities, "unit", "quantity"),
        "charges": amounts(group.charges, "currency", "charge"),
        "first_use": group.first_use,
        "last_use": group.last_use,
        "customers": group.customers,
    }


def _fraction(number: Decimal | None) -> Fraction | None:
    return None if number is None else Fraction(number)
