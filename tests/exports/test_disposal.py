"""How exports end: called off, deleted by hand, deleted by age; the record and its digests stay, and the ledger tells of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from app.bootstrap import opened_services
from app.domain.account import Account, Permission, Principal
from app.domain.errors import Conflict, ExportNotReady, NotFound, ScopeDenied, Unavailable
from app.domain.export import Export, ExportStatus
from app.exports.disposal import cancel, delete, sweep
from app.exports.downloads import opened
from app.exports.jobs import LEASE_SECONDS, Worker
from app.exports.order import Order
from app.ledger.commands import Rules, record
from app.ports import Store
from app.settings import Settings
from app.storage.files import LocalFiles, open_files
from app.storage.sqlite import open_sqlite
from tests.asking import ledger_of, nothing_written
from tests.conftest import Clock
from tests.events import START, at, usage
from tests.exports.test_jobs import LEFT, as_it_stands, names_in
from tests.exports.test_resuming import Killed
from tests.exports.world import fill, frozen

MONTH = timedelta(days=30)


@pytest.fixture
async def export(store: Store, files: LocalFiles, admin: Principal, rules: Rules) -> Export:
    """An export that is ready."""
    await fill(store, admin, rules)
    return await frozen(store, files, admin, rules)


async def acts(store: Store, account: Account) -> list[tuple[str, str | None, Any]]:
    """The gateway's acts with who did them, but for `export.created`."""
    found = await ledger_of(store, account)
    return [
        (each.action, each.actor, orjson.loads(each.record or "")["reason"])
        for each in found
        if each.action.startswith("export.") and each.action != "export.created"
    ]


async def test_what_is_called_off_before_it_is_made_is_never_made(
    store: Store, files: LocalFiles, account: Account, admin: Principal, rules: Rules, clock: Clock, export: Export
) -> None:
    left = await frozen(store, files, admin, rules, patience=LEFT)
    clock.advance(hours=1)

    cancelled = await cancel(store, files, admin, left.id, rules=rules)
    again = await cancel(store, files, admin, left.id, rules=rules)
    await Worker(store, files, rules=rules).work()

    assert cancelled == replace(left, status=ExportStatus.CANCELLED, reason="cancelled by key k1", updated_at=at(1))
    assert cancelled == again == await as_it_stands(store, left)
    assert await acts(store, account) == [("export.cancelled", "key k1", "cancelled by key k1")]
    assert names_in(files) == [export.file]
    with pytest.raises(ExportNotReady) as refused:
        await opened(store, files, admin, left.id, rules=rules)
    assert (refused.value.message, refused.value.detail) == (
        f"export {left.id} is cancelled and has no file",
        "cancelled by key k1",
    )


async def test_what_is_called_off_while_it_is_made_is_broken_off(
    store: Store, files: LocalFiles, admin: Principal, rules: Rules, monkeypatch: Any
) -> None:
    await fill(store, admin, rules)
    left = await frozen(store, files, admin, rules, patience=LEFT)

    async def endless(order: Order, *_: Any) -> AsyncIterator[tuple[Any, Sequence[Any]]]:
        await cancel(store, files, admin, left.id, rules=rules)
        await asyncio.Event().wait()
        yield order.report.sections[0], []

    monkeypatch.setattr(Order, "parts", endless)
    await Worker(store, files, rules=rules, beat_seconds=0.01).work()

    assert (await as_it_stands(store, left)).status is ExportStatus.CANCELLED
    assert names_in(files) == []


@pytest.mark.parametrize("engine", ["memory"])
async def test_what_is_called_off_after_its_worker_was_killed_leaves_no_draft(
    store: Store, files: LocalFiles, admin: Principal, rules: Rules, clock: Clock, monkeypatch: Any
) -> None:
    await record(store, admin, [usage(id=f"n{number}") for number in range(2_100)], rules=rules)
    left = await frozen(store, files, admin, rules, patience=LEFT)

    async def stopping(order: Order, *given: Any) -> AsyncIterator[tuple[Any, Sequence[Any]]]:
        async for part in parts(order, *given):
            if await store.mark(left.account_id, left.id) is not None:
                raise Killed
            yield part

    parts = Order.parts
    with monkeypatch.context() as patched:
        patched.setattr(Order, "parts", stopping)
        with pytest.raises(Killed):
            await Worker(store, files, rules=rules, mark_seconds=0).work()
    mark = await store.mark(left.account_id, left.id)
    assert mark is not None
    assert names_in(files) == [mark.file]

    await cancel(store, files, admin, left.id, rules=rules)
    clock.advance(seconds=LEASE_SECONDS)
    await Worker(store, files, rules=rules).work()

    assert names_in(files) == []
    assert await store.mark(left.account_id, left.id) is None


async def test_a_deleted_file_leaves_the_record_and_the_digests(
    store: Store, files: LocalFiles, account: Account, admin: Principal, rules: Rules, clock: Clock, export: Export
) -> None:
    subtrees = await store.subtrees(account.id, export.id)
    clock.advance(hours=1)

    deleted = await delete(store, files, admin, export.id, rules=rules)

    reason = "its file was deleted by key k1"
    assert deleted == replace(export, status=ExportStatus.EXPIRED, reason=reason, file=None, updated_at=at(1))
    assert deleted == await as_it_stands(store, export) == await delete(store, files, admin, export.id, rules=rules)
    assert await store.subtrees(account.id, export.id) == subtrees
    assert names_in(files) == []
    assert await acts(store, account) == [("export.expired", "key k1", reason)]
    with pytest.raises(ExportNotReady) as refused:
        await opened(store, files, admin, export.id, rules=rules)
    assert (refused.value.message, refused.value.detail) == (f"the file of export {export.id} was deleted", reason)


async def test_files_go_when_they_are_old_and_each_is_told_of_once(
    store: Store,
    files: LocalFiles,
    account: Account,
    admin: Principal,
    stranger: Principal,
    rules: Rules,
    clock: Clock,
    export: Export,
) -> None:
    clock.advance(days=29)
    young = await frozen(store, files, stranger, rules)
    clock.now = START + MONTH
    before = await ledger_of(store, account)
    assert await sweep(store, files, None, rules=rules) == 0
    assert await ledger_of(store, account) == before

    counts = await asyncio.gather(*(sweep(store, files, MONTH, rules=rules) for _ in range(3)))

    gone = await as_it_stands(store, export)
    reason = "files are kept for 30 days; freeze it again as of its asOf"
    assert max(counts) == 1
    assert gone == replace(export, status=ExportStatus.EXPIRED, reason=reason, file=None, updated_at=clock.now)
    assert await as_it_stands(store, young) == young
    assert names_in(files) == [young.file]
    assert await acts(store, account) == [("export.expired", "gateway", reason)]
    assert await sweep(store, files, MONTH, rules=rules) == 0


async def test_a_file_that_could_not_be_deleted_goes_with_the_next_sweep_also_without_retention(
    store: Store, files: LocalFiles, admin: Principal, rules: Rules, export: Export, monkeypatch: Any
) -> None:
    async def stuck(*_: Any) -> None:
        raise Unavailable("the folder of exports' files cannot be used")

    with monkeypatch.context() as patched:
        patched.setattr(LocalFiles, "delete", stuck)
        with pytest.raises(Unavailable):
            await delete(store, files, admin, export.id, rules=rules)
    left = await as_it_stands(store, export)
    assert (left.status, left.file) == (ExportStatus.EXPIRED, export.file)

    assert await sweep(store, files, None, rules=rules) == 1
    assert ((await as_it_stands(store, export)).file, names_in(files)) == (None, [])


Ending = Callable[..., Awaitable[Export]]


@pytest.mark.parametrize("engine", ["memory"])
@pytest.mark.parametrize(
    ("ending", "status", "word"),
    [
        (cancel, ExportStatus.READY, "there is nothing left to cancel"),
        (cancel, ExportStatus.FAILED, "there is nothing left to cancel"),
        (cancel, ExportStatus.EXPIRED, "there is nothing left to cancel"),
        (delete, ExportStatus.PENDING, "cancel it instead"),
        (delete, ExportStatus.RUNNING, "cancel it instead"),
        (delete, ExportStatus.FAILED, "it has no file"),
        (delete, ExportStatus.CANCELLED, "it has no file"),
    ],
)
async def test_what_cannot_end_so_is_refused_and_stays(
    store: Store,
    files: LocalFiles,
    account: Account,
    admin: Principal,
    rules: Rules,
    ending: Ending,
    status: ExportStatus,
    word: str,
) -> None:
    export = replace(await frozen(store, files, admin, rules), status=status)

    async def body(tx: Any) -> None:
        await tx.put_export(export)

    await store.transact(account.id, body)
    async with nothing_written(store, account):
        with pytest.raises(Conflict) as refused:
            await ending(store, files, admin, export.id, rules=rules)
    assert refused.value.message == f"export {export.id} is {status.value}: {word}"
    assert await as_it_stands(store, export) == export


@pytest.mark.parametrize("ending", [cancel, delete])
async def test_only_who_may_export_can_end_exports_and_only_the_own(
    store: Store,
    files: LocalFiles,
    account: Account,
    caller_with: Any,
    stranger: Principal,
    rules: Rules,
    export: Export,
    ending: Ending,
) -> None:
    async with nothing_written(store, account), nothing_written(store, stranger.account):
        with pytest.raises(NotFound):
            await ending(store, files, stranger, export.id, rules=rules)
        with pytest.raises(ScopeDenied):
            await ending(store, files, caller_with(Permission.REPORT_READ), export.id, rules=rules)
    assert await as_it_stands(store, export) == export


async def test_a_server_deletes_files_by_its_settings(tmp_path: Path, rules: Rules) -> None:
    store = await open_sqlite(tmp_path / "gateway.db")
    admin = Principal(await store.create_account("acme", START), "k1", frozenset({"admin"}))
    old = await frozen(store, await open_files(tmp_path / "artifacts"), admin, rules)
    new = await frozen(store, await open_files(tmp_path / "artifacts"), admin, Rules())
    await store.close()

    settings = Settings(database_url=f"sqlite:///{tmp_path / 'gateway.db'}", export_retention_days=1)
    async with opened_services(settings) as services:
        while (await as_it_stands(services.store, old)).file is not None:  # noqa: ASYNC110 -- nothing tells it
            await asyncio.sleep(0.01)
        gone = await as_it_stands(services.store, old)
        assert (gone.status, gone.reason) == (ExportStatus.EXPIRED, "files are kept for a day; freeze it again as of its asOf")
        assert await as_it_stands(services.store, new) == new
    assert [each.name for each in (tmp_path / "artifacts").iterdir()] == [new.file]
