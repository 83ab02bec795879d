"""Pages and streams: sequences as cursors, both directions, gapless whatever is recorded meanwhile; heads and counts."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from app.domain.account import Account, Principal, genesis
from app.domain.entry import Entry, EntryKind
from app.ledger.commands import Rules, amend, record
from app.ports import Head, Store
from app.question.filters import Filters
from app.question.rows import Rows
from app.question.scope import Scope
from tests.asking import ledger_of, live
from tests.conftest import Clock
from tests.events import START, activity, at, usage


async def test_the_head_of_an_empty_ledger_is_its_genesis(store: Store, account: Account) -> None:
    assert await store.head(account.id) == Head(0, None, genesis("acme"))


async def test_the_head_is_the_last_entry(store: Store, account: Account, admin: Principal, rules: Rules, clock: Clock) -> None:
    await record(store, admin, [usage()], rules=rules)
    moment = clock.advance(seconds=3)
    await record(store, admin, [usage(), usage()], rules=rules)
    last = (await ledger_of(store, account))[-1]
    assert await store.head(account.id) == Head(3, moment, last.chain)


async def some(store: Store, principal: Principal, rules: Rules, count: int) -> None:
    """So many events, of two customers in turn."""
    await record(store, principal, [usage(customer_id=f"c{number % 2}") for number in range(count)], rules=rules)


@pytest.mark.parametrize(
    "filters", [Filters(), Filters(customer_id=("c1",)), Filters(product_id=("api",)), Filters(source=("default",))]
)
async def test_a_walk_meets_each_entry_once_while_others_record(
    store: Store, account: Account, admin: Principal, rules: Rules, filters: Filters
) -> None:
    await some(store, admin, rules, 20)

    backwards: list[int] = []
    below = None
    while page := await store.rows(Rows(await live(store, account), filters, below=below, limit=3)):
        backwards += [entry.sequence for entry in page]
        below = page[-1].sequence
        await some(store, admin, rules, 2)  # newer than anything on the way back

    forwards: list[int] = []
    above = None
    for _ in range(6):
        page = await store.rows(Rows(await live(store, account), filters, descending=False, above=above, limit=3))
        forwards += [entry.sequence for entry in page]
        above = page[-1].sequence
        await some(store, admin, rules, 2)

    accepted = [entry.sequence for entry in await ledger_of(store, account) if filters.accept(entry)]
    assert backwards == [sequence for sequence in accepted if sequence <= 20][::-1]
    assert forwards == accepted[:18]


async def test_a_page_lies_strictly_between_its_bounds(store: Store, account: Account, admin: Principal, rules: Rules) -> None:
    await some(store, admin, rules, 12)

    async def page(as_of: int = 10, *, descending: bool = False, **bounds: int) -> list[int]:
        found = await store.rows(Rows(Scope(account.id, as_of), descending=descending, **bounds))
        return [entry.sequence for entry in found]

    assert await page() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert await page(above=3, below=7) == [4, 5, 6]
    assert await page(above=3, below=7, descending=True) == [6, 5, 4]
    assert await page(above=3, below=7, limit=2) == [4, 5]
    assert await page(above=3, below=7, limit=2, descending=True) == [6, 5]
    assert await page(above=3, below=4) == []
    assert await page(above=8, below=3) == []
    assert await page(above=10) == []
    assert await page(below=99) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert await page(below=1) == []
    assert await page(above=0, limit=1) == [1]
    assert await page(limit=0) == []
    assert await page(as_of=4, above=2, below=99) == [3, 4]
    assert await page(as_of=99, above=10) == [11, 12]


async def test_a_count_covers_the_scope_whatever_the_page(store: Store, account: Account, admin: Principal, rules: Rules) -> None:
    await some(store, admin, rules, 10)
    await record(store, admin, [activity()], rules=rules, kind=EntryKind.ACTIVITY)
    await amend(store, admin, "evt_1_2", {"quantity": "2"}, rules=rules, reason="typo")
    scope = await live(store, account)

    assert await store.count(Rows(scope)) == 13
    assert await store.count(Rows(scope, above=3, below=7, limit=1)) == 13
    assert await store.count(Rows(scope, kinds=frozenset({EntryKind.USAGE}))) == 12
    assert await store.count(Rows(scope, kinds=frozenset({EntryKind.ACTIVITY}))) == 1
    assert await store.count(Rows(scope, corrections_only=True)) == 2
    assert await store.count(Rows(scope, Filters(customer_id=("c1",)))) == 8
    assert await store.count(Rows(scope, Filters(customer_id=("c1",)), frozenset({EntryKind.USAGE}))) == 7
    assert await store.count(Rows(Scope(account.id, 5))) == 5
    assert await store.count(Rows(Scope(account.id, 0))) == 0


async def test_an_extent_is_of_usage_alone(store: Store, account: Account, admin: Principal, rules: Rules) -> None:
    assert await store.extent(Scope(account.id, 0), Filters()) is None
    await record(store, admin, [activity(occurred_at=at(-99))], rules=rules, kind=EntryKind.ACTIVITY)
    assert await store.extent(Scope(account.id, 1), Filters()) is None
    await record(store, admin, [usage(occurred_at=at(-hours)) for hours in (5, 9, 7)], rules=rules)
    assert await store.extent(Scope(account.id, 4), Filters()) == (at(-9), at(-5))
    assert await store.extent(Scope(account.id, 2), Filters()) == (at(-5), at(-5))
    assert await store.extent(Scope(account.id, 4), Filters(customer_id=("nobody",))) is None


async def test_a_stream_tells_everything_in_bounded_batches(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    await some(store, admin, rules, 2_345)

    for question in (
        Rows(Scope(account.id, 2_300), descending=False),
        Rows(Scope(account.id, 2_300)),
        Rows(Scope(account.id, 2_345), Filters(customer_id=("c1",)), descending=False),
        Rows(Scope(account.id, 2_345), Filters(source=("default",)), limit=1_500),
        Rows(Scope(account.id, 2_345), above=100, below=1_900, limit=1_200, descending=False),
        Rows(Scope(account.id, 0)),
    ):
        batches = [batch async for batch in store.stream(question)]
        assert all(0 < len(batch) <= 1_500 for batch in batches)
        assert [entry for batch in batches for entry in batch] == await store.rows(question)


async def test_a_stream_is_as_of_its_scope_while_others_record(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    await some(store, admin, rules, 2_100)
    told: list[Entry] = []
    async for batch in store.stream(Rows(Scope(account.id, 2_050), descending=False)):
        told += batch
        await record(store, admin, [usage()], rules=rules)
        await amend(store, admin, f"evt_1_{len(told) + 10}", {"quantity": "9"}, rules=rules, reason="meanwhile")
    assert [entry.sequence for entry in told] == list(range(1, 2_051))
    assert [entry.quantity for entry in told] == [1] * 2_050


async def test_a_stream_may_be_left_early(store: Store, account: Account, admin: Principal, rules: Rules) -> None:
    await some(store, admin, rules, 2_100)
    stream = store.stream(Rows(Scope(account.id, 2_100), descending=False))
    async for batch in stream:
        assert batch[0].sequence == 1
        break
    await stream.aclose()  # type: ignore[attr-defined]
    await some(store, admin, rules, 1)
    assert (await store.head(account.id)).sequence == 2_101


async def test_readers_and_writers_at_once_see_whole_batches_only(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    seen: list[int] = []

    async def read() -> None:
        for _ in range(15):
            head = await store.head(account.id)
            entries = await store.rows(Rows(Scope(account.id, head.sequence), descending=False))
            assert [entry.sequence for entry in entries] == list(range(1, head.sequence + 1))
            seen.append(head.sequence)
            await asyncio.sleep(0)

    async def write() -> None:
        for _ in range(10):
            await some(store, admin, rules, 5)

    await asyncio.gather(read(), write(), read())
    assert {sequence % 5 for sequence in seen} == {0}
    assert (await store.head(account.id)).sequence == 50


async def test_accounts_do_not_see_each_other(
    store: Store, account: Account, admin: Principal, stranger: Principal, rules: Rules, clock: Clock
) -> None:
    await some(store, admin, rules, 3)
    clock.advance(seconds=1)
    await some(store, stranger, rules, 5)

    assert (await store.head(account.id)).sequence == 3
    assert [entry.account_id for entry in await ledger_of(store, account)] == [account.id] * 3
    assert [entry.account_id for entry in await ledger_of(store, stranger.account)] == [stranger.account.id] * 5
    assert await store.count(Rows(Scope(account.id, 99))) == 3
    assert await store.sequence_at(account.id, START + timedelta(seconds=1)) == 3
    assert await store.sequence_at(stranger.account.id, START) == 0
