"""The worker: makes what was left to it, begins again what was interrupted, and says of what cannot be made why."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest
import structlog

from app.domain.account import Account, Principal
from app.domain.errors import NotFound, Unavailable
from app.domain.export import Export, ExportStatus
from app.exports import jobs, making
from app.exports.freeze import Patience
from app.exports.jobs import LEASE_SECONDS, MOST_ATTEMPTS, Worker
from app.exports.order import Order
from app.ledger.commands import Rules, record
from app.ledger.erasure import erase
from app.ports import Store, Transaction
from app.storage.files import LocalDraft, LocalFiles, open_files
from tests.conftest import Clock, open_engine
from tests.events import START, at, usage
from tests.exports.world import ASKED, content, correct, fill, frozen

LEFT = Patience(rows=0, seconds=None)


@pytest.fixture
async def filled(store: Store, admin: Principal, rules: Rules) -> None:
    """The ledger has something in it."""
    await fill(store, admin, rules)


@pytest.fixture
def worker(store: Store, files: LocalFiles, rules: Rules) -> Worker:
    """A worker that stores where it is as often as it can."""
    return Worker(store, files, rules=rules, beat_seconds=0.01, mark_seconds=0)


async def as_it_stands(store: Store, export: Export) -> Export:
    found = await store.export(export.account_id, export.id)
    assert found is not None
    return found


def names_in(files: LocalFiles) -> list[str]:
    return sorted(each.name for each in files.folder.iterdir())


@pytest.mark.parametrize("format", ["json", "csv"])
@pytest.mark.parametrize("kind", ASKED)
async def test_what_a_worker_makes_is_what_would_have_been_made_at_once(
    store: Store, files: LocalFiles, admin: Principal, rules: Rules, filled: None, worker: Worker, kind: str, format: str
) -> None:
    at_once = await frozen(store, files, admin, rules, kind, format)
    left = await frozen(store, files, admin, rules, kind, format, as_of=at_once.as_of, patience=LEFT)
    await correct(store, admin, rules)

    await worker.work()

    made = await as_it_stands(store, left)
    assert (left.status, made.status) == (ExportStatus.PENDING, ExportStatus.READY)
    assert (made.digest, made.artifact_digest) == (at_once.digest, at_once.artifact_digest)
    assert (made.rows, made.sections, made.size) == (at_once.rows, at_once.sections, at_once.size)
    assert await content(files, made) == await content(files, at_once)
    assert await store.unfinished() == []


async def test_exports_of_every_account_are_made_the_oldest_first(
    store: Store, files: LocalFiles, admin: Principal, stranger: Principal, rules: Rules, clock: Clock, worker: Worker
) -> None:
    exports = []
    for principal in (admin, stranger, admin):
        clock.advance(minutes=1)
        exports.append(await frozen(store, files, principal, rules, patience=Patience(rows=None, seconds=0)))
    assert await store.unfinished() == exports

    with structlog.testing.capture_logs() as lines:
        await worker.work()

    assert [line["export"] for line in lines if line["event"] == "export is ready"] == [each.id for each in exports]


async def test_how_far_it_is_can_be_seen_meanwhile(
    store: Store, files: LocalFiles, admin: Principal, rules: Rules, clock: Clock, filled: None, worker: Worker, monkeypatch: Any
) -> None:
    export = await frozen(store, files, admin, rules, patience=LEFT)
    clock.advance(minutes=5)
    seen = []

    async def looking(*given: Any, progress: making.Progress, **named: Any) -> making.Made:
        seen.append(await as_it_stands(store, export))
        await progress(3)
        while (now := await as_it_stands(store, export)).rows != 3:  # noqa: ASYNC110 -- nothing tells it
            await asyncio.sleep(0.01)
        seen.append(now)
        return await making.make(*given, progress=progress, **named)

    monkeypatch.setattr(jobs, "make", looking)
    await worker.work()

    assert [(each.status, each.rows, each.rows_expected, each.updated_at) for each in seen] == [
        (ExportStatus.RUNNING, 0, 4, at(5 / 60)),
        (ExportStatus.RUNNING, 3, 4, at(5 / 60)),
    ]
    made = await as_it_stands(store, export)
    assert (made.rows, made.rows_expected) == (4, 4)


async def test_what_a_crash_interrupted_is_begun_again_after_a_restart(
    store: Store,
    files: LocalFiles,
    admin: Principal,
    rules: Rules,
    clock: Clock,
    filled: None,
    worker: Worker,
    monkeypatch: Any,
) -> None:
    whole = await frozen(store, files, admin, rules)
    export = await frozen(store, files, admin, rules, as_of=whole.as_of, patience=LEFT)

    with monkeypatch.context() as patched:

        async def power_cut(draft: LocalDraft, name: str) -> None:
            """The draft is whole and lies aside; it never comes to the renaming, nor to any tidying up."""
            patched.setattr(draft, "drop", draft._file.close)
            raise KeyboardInterrupt

        patched.setattr(LocalDraft, "keep", power_cut)
        patched.setattr(worker, "_beat_seconds", 3_600)
        with pytest.raises(KeyboardInterrupt):
            await worker.work()

    interrupted = await as_it_stands(store, export)
    assert (interrupted.status, interrupted.file, interrupted.digest) == (ExportStatus.RUNNING, None, None)
    aside, visible = names_in(files)
    assert (aside.startswith(".draft-"), visible) == (True, whole.file)

    again = await open_files(files.folder)
    await Worker(store, again, rules=rules).work()
    # How far it came may still have been told by the one that was interrupted.
    assert replace(await as_it_stands(store, export), rows=interrupted.rows) == interrupted
    clock.advance(seconds=LEASE_SECONDS)
    await Worker(store, again, rules=rules).work()

    made = await as_it_stands(store, export)
    assert (made.status, made.digest, made.artifact_digest) == (ExportStatus.READY, whole.digest, whole.artifact_digest)
    assert await content(again, made) == await content(again, whole)


async def test_a_crash_after_the_file_appeared_costs_nothing_but_time(
    store: Store,
    files: LocalFiles,
    admin: Principal,
    rules: Rules,
    clock: Clock,
    filled: None,
    worker: Worker,
    monkeypatch: Any,
) -> None:
    export = await frozen(store, files, admin, rules, patience=LEFT)
    kept = LocalDraft.keep

    async def kept_and_cut(draft: LocalDraft, name: str) -> None:
        await kept(draft, name)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(LocalDraft, "keep", kept_and_cut)
        patched.setattr(worker, "_beat_seconds", 3_600)  # a killed process prolongs nothing, and a beat under way would
        with pytest.raises(KeyboardInterrupt):
            await worker.work()
    (orphan,) = names_in(files)
    assert (await as_it_stands(store, export)).status is ExportStatus.RUNNING

    clock.advance(seconds=LEASE_SECONDS)
    await worker.work()

    made = await as_it_stands(store, export)
    assert (made.status, made.file) == (ExportStatus.READY, orphan)
    assert names_in(files) == [orphan]


async def test_two_processes_share_what_there_is_and_make_each_export_once(tmp_path: Any, rules: Rules, filler: Any) -> None:
    first, second = [await open_engine("sqlite", tmp_path) for _ in range(2)]
    files = await open_files(tmp_path / "artifacts")
    admin = await filler(first)
    exports = [await frozen(first, files, admin, rules, kind, patience=LEFT) for kind in ASKED]

    await asyncio.gather(*(Worker(store, files, rules=rules).work() for store in (first, second)))

    made = [await as_it_stands(second, export) for export in exports]
    assert [(each.status, each.lease) for each in made] == [(ExportStatus.READY, 1)] * len(ASKED)
    for each in made:
        assert f"sha256:{hashlib.sha256(await content(files, each)).hexdigest()}" == each.artifact_digest
    assert names_in(files) == sorted(str(each.file) for each in made)
    await first.close()
    await second.close()


async def test_of_two_that_differ_the_first_to_finish_is_believed(
    store: Store, files: LocalFiles, admin: Principal, rules: Rules, clock: Clock, monkeypatch: Any
) -> None:
    await record(store, admin, [usage(id="1", message="call me")], rules=rules)
    export = await frozen(store, files, admin, rules, patience=LEFT)

    async def overtaken(*given: Any, **named: Any) -> making.Made:
        made = await making.make(*given, **named)
        monkeypatch.undo()
        # While this one was held up, a text was erased, and another process began later and finished first.
        clock.advance(seconds=LEASE_SECONDS)
        await erase(store, admin, "act_1_1", rules=rules)
        await Worker(store, files, rules=rules).work()
        return made

    monkeypatch.setattr(jobs, "make", overtaken)
    await Worker(store, files, rules=rules).work()

    made = await as_it_stands(store, export)
    assert b"call me" not in await content(files, made)
    assert names_in(files) == [made.file]


@pytest.mark.parametrize("erased", [False, True])
async def test_what_is_recorded_while_a_file_appears_is_looked_through_for_erasures_and_delays_nothing(
    store: Store, files: LocalFiles, admin: Principal, rules: Rules, monkeypatch: Any, erased: bool
) -> None:
    await record(store, admin, [usage(id="1", message="call me")], rules=rules)
    export = await frozen(store, files, admin, rules, patience=LEFT)
    transact, batches = store.transact, iter(range(10))

    async def busily(account_id: int, body: Any) -> Any:
        """Each time that the worker wants to say that the export is ready, a large batch is recorded before it."""
        if "keep" in body.__qualname__:
            number = next(batches)
            items = [usage(id=f"{number}-{at}") for at in range(1_001)]
            monkeypatch.setattr(store, "transact", transact)
            await record(store, admin, items, rules=rules)
            if erased:
                await erase(store, admin, "act_1_1", rules=rules)
            monkeypatch.setattr(store, "transact", busily)
        return await transact(account_id, body)

    monkeypatch.setattr(store, "transact", busily)
    await Worker(store, files, rules=rules).work()

    made = await as_it_stands(store, export)
    if not erased:
        assert (made.status, made.lease, next(batches)) == (ExportStatus.READY, 1, 4)
        assert names_in(files) == [made.file]
        return
    assert (made.status, names_in(files)) == (ExportStatus.PENDING, [])
    monkeypatch.undo()
    await Worker(store, files, rules=rules).work()
    assert b"call me" not in await content(files, await as_it_stands(store, export))


async def test_a_store_that_is_away_is_tried_again_and_then_the_reason_is_told(
    store: Store, files: LocalFiles, admin: Principal, rules: Rules, filled: None, worker: Worker, monkeypatch: Any
) -> None:
    export = await frozen(store, files, admin, rules, patience=LEFT)

    async def full(*_: Any) -> None:
        raise Unavailable("there is no room left for files of exports")

    monkeypatch.setattr(LocalFiles, "create", full)
    states = []
    for _ in range(MOST_ATTEMPTS):
        await worker.work()
        states.append((await as_it_stands(store, export)).status)

    assert states == [ExportStatus.PENDING] * (MOST_ATTEMPTS - 1) + [ExportStatus.FAILED]
    failed = await as_it_stands(store, export)
    assert failed.reason == "there is no room left for files of exports; ask for it again once that is put right"
    assert (failed.digest, failed.file, names_in(files)) == (None, None, [])
    assert await store.unfinished() == []


async def test_a_fault_that_comes_and_goes_ends_in_a_whole_export(
    store: Store, files: LocalFiles, admin: Principal, rules: Rules, filled: None, worker: Worker, monkeypatch: Any
) -> None:
    export = await frozen(store, files, admin, rules, patience=LEFT)

    async def full(*_: Any) -> None:
        raise Unavailable("there is no room left for files of exports")

    with monkeypatch.context() as patched:
        patched.setattr(LocalDraft, "write", full)
        await worker.work()
    await worker.work()

    assert (await as_it_stands(store, export)).status is ExportStatus.READY
    assert len(names_in(files)) == 1


async def test_what_the_report_itself_refuses_is_told_in_its_own_words(
    store: Store, files: LocalFiles, admin: Principal, rules: Rules, filled: None, worker: Worker, monkeypatch: Any
) -> None:
    export = await frozen(store, files, admin, rules, patience=LEFT)

    def refusing(*_: Any) -> Any:
        raise NotFound("no license l9")

    monkeypatch.setattr(Order, "parts", refusing)
    await worker.work()

    failed = await as_it_stands(store, export)
    assert (failed.status, failed.reason) == (ExportStatus.FAILED, "no license l9")


async def test_a_fault_of_our_own_is_masked_and_logged(
    store: Store, files: LocalFiles, admin: Principal, rules: Rules, filled: None, worker: Worker, monkeypatch: Any
) -> None:
    export = await frozen(store, files, admin, rules, patience=LEFT)
    next_one = await frozen(store, files, admin, rules, "customer-summary", patience=LEFT)

    async def broken(order: Order, *_: Any) -> AsyncIterator[tuple[Any, Sequence[Any]]]:
        if order.report.name == "usage_ledger":
            yield order.report.sections[0], []
            raise ZeroDivisionError("secret of the house")
        async for part in parts(order, *_):
            yield part

    parts = Order.parts
    monkeypatch.setattr(Order, "parts", broken)
    with structlog.testing.capture_logs() as lines:
        await worker.work()

    failed = await as_it_stands(store, export)
    assert (failed.status, failed.reason) == (
        ExportStatus.FAILED,
        f"the gateway failed to make it; its log tells why, under {export.id}",
    )
    (line,) = [each for each in lines if each["log_level"] == "error"]
    assert (line["event"], line["export"], line["exc_info"]) == ("export failed", export.id, True)
    assert (await as_it_stands(store, next_one)).status is ExportStatus.READY


async def test_an_export_that_this_version_does_not_know_fails_and_says_so(
    store: Store, files: LocalFiles, account: Account, admin: Principal, rules: Rules, filled: None, worker: Worker
) -> None:
    export = await frozen(store, files, admin, rules, patience=LEFT)

    async def body(tx: Transaction) -> None:
        await tx.put_export(replace(export, report="horoscope"))

    await store.transact(account.id, body)
    await worker.work()

    failed = await as_it_stands(store, export)
    assert failed.status is ExportStatus.FAILED
    assert (failed.reason or "").startswith("report_kind: is not a report that can be exported; these are: ")


@asynccontextmanager
async def running(worker: Worker) -> AsyncIterator[asyncio.Task[None]]:
    """The worker's whole life, ended at the end of the block."""
    task = asyncio.create_task(worker.run())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_running_worker_wakes_when_told_and_ends_when_cancelled(
    store: Store, files: LocalFiles, admin: Principal, rules: Rules, filled: None, worker: Worker, ready: asyncio.Event
) -> None:
    async with running(worker) as task:
        await asyncio.sleep(0)
        export = await frozen(store, files, admin, rules, patience=LEFT, notify=worker.notify)
        await ready.wait()

    assert (await as_it_stands(store, export)).status is ExportStatus.READY
    assert task.cancelled()


async def test_a_worker_outlives_a_store_that_cannot_be_asked(
    store: Store,
    files: LocalFiles,
    admin: Principal,
    rules: Rules,
    filled: None,
    worker: Worker,
    ready: asyncio.Event,
    monkeypatch: Any,
) -> None:
    asked = asyncio.Event()

    async def away() -> list[Export]:
        asked.set()
        raise Unavailable("the store is busy")

    async with running(worker):
        with monkeypatch.context() as patched:
            patched.setattr(store, "unfinished", away)
            await asked.wait()
        export = await frozen(store, files, admin, rules, patience=LEFT, notify=worker.notify)
        await ready.wait()

    assert (await as_it_stands(store, export)).status is ExportStatus.READY


@pytest.fixture
def ready(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set once a worker has made an export."""
    done = asyncio.Event()

    async def telling(*given: Any, **named: Any) -> Export:
        export = await making.keep(*given, **named)
        done.set()
        return export

    monkeypatch.setattr(jobs, "keep", telling)
    return done


@pytest.fixture
def filler(rules: Rules) -> Any:
    """Makes and fills the account `acme` in a store that a test opened itself."""

    async def filling(store: Store) -> Principal:
        principal = Principal(await store.create_account("acme", START), "k1", frozenset({"admin"}))
        await fill(store, principal, rules)
        return principal

    return filling
