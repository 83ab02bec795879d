"""Random questions of every kind to an account, with the values that its life is made of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from app.domain.catalogue import LINKED_KINDS
from app.domain.entry import EntryKind
from app.domain.period import Granularity, Period, cut
from app.ports import Store
from app.question.filters import Filters
from app.question.groups import Dimension, GroupOrder, Groups, Measure, Place
from app.question.records import Records
from app.question.rows import Rows
from app.question.scope import Scope
from tests.events import START
from tests.generative.worlds import (
    ACTIONS,
    CURRENCIES,
    IDS,
    SOURCES,
    TEXTS,
    UNITS,
    few_of,
    ids,
    kinds_of_records,
    moments,
    perhaps,
)

_VALUES: dict[str, list[Any]] = {
    **{dimension.value: [*IDS, "unknown"] for dimension in Dimension},
    "action": [*ACTIONS, "license.issued", "customer.updated"],
    "source": [*SOURCES, "gateway"],
    "request_id": ["r1", "r2"],
    "result_class": ["success", "client_error"],
    "status_code": [200, 404, 500],
}
assert _VALUES.keys() == {each.name for each in fields(Filters)} - {"period"}


sequences = st.integers(0, 12) | st.just(99)
ends = st.tuples(perhaps(moments), perhaps(moments)).filter(lambda pair: None in pair or pair[0] < pair[1])
periods = st.just(Period()) | st.just(Period()) | ends.map(lambda pair: Period(*pair))
terms = few_of(
    {name: st.lists(st.sampled_from(values), min_size=1, max_size=3).map(tuple) for name, values in _VALUES.items()}, 2
)
filters = st.builds(lambda period, said: Filters(period, **said), periods, terms)

not_indexed = few_of({name: st.just((_VALUES[name][0],)) for name in ("action", "source", "result_class")}, 1).map(
    lambda said: Filters(**said)
)
"""Conditions of which no engine has an index: most entries fulfil them."""


@dataclass(frozen=True)
class Question:
    """A question without its account."""

    asks: str
    as_of: int
    stated: dict[str, Any]

    def ask(self, store: Store, account_id: int) -> Awaitable[Any]:
        """Ask that store's account of the id."""
        return _ASKS[self.asks](store, Scope(account_id, self.as_of), **self.stated)


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

_kinds = perhaps(st.frozensets(st.sampled_from(EntryKind)))
_bounds = {"above": sequences, "below": sequences, "limit": st.integers(0, 6), "descending": st.booleans()}
_walks = few_of({"filters": filters | not_indexed, "kinds": _kinds, "corrections_only": st.booleans(), **_bounds}, 3)

_orders = st.builds(
    GroupOrder, st.sampled_from(Measure), st.booleans(), perhaps(st.sampled_from(UNITS)), perhaps(st.sampled_from(CURRENCIES))
)
_cuts = st.builds(
    lambda start, days, granularity, zone: cut(Period(start, start + timedelta(days=days)), granularity, zone),
    st.just(START - timedelta(hours=84, minutes=7)) | moments,
    st.sampled_from([0.1, 1, 4.5]),
    st.sampled_from(Granularity),
    st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"]),
)


@st.composite
def _totals(draw: st.DrawFn) -> dict[str, Any]:
    stated: dict[str, Any] = {
        "by": tuple(draw(st.lists(st.sampled_from(Dimension), max_size=3, unique=True))),
        "order": draw(_orders),
        "filters": draw(st.just(Filters()) | filters),
        "limit": draw(perhaps(st.integers(0, 4))),
        "from_end": draw(st.booleans()),
    }
    buckets = stated["buckets"] = draw(perhaps(_cuts))
    stated["fill"] = draw(st.booleans())
    values: dict[Measure, st.SearchStrategy[Any]] = {
        Measure.KEY: st.none(),
        Measure.EVENTS: st.integers(-1, 3),
        Measure.QUANTITY: perhaps(st.integers(-3, 9).map(Decimal)),
        Measure.CHARGE: perhaps(st.integers(-3, 9).map(Decimal)),
        Measure.FIRST_USE: perhaps(moments),
        Measure.LAST_USE: perhaps(moments),
    }
    for name in ("after", "before"):
        if draw(st.integers(0, 3)) == 0:
            stated[name] = Place(
                draw(values[stated["order"].measure]),
                None if buckets is None else draw(st.sampled_from(buckets.edges[:-1])),
                tuple(draw(st.lists(perhaps(st.sampled_from(IDS)), min_size=len(stated["by"]), max_size=len(stated["by"])))),
            )
    return stated


_described = few_of(
    {
        "ids": st.lists(st.sampled_from([*IDS, "unknown"]), max_size=4).map(tuple),
        "name": st.sampled_from(TEXTS),
        **{f"{kind}_id": ids for kind in LINKED_KINDS},
        "after": st.sampled_from(IDS),
        "before": st.sampled_from(IDS),
        "descending": st.booleans(),
        "limit": st.integers(0, 3),
    },
    2,
)
_when = st.sampled_from([START + timedelta(seconds=seconds) for seconds in (-1, 0, 1, 3, 6)]) | st.just(
    datetime.max.replace(tzinfo=UTC)
)


def _question(asks: str, stated: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[Question]:
    return st.builds(Question, st.just(asks), sequences, stated)


questions = st.one_of(
    _question("rows", _walks),
    _question("stream", _walks),
    _question("count", _walks),
    _question("extent", st.fixed_dictionaries({"filters": filters})),
    _question("sequence_at", st.fixed_dictionaries({"moment": _when})),
    _question("groups", _totals()),
    _question("rows", st.fixed_dictionaries({"filters": not_indexed}, optional=_bounds)),
    _question("records", st.builds(lambda kind, said: {"kind": kind, **said}, kinds_of_records, _described)),
)
