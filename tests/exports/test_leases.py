"""Leases: one worker at a time makes an export, another takes over what was left, and who was overtaken can store nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.domain.account import Principal
from app.domain.export import Export, ExportStatus, Mark
from app.exports.jobs import MOST_LEASES, Worker
from app.exports.leases import Lease, Lost, take
from app.exports.making import keep, make
from app.exports.order import Order, order_of
from app.ledger.commands import Rules
from app.ports import Store, Transaction
from app.storage.files import LocalFiles
from tests.conftest import Clock
from tests.events import START
from tests.exports.test_jobs import LEFT, as_it_stands, names_in
from tests.exports.world import fill, frozen

SPAN = timedelta(seconds=20)


@pytest.fixture
async def export(store: Store, files: LocalFiles, admin: Principal, rules: Rules) -> Export:
    """An export that is left to a worker."""
    await fill(store, admin, rules)
    return await frozen(store, files, admin, rules, patience=LEFT)


async def taken(store: Store, export: Export, worker: str, rules: Rules) -> Lease:
    lease = await take(store, export, worker, rules=rules, lasting=SPAN)
    assert lease is not None
    return lease


async def test_whoever_comes_second_has_to_wait_until_the_lease_is_over(
    store: Store, rules: Rules, clock: Clock, export: Export
) -> None:
    first = await taken(store, export, "w1", rules)
    clock.advance(seconds=19)
    assert await take(store, export, "w2", rules=rules, lasting=SPAN) is None
    assert await as_it_stands(store, export) == first.export
    clock.advance(seconds=1)
    second = await taken(store, export, "w2", rules)

    assert (first.export.status, first.export.worker, first.export.lease, first.export.leased_until) == (
        *(ExportStatus.RUNNING, "w1", 1),
        START + SPAN,
    )
    assert (second.export.worker, second.export.lease, second.export.leased_until) == ("w2", 2, START + 2 * SPAN)
    assert await as_it_stands(store, export) == second.export


async def test_of_many_who_come_at_once_one_has_it(store: Store, rules: Rules, export: Export) -> None:
    found = await asyncio.gather(*(take(store, export, f"w{at}", rules=rules, lasting=SPAN) for at in range(8)))

    (lease,) = [each for each in found if each is not None]
    assert await as_it_stands(store, export) == lease.export


async def test_who_was_overtaken_can_store_nothing(
    store: Store, files: LocalFiles, rules: Rules, clock: Clock, export: Export
) -> None:
    late = await taken(store, export, "w1", rules)
    wanted, opened = order_of(export)
    made = await make(store, files, wanted, opened)
    clock.advance(seconds=20)
    await taken(store, export, "w2", rules)
    before = await as_it_stands(store, export)
    mark = Mark(file="x", size=1, digest=b"", rows=1024, subtrees=b"", sections={}, keys=(), sequence=None, head=1)

    for attempt in (
        late.renew(),
        late.mark(mark),
        late.release(),
        late.fail("tired"),
        keep(store, files, export, made, rules=rules, lease=late),
    ):
        with pytest.raises(Lost):
            await attempt

    assert await as_it_stands(store, export) == before
    assert await store.mark(export.account_id, export.id) is None


async def test_a_lease_is_prolonged_for_as_long_as_the_work_lasts(
    store: Store, files: LocalFiles, rules: Rules, clock: Clock, export: Export, monkeypatch: Any
) -> None:
    parts = Order.parts
    seen: list[Export] = []

    async def slow(order: Order, *given: Any) -> AsyncIterator[tuple[Any, Sequence[Any]]]:
        clock.advance(seconds=15)
        while (await as_it_stands(store, export)).leased_until != clock.now + SPAN:  # noqa: ASYNC110 -- nothing tells it
            await asyncio.sleep(0.01)
        seen.append(await as_it_stands(store, export))
        async for part in parts(order, *given):
            yield part

    monkeypatch.setattr(Order, "parts", slow)
    await Worker(store, files, rules=rules, beat_seconds=0.01).work()

    assert [(each.status, each.lease) for each in seen] == [(ExportStatus.RUNNING, 1)]
    assert (await as_it_stands(store, export)).status is ExportStatus.READY


async def test_work_that_has_become_anothers_is_broken_off(
    store: Store, files: LocalFiles, rules: Rules, export: Export, monkeypatch: Any
) -> None:
    async def overtake(tx: Transaction) -> None:
        await tx.lock()
        current = await tx.export(export.id)
        assert current is not None
        await tx.put_export(replace(current, worker="w2", lease=current.lease + 1))

    async def endless(order: Order, *given: Any) -> AsyncIterator[tuple[Any, Sequence[Any]]]:
        await store.transact(export.account_id, overtake)
        await asyncio.Event().wait()
        yield order.report.sections[0], []

    monkeypatch.setattr(Order, "parts", endless)
    await Worker(store, files, rules=rules, beat_seconds=0.01).work()

    standing = await as_it_stands(store, export)
    assert (standing.status, standing.worker, standing.lease) == (ExportStatus.RUNNING, "w2", 2)
    assert names_in(files) == []


async def test_a_worker_that_ends_lets_go_of_what_it_has(
    store: Store, files: LocalFiles, rules: Rules, export: Export, monkeypatch: Any
) -> None:
    begun = asyncio.Event()

    async def endless(order: Order, *given: Any) -> AsyncIterator[tuple[Any, Sequence[Any]]]:
        begun.set()
        await asyncio.Event().wait()
        yield order.report.sections[0], []

    with monkeypatch.context() as patched:
        patched.setattr(Order, "parts", endless)
        life = asyncio.create_task(Worker(store, files, rules=rules).run())
        await begun.wait()
        life.cancel()
        with suppress(asyncio.CancelledError):
            await life

    left = await as_it_stands(store, export)
    assert (left.status, left.worker, left.leased_until, left.lease) == (ExportStatus.PENDING, None, None, 1)
    assert names_in(files) == []
    await Worker(store, files, rules=rules).work()
    assert (await as_it_stands(store, export)).status is ExportStatus.READY


@pytest.mark.parametrize("engine", ["memory"])
async def test_an_export_that_ends_every_process_is_given_up(
    store: Store, files: LocalFiles, rules: Rules, export: Export
) -> None:
    async def body(tx: Transaction) -> None:
        await tx.put_export(replace(export, lease=MOST_LEASES))

    await store.transact(export.account_id, body)
    await Worker(store, files, rules=rules).work()

    failed = await as_it_stands(store, export)
    assert failed.status is ExportStatus.FAILED
    assert failed.reason == "it was begun 100 times, and the processes that made it ended each time"
