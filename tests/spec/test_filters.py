"""Filters: every engine finds what `Filters.accept` accepts, for each dimension, one value or several, with any period."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, fields
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.domain.account import Permission
from app.domain.entry import Entry, EntryKind
from app.domain.period import Period
from app.ledger.commands import Rules, amend, record, retract
from app.ports import Store
from app.question.filters import OTHER_THAN_COLUMNS, Filters
from app.question.groups import Groups, UnitTotal
from app.question.rows import Rows
from app.question.scope import Scope
from tests.asking import ledger_of, live
from tests.conftest import ENGINES, Clock, caller, opened
from tests.events import START, activity, at, usage

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


@dataclass(frozen=True)
class World:
    """A store whose account holds all of `entries`; nothing here writes to it, so it is made once for an engine."""

    store: Store
    scope: Scope
    entries: list[Entry]


@pytest.fixture(scope="module", params=ENGINES)
async def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """Events that have each value of each column, or none, in many combinations; some corrected; and activities."""
    async with opened(str(request.param), tmp_path_factory.mktemp("filters")) as store:
        account = await store.create_account("acme", START)
        admin, rules = caller(account, Permission.ADMIN), Rules(clock=Clock(START))
        chance = random.Random(7)
        said = [usage(occurred_at=at(-121), **{name: values[0] for name, values in VALUES.items()})]
        for number in range(1, 120):
            chosen = {name: chance.choice([*values, None]) for name, values in VALUES.items()}
            said.append(usage(occurred_at=at(-120 + number), quantity=number, **chosen))
        await record(store, admin, said, rules=rules)
        issued = [activity(occurred_at=at(-number), customer_id=["c1", "é"][number % 2]) for number in range(8)]
        await record(store, admin, issued, rules=rules, kind=EntryKind.ACTIVITY)
        for number in range(1, 120, 13):
            await amend(store, admin, f"evt_1_{number}", {"customer_id": "c1", "status_code": 404}, rules=rules, reason="typo")
        for number in range(8, 120, 17):
            await retract(store, admin, f"evt_1_{number}", rules=rules, reason="never happened")
        yield World(store, await live(store, account), await ledger_of(store, account))


def test_every_dimension_is_tried() -> None:
    assert VALUES.keys() == {each.name for each in fields(Filters)} - OTHER_THAN_COLUMNS


async def assert_found(world: World, filters: Filters) -> int:
    """Every kind of question finds what a scan accepts; gives how many entries that is."""
    store, scope = world.store, world.scope
    accepted = [entry for entry in world.entries if filters.accept(entry)]
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
async def test_one_value_of_a_column(world: World, column: str) -> None:
    for value in VALUES[column]:
        assert await assert_found(world, Filters(**{column: (value,)})) > 0


@pytest.mark.parametrize("column", VALUES)
async def test_several_values_of_a_column(world: World, column: str) -> None:
    several = [await assert_found(world, Filters(**{column: tuple(VALUES[column][:count])})) for count in (1, 2, 3)]
    assert several[0] < several[1] < several[2]
    # Said twice and in another order, they are the same values.
    again = (*VALUES[column][::-1], *VALUES[column])
    assert await assert_found(world, Filters(**{column: again})) == several[2]


@pytest.mark.parametrize("column", VALUES)
async def test_a_value_that_nothing_has(world: World, column: str) -> None:
    unknown = 418 if column == "status_code" else "unknown"
    assert await assert_found(world, Filters(**{column: (unknown,)})) == 0
    assert await assert_found(world, Filters(**{column: (unknown, VALUES[column][0])})) > 0


async def test_as_many_values_as_may_be_named(world: World) -> None:
    many = tuple(f"x{number}" for number in range(199))
    filters = Filters(customer_id=(*many, "c1"), product_id=(*many, "api"), order_id=(*many, "o1"), source=(*many, "default"))
    assert await assert_found(world, filters) > 0


@pytest.mark.parametrize(("one", "other"), [(one, other) for one in VALUES for other in VALUES if one < other])
async def test_two_columns_at_once(world: World, one: str, other: str) -> None:
    filters = Filters(Period(at(-100), at(-10)), **{one: tuple(VALUES[one][:2]), other: tuple(VALUES[other][1:])})
    await assert_found(world, filters)


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
async def test_a_period_alone_and_with_each_column(world: World, period: Period) -> None:
    await assert_found(world, Filters(period))
    for column, values in VALUES.items():
        await assert_found(world, Filters(period, **{column: (values[0],)}))


async def test_no_filter_finds_everything(world: World) -> None:
    assert await assert_found(world, Filters()) == len(world.entries) == world.scope.as_of


async def test_kinds_are_asked_for_by_name(world: World) -> None:
    for kinds in ({EntryKind.ACTIVITY}, {EntryKind.USAGE, EntryKind.ACTIVITY}, {EntryKind.GATEWAY, EntryKind.CATALOGUE}, set()):
        question = Rows(world.scope, kinds=frozenset(kinds), descending=False)
        expected = [entry for entry in world.entries if entry.kind in kinds]
        assert await world.store.rows(question) == expected
        assert [entry async for batch in world.store.stream(question) for entry in batch] == expected
        assert await world.store.count(question) == len(expected)
