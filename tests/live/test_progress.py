"""Following an export while it is made: every change is told, one reader serves all, and the end is the end."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from app.domain.account import Account
from app.domain.errors import Unauthenticated
from app.domain.export import Export, ExportStatus
from app.live import progress
from app.live.progress import Progress
from app.live.watch import Watch
from app.ports import Store, Transaction
from tests.exports.world import put


async def admitted() -> None:
    """A token that stays good."""


async def change(store: Store, account: Account, **changes: Any) -> Export:
    export = await store.export(account.id, "rptx_1")
    assert export is not None
    changed = replace(export, **changes)

    async def body(tx: Transaction) -> None:
        await tx.lock()
        await tx.put_export(changed)

    await store.transact(account.id, body)
    return changed


async def test_fifty_followers_see_every_state_and_cost_one_reader(
    store: Store, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "POLL_SECONDS", 0.02)
    await put(store, account, "rptx_1")
    pending = await store.export(account.id, "rptx_1")
    assert pending is not None
    asked, reads = store.export, 0

    async def counted(account_id: int, export_id: str) -> Export | None:
        nonlocal reads
        reads += 1
        return await asked(account_id, export_id)

    monkeypatch.setattr(store, "export", counted)
    following = Progress(store)
    told: list[list[Export]] = [[] for _ in range(50)]

    async def follow(into: list[Export]) -> None:
        async for each in following.follow(pending, Watch(admitted)):
            into.append(each)

    async def all_have(count: int) -> None:
        while any(len(each) < count for each in told):  # noqa: ASYNC110 -- fifty lists that grow
            await asyncio.sleep(0.01)

    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        for each in told:
            tasks.create_task(follow(each))
        await all_have(1)
        begun = reads
        running = await change(store, account, status=ExportStatus.RUNNING, rows=7)
        await all_have(2)
        more = await change(store, account, rows=9)
        await all_have(3)
        polls = reads - begun
        ready = await change(store, account, status=ExportStatus.FAILED, reason="no")
    assert told == [[pending, running, more, ready]] * 50
    assert polls < 50  # of fifty followers, each reading for itself, there would be fifty for every change
    assert following._followed == {}


async def test_what_is_finished_is_told_once(store: Store, account: Account) -> None:
    await put(store, account, "rptx_1")
    done = await change(store, account, status=ExportStatus.EXPIRED)
    assert [each async for each in Progress(store).follow(done, Watch(admitted))] == [done]


async def test_a_follower_whose_token_ends_is_told_so(store: Store, account: Account) -> None:
    async def refused() -> None:
        raise Unauthenticated("the token was revoked")

    await put(store, account, "rptx_1")
    pending = await store.export(account.id, "rptx_1")
    assert pending is not None
    follower = Progress(store).follow(pending, Watch(refused, seconds=0.05))
    assert await anext(follower) == pending
    with pytest.raises(Unauthenticated):
        async with asyncio.timeout(30):
            await anext(follower)
