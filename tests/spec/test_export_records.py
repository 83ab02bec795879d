"""What every engine keeps of exports beside the exports: how far unfinished ones are, whose files can go, which are wanted."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from app.domain.account import Account, Principal
from app.domain.export import Export, ExportFilters, ExportStatus, Mark
from app.ports import Store, Transaction
from tests.events import START

EXPORT = Export(
    id="rptx_1",
    account_id=1,
    sequence=1,
    report="usage_ledger",
    format="json",
    parameters={},
    as_of=0,
    recorded_at=None,
    content_type="application/json",
    file_name="usage-ledger-as-of-0.json",
    created_by="key k1",
    created_at=START,
    updated_at=START,
)
MARK = Mark(
    file=".draft-1",
    size=9,
    digest=b"\x00" * 32,
    rows=1024,
    subtrees=b"\xff" * 32,
    sections={"z": 1000, "a": 24},
    keys=("ü", "b"),
    sequence=7,
    head=9,
)


async def put(store: Store, *exports: Export, subtrees: bytes | None = None) -> None:
    for export in exports:

        async def body(tx: Transaction, export: Export = export) -> None:
            await tx.put_export(export, subtrees)

        await store.transact(export.account_id, body)


async def test_a_mark_is_kept_replaced_and_forgotten(store: Store, account: Account, stranger: Principal) -> None:
    for mark in (MARK, replace(MARK, size=18, rows=2048, keys=(), sequence=None), None):

        async def body(tx: Transaction, mark: Mark | None = mark) -> None:
            await tx.put_mark("rptx_1", mark)

        await store.transact(account.id, body)
        assert await store.mark(account.id, "rptx_1") == mark
        assert mark is None or list((await store.mark(account.id, "rptx_1") or MARK).sections) == ["z", "a"]
        assert await store.mark(account.id, "rptx_2") is None
        assert await store.mark(stranger.account.id, "rptx_1") is None


async def test_a_lease_is_kept_with_its_export(store: Store, account: Account) -> None:
    leased = replace(EXPORT, worker="w", lease=3, leased_until=START + timedelta(seconds=9), rows_expected=10)
    await put(store, leased)

    assert await store.export(account.id, EXPORT.id) == leased
    assert leased.leased(START + timedelta(seconds=8))
    assert not leased.leased(START + timedelta(seconds=9))
    assert not EXPORT.leased(START)


async def test_hashes_stay_where_an_export_is_changed_without_any(store: Store, account: Account) -> None:
    await put(store, EXPORT)
    assert await store.subtrees(account.id, EXPORT.id) == b""
    await put(store, EXPORT, subtrees=b"h" * 32)
    await put(store, replace(EXPORT, status=ExportStatus.EXPIRED))
    assert await store.subtrees(account.id, EXPORT.id) == b"h" * 32
    await put(store, EXPORT, subtrees=b"")
    assert await store.subtrees(account.id, EXPORT.id) == b""


async def test_files_can_go_when_their_time_is_over(store: Store, account: Account, stranger: Principal) -> None:
    ready = replace(EXPORT, status=ExportStatus.READY, file="f1")
    old = replace(ready, id="rptx_2", account_id=stranger.account.id, updated_at=START - timedelta(days=2))
    expired = replace(ready, id="rptx_3", sequence=3, status=ExportStatus.EXPIRED, updated_at=START + timedelta(days=1))
    gone = replace(expired, id="rptx_4", sequence=4, file=None)
    await put(store, ready, old, expired, gone, replace(EXPORT, id="rptx_5", sequence=5))

    assert await store.disposable(None) == [expired]
    assert await store.disposable(START - timedelta(days=1)) == [old, expired]
    assert await store.disposable(START) == [old, ready, expired]


async def test_exports_are_found_by_report_format_status_and_creator(store: Store, account: Account) -> None:
    audit = replace(EXPORT, id="rptx_2", sequence=2, report="license_audit", format="csv", status=ExportStatus.FAILED)
    theirs = replace(EXPORT, id="rptx_3", sequence=3, created_by="key k2", format="csv")
    await put(store, EXPORT, audit, theirs)

    async def found(**wanted: tuple[str, ...]) -> list[Export]:
        return await store.exports(account.id, limit=9, filters=ExportFilters(**wanted))

    assert await found() == [theirs, audit, EXPORT]
    assert await found(report=("usage_ledger",)) == [theirs, EXPORT]
    assert await found(format=("csv", "json"), status=("pending",)) == [theirs, EXPORT]
    assert await found(format=("csv",), status=("failed", "ready")) == [audit]
    assert await found(created_by=("key k2",)) == [theirs]
    assert await found(created_by=("key k3",)) == []
    both = ExportFilters(format=("csv",))
    assert await store.exports(account.id, limit=1, descending=False, filters=both) == [audit]
    assert await store.exports(account.id, limit=9, above=2, filters=both) == [theirs]
