"""Totals: exact to the last digit, units and currencies never mixed, first and last use over what stands, in any order."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import permutations

import pytest

from app.domain.account import Account, Permission, Principal
from app.domain.entry import EntryKind
from app.domain.period import Granularity, Period, cut
from app.ledger.commands import Rules, amend, record, retract
from app.ports import Store
from app.question.filters import Filters
from app.question.fold import place
from app.question.groups import CurrencyTotal, Dimension, Group, GroupOrder, Groups, Measure, UnitTotal
from app.question.scope import Scope
from tests.asking import live
from tests.conftest import ENGINES, Clock, caller, opened
from tests.events import START, activity, at, usage


async def test_sums_are_exact_at_38_digits(store: Store, account: Account, admin: Principal, rules: Rules) -> None:
    most = "99999999999999999999.999999999999999999"
    said = [most] * 7 + ["-0.000000000000000001"] * 3 + ["0.1"] * 10 + ["-" + most] * 2
    await record(store, admin, [usage(quantity=each, charge=each, currency="EUR") for each in said], rules=rules)

    total = (await store.groups(Groups(await live(store, account)))).total

    # 5 × (10^20 - 10^-18) - 3 × 10^-18 + 1, and not a digit is missing.
    expected = Decimal("500000000000000000000.999999999999999992")
    assert total.quantities == [UnitTotal("call", expected, 22)]
    assert total.charges == [CurrencyTotal("EUR", expected, 22)]


async def test_a_small_part_is_not_lost_beside_a_large_one(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    said = ["10000000000000000000", "0.000000000000000001", "-10000000000000000000"]
    await record(store, admin, [usage(quantity=each) for each in said], rules=rules)
    total = (await store.groups(Groups(await live(store, account)))).total
    assert total.quantities == [UnitTotal("call", Decimal("0.000000000000000001"), 3)]


async def test_units_and_currencies_are_never_mixed(store: Store, account: Account, admin: Principal, rules: Rules) -> None:
    await record(
        store,
        admin,
        [
            usage(quantity="1", unit="GB"),
            usage(quantity="2", unit="gb"),
            usage(quantity="3", unit=None),
            usage(quantity="4", unit="GB", charge="5", currency="USD"),
            usage(quantity=None, charge="6", currency="EUR"),
            usage(quantity=None, charge="-7", currency="EUR"),
        ],
        rules=rules,
    )
    grouped = await store.groups(Groups(await live(store, account)))
    assert grouped.total == Group(
        None,
        (),
        6,
        [UnitTotal("GB", Decimal(5), 2), UnitTotal("gb", Decimal(2), 1), UnitTotal(None, Decimal(3), 1)],
        [CurrencyTotal("EUR", Decimal(-1), 2), CurrencyTotal("USD", Decimal(5), 1)],
        at(-1),
        at(-1),
    )
    assert grouped.groups == [grouped.total]


async def test_failed_calls_count_and_activities_do_not(store: Store, account: Account, admin: Principal, rules: Rules) -> None:
    await record(store, admin, [usage(status_code=500), usage(status_code=200)], rules=rules)
    await record(store, admin, [activity(quantity="5", unit="call")], rules=rules, kind=EntryKind.ACTIVITY)
    total = (await store.groups(Groups(await live(store, account)))).total
    assert (total.events, total.quantities) == (2, [UnitTotal("call", Decimal(2), 2)])


async def test_first_and_last_use_are_over_what_stands(store: Store, account: Account, admin: Principal, rules: Rules) -> None:
    await record(store, admin, [usage(occurred_at=at(hour)) for hour in (-9, -5, -1)], rules=rules)

    async def uses(as_of: int) -> tuple[datetime | None, datetime | None]:
        total = (await store.groups(Groups(Scope(account.id, as_of)))).total
        return total.first_use, total.last_use

    assert await uses(3) == (at(-9), at(-1))
    await retract(store, admin, "evt_1_1", rules=rules, reason="never happened")
    assert await uses(4) == (at(-5), at(-1))
    await amend(store, admin, "evt_1_3", {"occurred_at": at(-7)}, rules=rules, reason="late clock")
    assert await uses(6) == (at(-7), at(-5))
    await amend(store, admin, "evt_1_2", {"quantity": "2"}, rules=rules, reason="recount")
    assert await uses(7) == (at(-7), at(-7))
    assert await uses(8) == (at(-7), at(-5))
    for event in ("evt_1_2", "evt_1_3"):
        await retract(store, admin, event, rules=rules, reason="never happened")
    assert await uses(10) == (None, None)
    assert [await uses(as_of) for as_of in (3, 4, 6)] == [(at(-9), at(-1)), (at(-5), at(-1)), (at(-7), at(-5))]


async def test_a_reversal_takes_back_from_the_bucket_and_group_of_the_original(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    await record(store, admin, [usage(occurred_at=at(-48), quantity="5")], rules=rules)
    await amend(store, admin, "evt_1_1", {"occurred_at": at(-24), "customer_id": "c2"}, rules=rules, reason="wrong day")
    period = Period(at(-60), START)

    grouped = await store.groups(
        Groups(await live(store, account), Filters(period), by=(Dimension.CUSTOMER,), buckets=cut(period, Granularity.DAY))
    )

    assert grouped.groups == [
        Group(datetime.fromisoformat("2026-03-30T00:00:00Z"), ("c1",), 0, [UnitTotal("call", Decimal(0), 0)]),
        Group(
            datetime.fromisoformat("2026-03-31T00:00:00Z"), ("c2",), 1, [UnitTotal("call", Decimal(5), 1)], [], at(-24), at(-24)
        ),
    ]


@dataclass(frozen=True)
class World:
    """A store and what to ask it of; nothing here writes to it, so it is made once for an engine."""

    store: Store
    scope: Scope


@pytest.fixture(scope="module", params=ENGINES)
async def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """Sixty events in all kinds of places, some corrected, over the three days before the clock's start."""
    said = [
        usage(
            occurred_at=at(-71 + number * 1.1),
            product_id=["api", "web", None][number % 3],
            customer_id=[None, "c1", "c2", "é", "Z"][number % 5],
            license_id=[None, "l1"][number % 2],
            order_id=[None, None, "o1", "o2"][number % 4],
            subscription_id=["s1", None][number // 30],
            feature_code=["f1", "f2", None][number % 7 % 3],
            quantity=str(number - 20) if number % 4 else None,
            unit=["call", "GB", None][number % 3],
            charge=str(number) if number % 4 != 1 else None,
            currency=["EUR", "USD"][number // 2 % 2],
        )
        for number in range(60)
    ]
    async with opened(str(request.param), tmp_path_factory.mktemp("totals")) as store:
        account = await store.create_account("acme", START)
        admin, rules = caller(account, Permission.ADMIN), Rules(clock=Clock(START))
        await record(store, admin, said, rules=rules)
        for number in range(1, 60, 7):
            await amend(store, admin, f"evt_1_{number}", {"quantity": "1", "product_id": "web"}, rules=rules, reason="typo")
        for number in range(3, 60, 11):
            await retract(store, admin, f"evt_1_{number}", rules=rules, reason="never happened")
        yield World(store, await live(store, account))


async def test_grouping_by_any_dimensions_splits_the_same_total(world: World) -> None:
    whole = await world.store.groups(Groups(world.scope))
    for size in (1, 2, 3):
        for by in permutations(Dimension, size):
            grouped = await world.store.groups(Groups(world.scope, by=by))
            assert grouped.total == whole.total
            assert len({group.dimensions for group in grouped.groups}) == grouped.group_count == len(grouped.groups)
            assert sum(group.events for group in grouped.groups) == whole.total.events
            for total in whole.total.quantities:
                parts = [each for group in grouped.groups for each in group.quantities if each.unit == total.unit]
                assert sum(part.quantity for part in parts) == total.quantity


async def test_a_group_is_what_its_values_select(world: World) -> None:
    by = (Dimension.PRODUCT, Dimension.CUSTOMER)
    grouped = await world.store.groups(Groups(world.scope, by=by))
    named = [group for group in grouped.groups if None not in group.dimensions]
    assert len(named) == 8
    for group in named:
        product, customer = group.dimensions
        assert product is not None
        assert customer is not None
        selected = await world.store.groups(Groups(world.scope, Filters(product_id=(product,), customer_id=(customer,)), by=by))
        assert selected.groups == [group]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "America/New_York"])
@pytest.mark.parametrize("granularity", Granularity)
async def test_a_bucket_is_what_its_edges_select(world: World, granularity: Granularity, zone: str) -> None:
    period = Period(at(-60.5), at(-3.25))
    buckets = cut(period, granularity, zone)
    grouped = await world.store.groups(Groups(world.scope, Filters(period), buckets=buckets, fill=True))
    assert [group.bucket for group in grouped.groups] == list(buckets.edges[:-1])
    for group, start, end in zip(grouped.groups, buckets.edges, buckets.edges[1:], strict=False):
        within = Period(max(start, at(-60.5)), min(end, at(-3.25)))
        alone = (await world.store.groups(Groups(world.scope, Filters(within)))).total
        alone.bucket = start
        assert group == alone


@pytest.mark.parametrize("granularity", Granularity)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Santiago"])
async def test_an_instant_on_an_edge_belongs_to_the_bucket_that_it_begins(
    store: Store, account: Account, admin: Principal, rules: Rules, granularity: Granularity, zone: str
) -> None:
    # Clocks change in Berlin on 29 March and in Santiago on 5 April: those days are unlike their neighbours.
    period = Period(datetime.fromisoformat("2026-03-28T01:30:00Z"), datetime.fromisoformat("2026-04-05T22:30:00Z"))
    buckets = cut(period, granularity, zone)
    inner = buckets.edges[1:-1][:40]
    moments = [moment for edge in inner for moment in (edge - timedelta.resolution, edge)]
    ahead = Rules(max_future=timedelta(days=400), clock=rules.clock)
    await record(store, admin, [usage(occurred_at=moment) for moment in moments], rules=ahead)

    grouped = await store.groups(Groups(await live(store, account), buckets=buckets))

    # An inner edge begins a bucket, and the instant before it is the last of the bucket before.
    expected = Counter(inner) + Counter(buckets.edges[: len(inner)])
    assert {group.bucket: group.events for group in grouped.groups} == expected


async def test_an_entry_outside_of_all_buckets_is_not_counted(world: World) -> None:
    period = Period(at(-48), at(-24))
    bucketed = await world.store.groups(Groups(world.scope, buckets=cut(period, Granularity.HOUR)))
    assert bucketed.total == (await world.store.groups(Groups(world.scope, Filters(period)))).total


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("measure", Measure)
@pytest.mark.parametrize("backwards", [False, True])
async def test_a_walk_in_pages_meets_every_group_once(world: World, measure: Measure, descending: bool, backwards: bool) -> None:
    period = Period(at(-72), START)
    by = (Dimension.CUSTOMER, Dimension.PRODUCT)
    buckets = cut(period, Granularity.DAY)
    order = GroupOrder(measure, descending)
    whole = await world.store.groups(Groups(world.scope, Filters(period), by, buckets, order))
    met: list[Group] = []
    edge = None
    more = True
    while more:
        question = Groups(
            world.scope,
            Filters(period),
            by,
            buckets,
            order,
            limit=7,
            after=None if backwards else edge,
            before=edge if backwards else None,
            from_end=backwards,
        )
        page = await world.store.groups(question)
        assert (page.total, page.group_count) == (whole.total, whole.group_count)
        assert 0 < len(page.groups) <= 7
        met = [*page.groups, *met] if backwards else [*met, *page.groups]
        edge = place(page.groups[0 if backwards else -1], question)
        more = page.more_before if backwards else page.more_after
    assert met == whole.groups
    assert whole.group_count == 48


async def test_nothing_recorded_is_a_total_of_nothing(store: Store, account: Account) -> None:
    for by in ((), (Dimension.PRODUCT,)):
        grouped = await store.groups(Groups(Scope(account.id, 0), by=by))
        assert (grouped.groups, grouped.total, grouped.group_count) == ([], Group(None, ()), 0)
    period = Period(START, START + timedelta(days=2))
    filled = await store.groups(Groups(Scope(account.id, 0), Filters(period), buckets=cut(period, Granularity.DAY), fill=True))
    assert [group.events for group in filled.groups] == [0, 0, 0]
