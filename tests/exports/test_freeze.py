"""Freezing: everything is checked first, then the export and its entry are recorded as one."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from app.domain.account import Account, Permission, Principal
from app.domain.entry import EntryKind
from app.domain.errors import GatewayError, InvalidEvent, NotFound, ScopeDenied, Unavailable
from app.domain.export import ExportStatus
from app.exports.freeze import Patience, create
from app.ledger.commands import Rules, record
from app.ports import Files, Store
from app.storage.files import LocalFiles
from tests.asking import ledger_of, nothing_written
from tests.conftest import ENGINES, Clock, caller, open_engine
from tests.events import START, at, usage
from tests.exports.world import ASKED, content, correct, fill, frozen


@pytest.fixture
async def filled(store: Store, admin: Principal, rules: Rules) -> int:
    """The ledger has something in it. Gives its end."""
    await fill(store, admin, rules)
    return (await store.head(admin.account.id)).sequence


async def left_in(store: Store, account: Account, files: LocalFiles) -> tuple[list[Any], list[str]]:
    """The exports and the files that there are."""
    return await store.exports(account.id, limit=10), [each.name for each in files.folder.iterdir()]


async def test_what_is_short_is_ready_in_the_answer(
    store: Store, files: Files, account: Account, admin: Principal, rules: Rules, filled: int
) -> None:
    export = await frozen(store, files, admin, rules, "usage-ledger", "csv", {"customer_id": ["c1"]})

    assert (export.status, export.report, export.format, export.as_of) == (ExportStatus.READY, "usage_ledger", "csv", filled)
    assert (export.rows, export.sections) == (2, {"entries": 2})
    assert (export.content_type, export.file_name) == ("text/csv", "usage-ledger-as-of-6.csv")
    assert (export.parameters, export.created_by) == ({"customer_id": ("c1",)}, "key k1")
    assert (export.created_at, export.updated_at, export.recorded_at) == (START, START, START)
    assert export.id.startswith("rptx_")
    assert export.size == len(await content(files, export))
    assert await store.export(account.id, export.id) == export
    assert await store.unfinished() == []


async def test_the_export_and_the_entry_that_tells_of_it_are_one(
    store: Store, files: Files, account: Account, admin: Principal, rules: Rules, filled: int
) -> None:
    export = await frozen(store, files, admin, rules, "usage-ledger", "json", {"customer_id": ["c1"]})

    *_, entry = await ledger_of(store, account)

    assert (entry.sequence, entry.kind, entry.action, entry.source) == (
        filled + 1,
        EntryKind.GATEWAY,
        "export.created",
        "gateway",
    )
    assert (export.sequence, entry.actor) == (filled + 1, "key k1")
    assert orjson.loads(entry.record or "") == {
        "kind": "export",
        "id": export.id,
        "report": "usage_ledger",
        "format": "json",
        "as_of": filled,
        "parameters": {"customer_id": ["c1"]},
    }


async def test_json_is_made_where_no_format_is_named(store: Store, files: Files, admin: Principal, rules: Rules) -> None:
    export = await create(store, files, admin, "usage_summary", rules=rules)
    assert (export.format, export.content_type, export.report) == ("json", "application/json", "usage_summary")


@pytest.mark.parametrize("kind", ASKED)
async def test_the_digest_is_the_same_in_every_format(
    store: Store, files: Files, admin: Principal, rules: Rules, filled: int, kind: str
) -> None:
    exports = [await frozen(store, files, admin, rules, kind, format, as_of=filled) for format in ("json", "csv")]

    assert exports[0].digest == exports[1].digest
    assert exports[0].artifact_digest != exports[1].artifact_digest
    assert exports[0].sections == exports[1].sections


@pytest.mark.parametrize("format", ["json", "csv"])
@pytest.mark.parametrize("kind", ASKED)
async def test_digests_and_bytes_are_the_same_on_every_engine(tmp_path: Any, rules: Rules, kind: str, format: str) -> None:
    made = []
    for engine in ENGINES:
        store = await open_engine(engine, tmp_path)
        files = LocalFiles(tmp_path)
        principal = caller(await store.create_account("acme", START), Permission.ADMIN)
        await fill(store, principal, rules)
        export = await frozen(store, files, principal, rules, kind, format)
        made.append((export.digest, export.artifact_digest, await content(files, export)))
        await store.close()

    assert len(made) > 1
    assert all(each == made[0] for each in made)


@pytest.mark.parametrize("format", ["json", "csv"])
@pytest.mark.parametrize("kind", ASKED)
async def test_made_twice_it_has_the_same_bytes_also_after_corrections(
    store: Store, files: Files, admin: Principal, rules: Rules, clock: Clock, filled: int, kind: str, format: str
) -> None:
    before = await frozen(store, files, admin, rules, kind, format)
    clock.advance(hours=1)
    await correct(store, admin, rules)

    again = await frozen(store, files, admin, rules, kind, format, as_of=filled)
    now = await frozen(store, files, admin, rules, kind, format)

    assert await content(files, again) == await content(files, before)
    assert (again.digest, again.artifact_digest) == (before.digest, before.artifact_digest)
    assert again.id != before.id
    assert now.digest != before.digest


async def test_as_of_may_be_an_instant_of_recording(
    store: Store, files: Files, admin: Principal, rules: Rules, clock: Clock, filled: int
) -> None:
    clock.advance(hours=1)
    await correct(store, admin, rules)
    assert (await frozen(store, files, admin, rules, as_of=at(0.5))).as_of == filled


@pytest.mark.parametrize(
    ("stated", "field"),
    [
        ({"kind": "usage"}, "report_kind"),
        ({"kind": "activities"}, "report_kind"),
        ({"format": "docx"}, "format"),
        ({"parameters": {"limit": ["5"]}}, "filters.limit"),
        ({"parameters": {"from": ["yesterday"]}}, "filters.from"),
        ({"parameters": {"from": ["2026-02-01"], "to": ["2026-01-01"]}}, "filters.from"),
        ({"parameters": {"customer_id": [""]}}, "filters.customer_id"),
        ({"parameters": {"customer_id": []}}, "filters.customer_id"),
        ({"kind": "usage-summary", "parameters": {"unit": ["a\0b"]}}, "filters.unit"),
        ({"kind": "usage-summary", "parameters": {"unit": ["\ud800"]}}, "filters.unit"),
        ({"kind": "license-audit", "parameters": {}}, "filters.license_id"),
        ({"kind": "license-audit", "parameters": {"license_id": ["l1", "l2"]}}, "filters.license_id"),
        ({"kind": "subscription-settlement", "parameters": {}}, "filters.subscription_id"),
        ({"as_of": 99}, "filters.as_of"),
        ({"as_of": at(10**6)}, "filters.as_of"),
    ],
)
async def test_what_cannot_be_frozen_is_refused_by_name_with_nothing_recorded(
    store: Store, files: LocalFiles, account: Account, admin: Principal, rules: Rules, filled: int, stated: Any, field: str
) -> None:
    async with nothing_written(store, account):
        with pytest.raises(InvalidEvent) as refused:
            await frozen(store, files, admin, rules, **({"parameters": {}} | stated))

    assert (refused.value.code, refused.value.field) == ("VALIDATION_ERROR", field)
    assert await left_in(store, account, files) == ([], [])


async def test_a_question_that_only_its_answer_finds_wrong_is_refused_too(
    store: Store, files: LocalFiles, account: Account, admin: Principal, rules: Rules, filled: int
) -> None:
    asked = {"from": ["2000-01-01"], "to": ["2026-01-01"], "bucket": ["hour"]}
    async with nothing_written(store, account):
        with pytest.raises(InvalidEvent) as refused:
            await frozen(store, files, admin, rules, "usage-summary", "json", asked)

    assert (refused.value.field, "25,000 buckets" in refused.value.reason) == ("filters.bucket", True)
    assert await left_in(store, account, files) == ([], [])


@pytest.mark.parametrize("format", ["json", "csv"])
async def test_a_subject_that_the_account_does_not_know_is_not_found(
    store: Store, files: LocalFiles, account: Account, admin: Principal, stranger: Principal, rules: Rules, format: str
) -> None:
    await record(store, stranger, [usage(license_id="theirs")], rules=rules)
    async with nothing_written(store, account):
        with pytest.raises(NotFound):
            await frozen(store, files, admin, rules, "license-audit", format, {"license_id": ["theirs"]})

    assert await left_in(store, account, files) == ([], [])


async def test_reading_reports_is_not_enough_to_freeze_one(
    store: Store, files: LocalFiles, account: Account, caller_with: Any, rules: Rules, filled: int
) -> None:
    everything_else = [each for each in Permission if each not in (Permission.REPORT_EXPORT, Permission.ADMIN)]
    async with nothing_written(store, account):
        with pytest.raises(ScopeDenied) as refused:
            await frozen(store, files, caller_with(*everything_else), rules)

    assert refused.value.detail == "requires report:export"
    assert await left_in(store, account, files) == ([], [])
    assert (await frozen(store, files, caller_with(Permission.REPORT_EXPORT), rules)).status is ExportStatus.READY


async def test_what_is_long_is_left_to_a_worker_that_is_told(
    store: Store, files: LocalFiles, account: Account, admin: Principal, rules: Rules, filled: int
) -> None:
    told: list[bool] = []
    for format in ("json", "csv"):
        stated = {"patience": Patience(rows=3, seconds=None), "notify": lambda: told.append(True)}
        export = await frozen(store, files, admin, rules, "usage-ledger", format, **stated)
        assert (export.status, export.rows, export.digest, export.file) == (ExportStatus.PENDING, 0, None, None)
        assert export in await store.unfinished()

    assert told == [True, True]
    assert [each.name for each in files.folder.iterdir()] == []
    assert [entry.action for entry in await ledger_of(store, account)][filled:] == ["export.created"] * 2


async def test_what_takes_too_long_is_left_to_a_worker_as_well(
    store: Store, files: LocalFiles, admin: Principal, rules: Rules, filled: int
) -> None:
    export = await frozen(store, files, admin, rules, patience=Patience(rows=None, seconds=0))

    assert export.status is ExportStatus.PENDING
    assert [each.name for each in files.folder.iterdir()] == []


async def test_where_nothing_can_be_written_nothing_is_recorded(
    store: Store, files: LocalFiles, account: Account, admin: Principal, rules: Rules, filled: int
) -> None:
    files.folder.rmdir()
    async with nothing_written(store, account):
        with pytest.raises(Unavailable):
            await frozen(store, files, admin, rules)
    assert await store.exports(account.id, limit=10) == []


async def test_an_act_that_cannot_be_recorded_leaves_no_file(
    store: Store, files: LocalFiles, account: Account, admin: Principal, rules: Rules, filled: int, monkeypatch: Any
) -> None:
    async def busy(*_: Any) -> None:
        raise Unavailable("the store is busy")

    with monkeypatch.context() as patched:
        patched.setattr(store, "transact", busy)
        with pytest.raises(GatewayError):
            await frozen(store, files, admin, rules)

    assert await left_in(store, account, files) == ([], [])


async def test_a_file_that_cannot_appear_just_now_is_made_again_by_a_worker(
    store: Store, files: LocalFiles, account: Account, admin: Principal, rules: Rules, filled: int, monkeypatch: Any
) -> None:
    async def full(*_: Any) -> None:
        raise Unavailable("there is no room left for files of exports")

    with monkeypatch.context() as patched:
        patched.setattr("app.storage.files.LocalDraft.keep", full)
        export = await frozen(store, files, admin, rules)

    assert export.status is ExportStatus.PENDING
    assert await left_in(store, account, files) == ([export], [])


async def test_an_empty_ledger_can_be_frozen(store: Store, files: Files, admin: Principal, rules: Rules) -> None:
    export = await frozen(store, files, admin, rules)

    assert (export.as_of, export.rows, export.recorded_at, export.sequence) == (0, 0, None, 1)
    assert export.digest == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
