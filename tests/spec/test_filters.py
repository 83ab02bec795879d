"""Filters: every engine finds what `Filters.accept` accepts, for each dimension, one value or several, with any period."""

from __future__ import annotations

import random
from dataclasses import fields
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.domain.account import Account, Principal
from app.domain.entry import EntryKind
from app.domain.period import Period
from app.ledger.commands import Rules, amend, record, retract
from app.ports import Store
from app.question.filters import Filters
from app.question.groups import Groups, UnitTotal
from app.question.rows import Rows
from app.question.scope import Scope
from tests.asking import ledger_of, live
from tests.events import activity, at, usage

VALUES: dict[str, list[Any]] = {
    "product_id": ["api", "web", "API"],
    "customer_id": ["c1", "é", "c' OR 1=1"],
    "license_id": ["l1", "l2", "%"],
    "order_id": ["o1", "o2", "_"],
    "subscription_id": ["s1", "s2", "\U00010000"],
    "feature_code": ["f1", "f2", " f1"],
    "action": ["usage.consumed", "usage.api.called", "usage.stored"],
    "source": ["default", "meter", "billing"],
    "request_id": ["r1", "r2", "r3"],
    "result_class": ["success", "client_error", "own"],
    "status_code": [200, 404, 599],
}


@pytest.fixture
async def world(store: Store, account: Account, admin: Principal, rules: Rules) -> Scope:
    """Events that have each value of each column, or none, in many combinations; some corrected; and activities."""
    chance = random.Random(7)
    said = [usage(occurred_at=at(-121), **{name: values[0] for name, values in VALUES.items()})]
    for number in range(1, 120):
        chosen = {name: chance.choice([*values, None]) for name, values in VALUES.items()}
        said.append(usage(occurred_at=at(-120 + number), quantity=number, **chosen))
    await record(store, admin, said, rules=rules)
    issued = [activity(occurred_at=at(-number), customer_id=["c1", "é"][number % 2]) for number in range(8)]
    await record(store, admin, issued, rules=rules, kind=EntryKind.ACTIVITY)
    for number in range(5, 120, 13):
        await amend(store, admin, f"evt_1_{number}", {"customer_id": "c1", "status_code": 404}, rules=rules, reason="typo")
    for number in range(8, 120, 17):
        await retract(store, admin, f"evt_1_{number}", rules=rules, reason="never happened")
    return await live(store, account)


def test_every_dimension_is_tried() -> None:
    assert VALUES.keys() == {each.name for each in fields(Filters)} - {"period"}


async def assert_found(store: Store, account: Account, scope: Scope, filters: Filters) -> int:
    """Every kind of question finds what a scan accepts; gives how many entries that is."""
    everything = await ledger_of(store, account)
    accepted = [entry for entry in everything if filters.accept(entry)]
    used = [entry for entry in accepted if entry.kind is EntryKind.USAGE]
    corrections = [entry for entry in accepted if entry.correction is not None]

    assert await store.rows(Rows(scope, filters, descending=False)) == accepted
    assert await store.rows(Rows(scope, filters)) == accepted[::-1]
    assert await store.rows(Rows(scope, filters, frozenset({EntryKind.USAGE}), descending=False)) == used
    assert await store.rows(Rows(scope, filters, corrections_only=True, descending=False)) == corrections
    assert [entry async for batch in store.stream(Rows(scope, filters)) for entry in batch] == accepted[::-1]
    assert await store.count(Rows(scope, filters)) == len(accepted)
    moments = [entry.occurred_at for entry in used]
    assert await store.extent(scope, filters) == ((min(moments), max(moments)) if moments else None)
    total = (await store.groups(Groups(scope, filters))).total
    assert total.events == sum(entry.sign for entry in used)
    used_up = UnitTotal("call", sum((entry.quantity or Decimal(0) for entry in used), Decimal(0)), total.events)
    assert total.quantities == ([used_up] if used else [])
    return len(accepted)


@pytest.mark.parametrize("column", VALUES)
async def test_one_value_of_a_column(store: Store, account: Account, world: Scope, column: str) -> None:
    for value in VALUES[column]:
        assert await assert_found(store, account, world, Filters(**{column: (value,)})) > 0


@pytest.mark.parametrize("column", VALUES)
async def test_several_values_of_a_column(store: Store, account: Account, world: Scope, column: str) -> None:
    several = [
        await assert_found(store, account, world, Filters(**{column: tuple(VALUES[column][:count])})) for count in (1, 2, 3)
    ]
    assert several[0] < several[1] < several[2]
    # Said twice and in another order, they are the same values.
    again = (*VALUES[column][::-1], *VALUES[column])
    assert await assert_found(store, account, world, Filters(**{column: again})) == several[2]


@pytest.mark.parametrize("column", VALUES)
async def test_a_value_that_nothing_has(store: Store, account: Account, world: Scope, column: str) -> None:
    unknown = 418 if column == "status_code" else "unknown"
    assert await assert_found(store, account, world, Filters(**{column: (unknown,)})) == 0
    assert await assert_found(store, account, world, Filters(**{column: (unknown, VALUES[column][0])})) > 0


async def test_as_many_values_as_may_be_named(store: Store, account: Account, world: Scope) -> None:
    many = tuple(f"x{number}" for number in range(199))
    filters = Filters(customer_id=(*many, "c1"), product_id=(*many, "api"), order_id=(*many, "o1"), source=(*many, "default"))
    assert await assert_found(store, account, world, filters) > 0


@pytest.mark.parametrize(("one", "other"), [(one, other) for one in VALUES for other in VALUES if one < other])
async def test_two_columns_at_once(store: Store, account: Account, world: Scope, one: str, other: str) -> None:
    filters = Filters(Period(at(-100), at(-10)), **{one: tuple(VALUES[one][:2]), other: tuple(VALUES[other][1:])})
    await assert_found(store, account, world, filters)


@pytest.mark.parametrize(
    "period",
    [
        Period(at(-50)),
        Period(None, at(-50)),
        Period(at(-60), at(-50)),
        Period(at(-50), at(-50) + timedelta.resolution),
        Period(at(-50) - timedelta.resolution, at(-50)),
        Period(at(500), at(501)),
    ],
)
async def test_a_period_alone_and_with_each_column(store: Store, account: Account, world: Scope, period: Period) -> None:
    await assert_found(store, account, world, Filters(period))
    for column, values in VALUES.items():
        await assert_found(store, account, world, Filters(period, **{column: (values[0],)}))


async def test_no_filter_finds_everything(store: Store, account: Account, world: Scope) -> None:
    assert await assert_found(store, account, world, Filters()) == world.as_of


async def test_kinds_are_asked_for_by_name(store: Store, account: Account, world: Scope) -> None:
    everything = await ledger_of(store, account)
    for kinds in ({EntryKind.ACTIVITY}, {EntryKind.USAGE, EntryKind.ACTIVITY}, {EntryKind.GATEWAY, EntryKind.CATALOGUE}, set()):
        question = Rows(world, kinds=frozenset(kinds), descending=False)
        expected = [entry for entry in everything if entry.kind in kinds]
        assert await store.rows(question) == expected
        assert [entry async for batch in store.stream(question) for entry in batch] == expected
        assert await store.count(question) == len(expected)
