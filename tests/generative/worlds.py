"""Random lives of an account: batches with colliding ids, corrections, descriptions, erasures, and clocks that go back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import orjson
from hypothesis import strategies as st

from app.domain.account import Principal
from app.domain.canonical import additional_data
from app.domain.catalogue import RecordKind
from app.domain.decimal import plain, unscaled
from app.domain.entry import PRIVATE_FIELDS, EntryKind
from app.ledger.catalogue import upsert
from app.ledger.commands import Rules, amend, record, retract
from app.ledger.erasure import erase
from app.ports import Store
from app.question.keys import spoken
from tests.conftest import Clock
from tests.events import START

# Few values, so that they meet; among them such as sort, quote or encode in a way of their own.
IDS = ["a", "b", "B", "é", "\uffff", "\U00010000", "' OR 1=1 --"]
UNITS = ["call", "GB", "gb"]
CURRENCIES = ["EUR", "USD"]
ACTIONS = ["usage.consumed", "usage.stored"]
SOURCES = ["default", "meter"]
# Keys that a path or a quoted text would take amiss, and what they say: texts that look like other types among them.
DATA_KEYS = ["a", "é", 'q"\\', "$.b", "none"]
SAID = [1, "1", -7, Decimal("0.10"), True, "true", None, "", "x\ny", [1, {"b": None, "a": "é"}], {"b": 2, "a": [True]}, {}]
DATA_VALUES = [spoken(orjson.loads(additional_data({"a": each}, "") or "{}").get("a")) for each in SAID]
TEXTS = ["Ada", "naïve 😀", "x" * 300]

ids = st.sampled_from(IDS[:2]) | st.sampled_from(IDS)
# Midnights and noons, the hour in which clocks changed in Europe, and some that belong to nothing.
HOURS = [-84, -83, -82, -61, -60, -36, -24, -12, -1, 0, 0.5, 12]
moments = st.one_of(
    st.sampled_from([START + timedelta(hours=hours) for hours in HOURS]),
    st.sampled_from([START + timedelta(hours=hours, microseconds=-1) for hours in HOURS]),
    st.integers(-(10**6), 10**6).map(lambda micros: START - timedelta(days=1, microseconds=micros)),
)
numbers = st.one_of(
    st.integers(-3, 9).map(str),
    st.integers(-(10**38) + 1, 10**38 - 1).map(lambda number: plain(unscaled(number))),
    st.sampled_from(["99999999999999999999.999999999999999999", "-0.000000000000000001", "0", "5", "2.50", "many"]),
)


def perhaps(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """One of the values, or nothing said."""
    return st.none() | values


_DIMENSIONS = {
    name: perhaps(ids) for name in ("product_id", "customer_id", "license_id", "order_id", "subscription_id", "feature_code")
}
_SAID = {
    "unit": perhaps(st.sampled_from(UNITS)),
    "charge": perhaps(numbers),
    "request_id": perhaps(st.sampled_from(["r1", "r2"])),
    "status_code": perhaps(st.sampled_from([200, 404, 500])),
    "message": perhaps(st.sampled_from(TEXTS)),
    "actor": perhaps(st.sampled_from(TEXTS)),
    "additional_data": perhaps(st.dictionaries(st.sampled_from(DATA_KEYS), st.sampled_from(SAID), max_size=3)),
}
events = st.fixed_dictionaries(
    {"occurred_at": moments, "quantity": st.integers(-3, 9).map(str) | perhaps(numbers), "currency": st.sampled_from(CURRENCIES)},
    optional=_DIMENSIONS
    | _SAID
    | {"id": st.sampled_from(["1", "2", "3"]), "source": st.sampled_from(SOURCES), "action": st.sampled_from(ACTIONS)},
)
activities = st.fixed_dictionaries(
    {"occurred_at": moments, "action": st.sampled_from(["license.issued", "order.placed", "usage.consumed"])},
    optional=_DIMENSIONS | {"id": st.sampled_from(["1", "2", "3"]), "message": st.sampled_from(TEXTS)},
)
_CHANGES = {name: values for name, values in (_DIMENSIONS | _SAID).items() if name != "actor"} | {
    "occurred_at": moments,
    "quantity": perhaps(numbers),
    "id": st.just("9"),
}
_DESCRIPTIONS = _DIMENSIONS | {
    "name": perhaps(st.sampled_from(TEXTS)),
    "status": perhaps(st.sampled_from(["active", "ended"])),
    "starts_at": perhaps(moments),
    "ends_at": perhaps(moments),
    "type": perhaps(st.sampled_from(["invoice", "credit", "letter"])),
    "currency": perhaps(st.sampled_from(CURRENCIES)),
    "additional_data": perhaps(st.sampled_from([{"a": 1}, {"b": Decimal("0.10")}])),
}


def few_of(fields: dict[str, st.SearchStrategy[Any]], most: int) -> st.SearchStrategy[dict[str, Any]]:
    """Some of the fields, each with a value of its own."""
    names = st.lists(st.sampled_from(sorted(fields)), max_size=most, unique=True)
    return names.flatmap(lambda chosen: st.fixed_dictionaries({name: fields[name] for name in chosen}))


changes = st.builds(lambda said, currency: {"currency": currency, **said}, few_of(_CHANGES, 3), st.sampled_from(CURRENCIES))
descriptions = few_of(_DESCRIPTIONS, 3)
# Mostly the same record again and again, so that it has versions.
records = st.just((RecordKind.CUSTOMER, "a")) | st.tuples(st.sampled_from(RecordKind), ids)
versions = st.tuples(st.sampled_from(["evt", "evt", "act"]), st.integers(0, 99))
"""What a ref is made from once the ledger's length is known: now and then it is that of something else, or of nothing."""


async def ref_of(store: Store, principal: Principal, version: tuple[str, int]) -> str:
    """The ref of some entry of the account, or of the one that would come next."""
    prefix, number = version
    length = (await store.head(principal.account.id)).sequence
    return f"{prefix}_{principal.account.id}_{number % (length + 1) + 1}"


@dataclass(frozen=True)
class Act:
    """One thing that is done to an account."""

    does: str
    stated: tuple[Any, ...] = ()

    def run(self, store: Store, principal: Principal, clock: Clock) -> Awaitable[Any]:
        """Do it to that store."""
        return _DOES[self.does](store, principal, clock, Rules(clock=clock), *self.stated)


async def _record(store: Store, principal: Principal, clock: Clock, rules: Rules, batch: Any, kind: EntryKind) -> Any:
    return await record(store, principal, batch, rules=rules, kind=kind)


async def _amend(
    store: Store, principal: Principal, clock: Clock, rules: Rules, ref: Any, said: Any, version: int | None, actor: str | None
) -> Any:
    named = await ref_of(store, principal, ref)
    return await amend(store, principal, named, said, rules=rules, reason="typo", actor=actor, expected_version=version)


async def _retract(store: Store, principal: Principal, clock: Clock, rules: Rules, ref: Any) -> Any:
    return await retract(store, principal, await ref_of(store, principal, ref), rules=rules, reason="never happened")


async def _describe(
    store: Store, principal: Principal, clock: Clock, rules: Rules, named: tuple[RecordKind, str], said: Any
) -> Any:
    return await upsert(store, principal, *named, said, rules=rules)


async def _erase(store: Store, principal: Principal, clock: Clock, rules: Rules, ref: Any, names: Any) -> Any:
    return await erase(store, principal, await ref_of(store, principal, ref), rules=rules, names=names)


async def _wait(store: Store, principal: Principal, clock: Clock, rules: Rules, seconds: float) -> Any:
    clock.advance(seconds=seconds)


_DOES: dict[str, Callable[..., Awaitable[Any]]] = {
    "record": _record,
    "amend": _amend,
    "retract": _retract,
    "describe": _describe,
    "erase": _erase,
    "wait": _wait,
}


def _acts(does: str, *stated: st.SearchStrategy[Any]) -> st.SearchStrategy[Act]:
    return st.builds(Act, st.just(does), st.tuples(*stated))


_some = st.lists(events, min_size=1, max_size=4)
_batches = _acts("record", _some | _some.map(lambda batch: [*batch, *batch[:2]]), st.just(EntryKind.USAGE))
acts = st.one_of(
    _batches,
    _acts("record", st.lists(activities, min_size=1, max_size=2), st.just(EntryKind.ACTIVITY)),
    *[_acts("amend", versions, changes, st.sampled_from([None, None, 1, 2]), perhaps(st.sampled_from(TEXTS)))] * 2,
    _acts("retract", versions),
    *[_acts("describe", records, descriptions)] * 2,
    _acts("erase", versions, st.sampled_from([PRIVATE_FIELDS, ("actor",), ("name", "additional_data")])),
    _acts("wait", st.sampled_from([-5, 0.000001, 3, 40 * 86_400])),
)
_first = _acts("record", st.lists(events, min_size=3, max_size=8), st.just(EntryKind.USAGE))
lives = st.tuples(_first, st.lists(acts, min_size=5, max_size=12)).map(lambda parts: [parts[0], *parts[1]])
