"""Downloads: the bytes that were made, to whoever may have them, and each time an entry in the ledger."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
import pytest

from app.domain.account import Account, Permission, Principal
from app.domain.entry import EntryKind
from app.domain.errors import ExportNotReady, NotFound, ScopeDenied, Unavailable
from app.domain.export import Export, ExportStatus
from app.exports.downloads import opened
from app.exports.freeze import Patience
from app.exports.jobs import Worker
from app.exports.order import Order
from app.ledger.commands import Rules
from app.ports import Files, Store
from app.storage.files import LocalFiles
from tests.asking import ledger_of, nothing_written
from tests.conftest import Clock
from tests.exports.world import correct, fill, frozen


@pytest.fixture
async def export(store: Store, files: Files, admin: Principal, rules: Rules) -> Export:
    """An export that is ready."""
    await fill(store, admin, rules)
    return await frozen(store, files, admin, rules, "usage-ledger", "csv")


async def test_the_bytes_are_always_those_that_were_made(
    store: Store, files: Files, admin: Principal, rules: Rules, clock: Clock, export: Export
) -> None:
    async def told() -> tuple[Export, bytes]:
        clock.advance(days=1)
        found, chunks = await opened(store, files, admin, export.id, rules=rules)
        return found, b"".join([chunk async for chunk in chunks])

    first = await told()
    await correct(store, admin, rules)

    assert await told() == first
    assert first[0] == export
    assert f"sha256:{hashlib.sha256(first[1]).hexdigest()}" == export.artifact_digest


async def test_every_download_stands_in_the_ledger_with_the_digests_of_what_was_handed_out(
    store: Store, files: Files, account: Account, caller_with: Any, rules: Rules, export: Export
) -> None:
    before = await ledger_of(store, account)
    for _ in range(2):
        await opened(store, files, caller_with(Permission.REPORT_EXPORT), export.id, rules=rules)

    acts = (await ledger_of(store, account))[len(before) :]

    assert [(each.kind, each.action, each.actor) for each in acts] == [(EntryKind.GATEWAY, "export.downloaded", "key k1")] * 2
    assert orjson.loads(acts[0].record or "") == {
        "kind": "export",
        "id": export.id,
        "digest": export.digest,
        "artifact_digest": export.artifact_digest,
    }


async def test_reading_reports_is_not_enough(
    store: Store, files: Files, account: Account, caller_with: Any, rules: Rules, export: Export
) -> None:
    async with nothing_written(store, account):
        with pytest.raises(ScopeDenied) as refused:
            await opened(store, files, caller_with(Permission.REPORT_READ), export.id, rules=rules)
    assert refused.value.detail == "requires report:export"


async def test_another_accounts_export_is_not_found_like_one_that_never_was(
    store: Store, files: Files, account: Account, stranger: Principal, rules: Rules, export: Export
) -> None:
    words = []
    for export_id in (export.id, "rptx_" + 24 * "0"):
        async with nothing_written(store, account), nothing_written(store, stranger.account):
            with pytest.raises(NotFound) as refused:
                await opened(store, files, stranger, export_id, rules=rules)
        words.append(refused.value.message.replace(export_id, "…"))
    assert words == ["no export …"] * 2


async def test_what_is_still_to_be_made_cannot_be_had_yet(
    store: Store, files: Files, account: Account, admin: Principal, rules: Rules, export: Export
) -> None:
    left = await frozen(store, files, admin, rules, patience=Patience(rows=0, seconds=None))

    async with nothing_written(store, account):
        with pytest.raises(ExportNotReady) as refused:
            await opened(store, files, admin, left.id, rules=rules)

    assert (refused.value.code, refused.value.message) == (
        "EXPORT_NOT_READY",
        f"export {left.id} is pending; its status tells when it is ready",
    )
    await Worker(store, files, rules=rules).work()
    assert (await opened(store, files, admin, left.id, rules=rules))[0].status is ExportStatus.READY


async def test_what_failed_says_why_there_is_nothing_to_have(
    store: Store, files: Files, account: Account, admin: Principal, rules: Rules, export: Export, monkeypatch: Any
) -> None:
    left = await frozen(store, files, admin, rules, patience=Patience(rows=0, seconds=None))

    def refusing(*_: Any) -> Any:
        raise NotFound("no license l9")

    monkeypatch.setattr(Order, "parts", refusing)
    await Worker(store, files, rules=rules).work()

    async with nothing_written(store, account):
        with pytest.raises(ExportNotReady) as refused:
            await opened(store, files, admin, left.id, rules=rules)
    assert (refused.value.message, refused.value.detail) == (f"export {left.id} failed and has no file", "no license l9")


@pytest.mark.parametrize("damage", ["missing", "short"])
async def test_a_file_that_is_not_whole_is_not_handed_out(
    store: Store, files: LocalFiles, account: Account, admin: Principal, rules: Rules, export: Export, damage: str
) -> None:
    path = files.folder / str(export.file)
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1])

    async with nothing_written(store, account):
        with pytest.raises(Unavailable) as refused:
            await opened(store, files, admin, export.id, rules=rules)

    assert refused.value.message == (
        f"the file of export {export.id} is missing or damaged; freeze the report again as of {export.as_of}"
    )
