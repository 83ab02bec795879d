"""Random questions of every kind to an account, with the values that its life is made of.

They come from a seed rather than from strategies of their own: that is many times faster, and each is as likely as the next.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from app.domain.catalogue import LINKED_KINDS, RecordKind
from app.domain.entry import EntryKind
from app.domain.period import Granularity, Period, cut
from app.ports import Store
from app.question.filters import Filters
from app.question.groups import Dimension, GroupOrder, Groups, Measure, Place
from app.question.records import Records
from app.question.rows import Rows
from app.question.scope import Scope
from tests.events import START
from tests.generative.worlds import ACTIONS, CURRENCIES, HOURS, IDS, SOURCES, TEXTS, UNITS

_VALUES: dict[str, list[Any]] = {
    **{dimension.value: [*IDS[:2], *IDS, "unknown"] for dimension in Dimension},
    "action": [*ACTIONS, "license.issued", "customer.updated"],
    "source": [*SOURCES, "gateway"],
    "request_id": ["r1", "r2"],
    "result_class": ["success", "client_error"],
    "status_code": [200, 404, 500],
}
assert _VALUES.keys() == {each.name for each in fields(Filters)} - {"period"}
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
        ["rows", "rows", "rows", "stream", "count", "extent", "sequence_at", "groups", "groups", "records", "records"]
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
    return Filters(_period(chance), **terms)


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
    order = GroupOrder(
        chance.choice(list(Measure)),
        chance.choice([True, False]),
        chance.choice([None, *UNITS]),
        chance.choice([None, *CURRENCIES]),
    )
    by = tuple(chance.sample(list(Dimension), chance.randint(0, 3)))
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
    edges = stated["buckets"].edges[:-1] if "buckets" in stated else [None]

    def place() -> Place:
        numbers, moments = [Decimal(chance.randint(-3, 9)), None], [chance.choice(_INSTANTS), None]
        value = {Measure.KEY: [None], Measure.EVENTS: [chance.randint(-1, 3)], Measure.QUANTITY: numbers, Measure.CHARGE: numbers}
        keys = tuple(chance.choice([*IDS, None]) for _ in by)
        return Place(chance.choice(value.get(order.measure, moments)), chance.choice(edges), keys)

    return {"by": by, "order": order} | stated | _perhaps(chance, 25, {"after": place, "before": place})


def _cut(chance: Random) -> Any:
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
    "records": _described,
}
_SEEN = [START + timedelta(seconds=seconds) for seconds in (-1, 0, 0.000001, 3, 6)]


async def _rows(store: Store, scope: Scope, **stated: Any) -> Any:
    return await store.rows(Rows(scope, **stated))


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
    "records": _records,
}
