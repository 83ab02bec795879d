"""Random questions of every kind to an account, with the values that its life is made of.

They come from a seed rather than from strategies of their own: that is many times faster, and each is as likely as the next.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from app.domain.catalogue import LINKED_KINDS, RecordKind
from app.domain.entry import EntryKind
from app.domain.period import Buckets, Granularity, Period, cut
from app.ports import Store
from app.question.filters import OTHER_THAN_COLUMNS, Filters, Slice
from app.question.groups import Comparison, GroupOrder, Groups, Place
from app.question.keys import DataKey, Dimension, GroupKey
from app.question.measures import INSTANTS, Condition, Extras, Measure, Relation, Term
from app.question.records import Records
from app.question.rows import Rows
from app.question.scope import NEWEST, Scope
from tests.events import START
from tests.generative.worlds import ACTIONS, CURRENCIES, DATA_KEYS, DATA_VALUES, HOURS, IDS, SOURCES, TEXTS, UNITS

_VALUES: dict[str, list[Any]] = {
    **{dimension.value: [*IDS[:2], *IDS, "unknown"] for dimension in Dimension},
    "action": [*ACTIONS, "license.issued", "customer.updated"],
    "source": [*SOURCES, "gateway"],
    "request_id": ["r1", "r2"],
    "result_class": ["success", "client_error"],
    "status_code": [200, 404, 500],
}
assert _VALUES.keys() == {each.name for each in fields(Filters)} - OTHER_THAN_COLUMNS
KEYS: list[GroupKey] = [*Dimension, *(DataKey(each) for each in DATA_KEYS)]
_ZONES = ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"]
_INSTANTS = [START + timedelta(hours=hours) for hours in HOURS]


@dataclass(frozen=True)
class Question:
    """A question without its account: what is asked, as of which sequence, and how."""

    asks: str
    as_of: int
    stated: dict[str, Any]

    def ask(self, store: Store, account_id: int) -> Awaitable[Any]:
        """Ask that store's account of the id."""
        return _ASKS[self.asks](store, Scope(account_id, self.as_of), **self.stated)


def some_question(chance: Random, length: int) -> Question:
    """Any question to a ledger of that length."""
    asks = chance.choice(
        [
            *("rows", "rows", "rows", "stream", "count", "extent", "sequence_at"),
            *("groups", "groups", "subject", "subject", "records", "records"),
        ]
    )
    as_of = chance.choice([length, chance.randint(0, length + 1)])
    return Question(asks, as_of, _STATED[asks](chance, length))


def _perhaps(chance: Random, percent: int, stated: dict[str, Callable[[], Any]]) -> dict[str, Any]:
    """Each of these with that likelihood."""
    return {name: value() for name, value in stated.items() if chance.randrange(100) < percent}


def _filters(chance: Random) -> Filters:
    terms = {
        name: tuple(chance.choices(_VALUES[name], k=chance.randint(1, 3)))
        for name in chance.sample(sorted(_VALUES), chance.choice([0, 0, 1, 1, 2]))
    }
    filters = Filters(_period(chance), **terms)
    if chance.randrange(4) == 0:
        filters = filters.opened(_slice(chance, ()))
    if chance.randrange(4) == 0:
        by = _keys(chance)
        filters = replace(filters, outside=tuple(_slice(chance, by) for _ in range(chance.randint(1, 3))))
    return filters


def _keys(chance: Random) -> tuple[GroupKey, ...]:
    return tuple(chance.sample(KEYS, chance.choice([0, 1, 1, 2, 3])))


def _slice(chance: Random, by: tuple[GroupKey, ...]) -> Slice:
    """A group by these keys, or by some of additional data and one that is absent."""
    keys = by or (chance.choice(list(Dimension)), *chance.sample(KEYS[-len(DATA_KEYS) :], chance.randint(0, 2)))
    values = [chance.choice([*IDS[:2], None] if isinstance(key, Dimension) else DATA_VALUES) for key in keys]
    if not by:
        values[0] = None
    return Slice(keys, tuple(values), Period(chance.choice(_INSTANTS)) if by and chance.randrange(2) else Period())


def _period(chance: Random) -> Period:
    start, end = sorted(chance.sample(_INSTANTS, 2))
    return chance.choice([Period(), Period(), Period(start), Period(None, end), Period(start, end)])


def _walk(chance: Random, length: int) -> dict[str, Any]:
    often: dict[str, Callable[[], Any]] = {
        "filters": lambda: _filters(chance),
        "descending": lambda: chance.choice([True, False]),
        "above": lambda: chance.randint(0, length // 2),
        "below": lambda: chance.randint(length // 2, length + 2),
        "limit": lambda: chance.randint(0, 6),
    }
    seldom: dict[str, Callable[[], Any]] = {
        "kinds": lambda: frozenset(chance.sample(list(EntryKind), chance.randint(0, 4))),
        "corrections_only": lambda: chance.choice([True, False]),
    }
    return _perhaps(chance, 50, often) | _perhaps(chance, 15, seldom)


def _totals(chance: Random, length: int) -> dict[str, Any]:
    by = _keys(chance)
    measure = chance.choice(list(Measure))
    order = GroupOrder(
        measure,
        chance.choice([True, False]),
        chance.choice([None, *UNITS]),
        chance.choice([None, *CURRENCIES]),
        chance.choice(_PERCENTILES) if measure is Measure.QUANTITY_PERCENTILE else None,
        chance.choice([None, *by]) if measure is Measure.KEY else None,
    )
    stated = _perhaps(
        chance,
        50,
        {
            "filters": lambda: _filters(chance),
            "limit": lambda: chance.randint(0, 4),
            "from_end": lambda: True,
            "fill": lambda: True,
            "buckets": lambda: _cut(chance),
        },
    )
    stated |= _perhaps(
        chance,
        25,
        {
            "extras": lambda: Extras(*chance.choices([True, False], k=3), tuple(chance.sample(_PERCENTILES, 3))),
            "having": lambda: tuple(_condition(chance) for _ in range(chance.randint(1, 2))),
            "top": lambda: chance.randint(1, 3),
            "comparison": lambda: _comparison(chance, stated.get("buckets")),
        },
    )
    edges = stated["buckets"].edges[:-1] if "buckets" in stated else [None]

    def place() -> Place:
        if measure is Measure.KEY:
            value: Any = None
        elif measure in INSTANTS:
            value = chance.choice([*_INSTANTS, None])
        elif measure in (Measure.EVENTS, Measure.CUSTOMERS):
            value = chance.randint(-1, 3)
        else:
            value = chance.choice([Decimal(chance.randint(-3, 9)), None])
        keys = tuple(chance.choice([*IDS, None]) for _ in by)
        return Place(value, chance.choice(edges), keys)

    return {"by": by, "order": order} | stated | _perhaps(chance, 25, {"after": place, "before": place})


def _subject(chance: Random, length: int) -> dict[str, Any]:
    """Totals of what one record names, over whole days and months or all times: what a report about it asks."""
    name = chance.choice(["customer_id", "customer_id", "license_id", "order_id", "subscription_id"])
    month = START.replace(day=1, hour=0)
    whole = [month - timedelta(days=days) for days in (31, 3, 2, 1, 0)]
    whole += [START.replace(hour=0) + timedelta(days=days) for days in (-3, -1, 0, 1, 2, 31)]
    start, end = sorted(chance.sample(sorted(set(whole)), 2))
    period = chance.choice([Period(), Period(), Period(start), Period(None, end), Period(start, end)])
    keys = [Dimension.PRODUCT, Dimension.LICENSE, Dimension.ORDER, Dimension.SUBSCRIPTION, Dimension.FEATURE]
    stated: dict[str, Any] = {
        "filters": Filters(period, **{name: (chance.choice(IDS[:2]),)}),
        "by": tuple(chance.sample(keys, chance.choice([0, 1, 1, 2]))),
    }
    if chance.randrange(4) == 0 and period.start is not None and period.end is not None:
        stated["buckets"] = cut(period, chance.choice([Granularity.MONTH, Granularity.DAY]), "UTC")
    return stated


_PERCENTILES = [Decimal(each) for each in ("0", "12.5", "50", "90", "99.999", "100")]


def _condition(chance: Random) -> Condition:
    measure = chance.choice([each for each in Measure if each is not Measure.KEY])
    value = chance.choice(_INSTANTS) if measure in INSTANTS else Decimal(chance.randint(-3, 9))
    percentile = chance.choice(_PERCENTILES) if measure is Measure.QUANTITY_PERCENTILE else None
    term = Term(measure, chance.choice([None, *UNITS]), chance.choice([None, *CURRENCIES]), percentile)
    return Condition(term, chance.choice(list(Relation)), value)


def _comparison(chance: Random, buckets: Buckets | None) -> Comparison:
    if buckets is None:
        return Comparison(_period(chance))
    # As many buckets as there are here, of whatever length.
    start = chance.choice(_INSTANTS)
    many = cut(Period(start, start + timedelta(hours=len(buckets.edges) + 1)), Granularity.HOUR)
    edges = many.edges[: len(buckets.edges)]
    return Comparison(Period(start, edges[-1]), replace(many, edges=edges))


def _cut(chance: Random) -> Buckets:
    start = chance.choice([START - timedelta(hours=84, minutes=7), *_INSTANTS])
    length = timedelta(days=chance.choice([0.1, 1, 4.5]))
    return cut(Period(start, start + length), chance.choice(list(Granularity)), chance.choice(_ZONES))


def _described(chance: Random, length: int) -> dict[str, Any]:
    kinds = [RecordKind.CUSTOMER, RecordKind.LICENSE, *RecordKind]
    bounds: dict[str, Callable[[], Any]] = {
        "ids": lambda: tuple(chance.choices([*IDS, "unknown"], k=chance.randint(0, 4))),
        "after": lambda: chance.choice(IDS),
        "before": lambda: chance.choice(IDS),
        "limit": lambda: chance.randint(0, 3),
        "descending": lambda: True,
    }
    conditions: dict[str, Callable[[], Any]] = {f"{kind}_id": lambda: chance.choice(IDS[:3]) for kind in LINKED_KINDS}
    conditions["name"] = lambda: chance.choice(TEXTS)
    name = chance.choice(sorted(conditions))
    condition = {name: conditions[name]()} if chance.randrange(3) == 0 else {}
    return {"kind": chance.choice(kinds)} | condition | _perhaps(chance, 20, bounds)


_STATED: dict[str, Callable[[Random, int], dict[str, Any]]] = {
    "rows": _walk,
    "stream": _walk,
    "count": _walk,
    "extent": lambda chance, length: {"filters": _filters(chance)},
    "sequence_at": lambda chance, length: {"moment": chance.choice([*_SEEN, datetime.max.replace(tzinfo=UTC)])},
    "groups": _totals,
    "subject": _subject,
    "records": _described,
}
_SEEN = [START + timedelta(seconds=seconds) for seconds in (-1, 0, 0.000001, 3, 6)]


async def _rows(store: Store, scope: Scope, **stated: Any) -> Any:
    found = await store.rows(Rows(scope, **stated))
    # The same in one look, where the engine has one: as of that sequence, and as of the end, wherever that is.
    look = await store.look(Rows(scope, **stated))
    if look is not None:
        [last] = await store.rows(Rows(scope, limit=1))
        assert (look.rows, look.recorded_at) == (found, last.recorded_at)
    newest = await store.look(Rows(Scope(scope.account_id, NEWEST), **stated))
    if newest is not None:
        head = await store.head(scope.account_id)
        assert (newest.head, newest.recorded_at) == (head.sequence, head.recorded_at)
        assert newest.rows == await store.rows(Rows(Scope(scope.account_id, head.sequence), **stated))
    return found


async def _stream(store: Store, scope: Scope, **stated: Any) -> Any:
    return [entry async for batch in store.stream(Rows(scope, **stated)) for entry in batch]


async def _count(store: Store, scope: Scope, **stated: Any) -> Any:
    return await store.count(Rows(scope, **stated))


async def _extent(store: Store, scope: Scope, **stated: Any) -> Any:
    return await store.extent(scope, **stated)


async def _sequence_at(store: Store, scope: Scope, moment: datetime) -> Any:
    return await store.sequence_at(scope.account_id, moment)


async def _groups(store: Store, scope: Scope, **stated: Any) -> Any:
    return await store.groups(Groups(scope, **stated))


async def _records(store: Store, scope: Scope, **stated: Any) -> Any:
    return await store.records(Records(scope, **stated))


_ASKS: dict[str, Callable[..., Awaitable[Any]]] = {
    "rows": _rows,
    "stream": _stream,
    "count": _count,
    "extent": _extent,
    "sequence_at": _sequence_at,
    "groups": _groups,
    "subject": _groups,
    "records": _records,
}
