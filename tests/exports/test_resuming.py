"""Going on after a kill: at the last whole block, with the same bytes and digests in the end, or anew where that cannot be."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.account import Principal
from app.domain.export import Export, ExportStatus
from app.exports.digest import SUBTREE_ROWS
from app.exports.jobs import LEASE_SECONDS, Worker
from app.exports.making import make
from app.exports.order import order_of
from app.ledger.commands import Rules, record, retract
from app.ledger.erasure import erase
from app.ports import Store
from app.storage.files import LocalDraft, LocalFiles
from tests.conftest import Clock
from tests.events import usage
from tests.exports.test_jobs import LEFT, as_it_stands, names_in
from tests.exports.world import content, fill, frozen

EVENTS = 2_100
BLOCKS = EVENTS // SUBTREE_ROWS


class Killed(BaseException):
    """What ends a process in the middle of things."""


@pytest.fixture
async def filled(store: Store, admin: Principal, rules: Rules) -> None:
    """More than two blocks of entries of one license, some of them corrected, with keys of their own to make columns of."""
    await fill(store, admin, rules)
    stated: dict[str, Any] = {"license_id": "l1", "message": "call me"}
    items = [usage(id=f"n{at}", **stated, additional_data={f"k{at % 7}": at}) for at in range(EVENTS)]
    await record(store, admin, items, rules=rules)
    await retract(store, admin, "evt_1_9", rules=rules, reason="no")


@pytest.fixture
def worker(store: Store, files: LocalFiles, rules: Rules) -> Worker:
    """A worker that stores where it is after every block."""
    return Worker(store, files, rules=rules, mark_seconds=0)


async def killed(worker: Worker, store: Store, export: Export, monkeypatch: Any, clock: Clock, *, rows: int) -> int:
    """Kill the worker at its second write, or later once so many rows are marked, and wait until nobody believes in it any more.

    Tells how many rows are marked then.
    """
    writes, write = 0, LocalDraft.write

    async def marked() -> int:
        mark = await store.mark(export.account_id, export.id)
        return 0 if mark is None else mark.rows

    async def writing(draft: LocalDraft, data: bytes) -> None:
        nonlocal writes
        writes += 1
        if writes > 1 and await marked() >= rows:
            # Some of it reached the file, and none of it is to be relied on.
            await write(draft, data[: len(data) // 2])
            draft._file.flush()
            raise Killed
        await write(draft, data)

    with monkeypatch.context() as patched:
        patched.setattr(LocalDraft, "write", writing)
        with pytest.raises(Killed):
            await worker.work()
    clock.advance(seconds=LEASE_SECONDS)
    return await marked()


async def same(store: Store, files: LocalFiles, export: Export, whole: Export) -> bool:
    made = await as_it_stands(store, export)
    assert (made.status, made.rows, made.sections) == (ExportStatus.READY, whole.rows, whole.sections)
    assert (made.digest, made.artifact_digest) == (whole.digest, whole.artifact_digest)
    assert await store.subtrees(made.account_id, made.id) == await store.subtrees(whole.account_id, whole.id)
    assert await store.mark(made.account_id, made.id) is None
    return await content(files, made) == await content(files, whole)


@pytest.mark.parametrize(
    ("kind", "format", "asked"),
    [
        ("usage-ledger", "csv", {}),
        ("usage-ledger", "json", {"order": ["asc"], "license_id": ["l1"]}),
        ("license-audit", "csv", {"license_id": ["l1"]}),
        ("license-audit", "json", {"license_id": ["l1"]}),
    ],
)
async def test_the_file_is_the_same_wherever_its_worker_was_killed(
    store: Store,
    files: LocalFiles,
    admin: Principal,
    rules: Rules,
    clock: Clock,
    filled: None,
    worker: Worker,
    monkeypatch: Any,
    kind: str,
    format: str,
    asked: dict[str, list[str]],
) -> None:
    whole = await frozen(store, files, admin, rules, kind, format, asked, patience=LEFT)
    await worker.work()
    whole = await as_it_stands(store, whole)
    export = await frozen(store, files, admin, rules, kind, format, asked, as_of=whole.as_of, patience=LEFT)

    rows = [await killed(worker, store, export, monkeypatch, clock, rows=blocks * SUBTREE_ROWS) for blocks in range(BLOCKS + 1)]
    await worker.work()

    assert rows == [0, SUBTREE_ROWS, 2 * SUBTREE_ROWS]
    assert await same(store, files, export, whole)
    assert names_in(files) == sorted([str(whole.file), str((await as_it_stands(store, export)).file)])


async def left_at_a_mark(
    store: Store, files: LocalFiles, admin: Principal, rules: Rules, worker: Worker, monkeypatch: Any, clock: Clock
) -> tuple[Export, Export]:
    """An export that is whole, and the same once more, left by a worker that was killed after two blocks."""
    whole = await frozen(store, files, admin, rules, format="csv", patience=LEFT)
    await worker.work()
    export = await frozen(store, files, admin, rules, format="csv", as_of=whole.as_of, patience=LEFT)
    await killed(worker, store, export, monkeypatch, clock, rows=BLOCKS * SUBTREE_ROWS)
    return await as_it_stands(store, whole), export


async def test_what_was_done_is_not_done_again(
    store: Store,
    files: LocalFiles,
    admin: Principal,
    rules: Rules,
    clock: Clock,
    filled: None,
    worker: Worker,
    monkeypatch: Any,
) -> None:
    whole, export = await left_at_a_mark(store, files, admin, rules, worker, monkeypatch, clock)
    asked: list[Any] = []
    stream = type(store).stream

    def streaming(store: Store, question: Any) -> Any:
        asked.append(question.below)
        return stream(store, question)

    monkeypatch.setattr(type(store), "stream", streaming)
    mark = await store.mark(export.account_id, export.id)
    assert mark is not None
    await worker.work()

    assert (mark.rows, mark.keys) == (BLOCKS * SUBTREE_ROWS, tuple(f"k{at}" for at in range(7)))
    assert asked == [mark.sequence]
    assert await same(store, files, export, whole)


@pytest.mark.parametrize("damage", ["gone", "short", "changed"])
@pytest.mark.parametrize("engine", ["memory"])
async def test_a_draft_that_is_not_as_it_was_left_is_begun_anew(
    store: Store,
    files: LocalFiles,
    admin: Principal,
    rules: Rules,
    clock: Clock,
    filled: None,
    worker: Worker,
    monkeypatch: Any,
    damage: str,
) -> None:
    whole, export = await left_at_a_mark(store, files, admin, rules, worker, monkeypatch, clock)
    mark = await store.mark(export.account_id, export.id)
    assert mark is not None
    draft = files.folder / mark.file
    if damage == "gone":
        draft.unlink()
    elif damage == "short":
        draft.write_bytes(draft.read_bytes()[: mark.size - 1])
    else:
        data = bytearray(draft.read_bytes())
        data[mark.size // 2] ^= 1
        draft.write_bytes(data)

    await worker.work()

    assert await same(store, files, export, whole)
    assert names_in(files) == sorted([str(whole.file), str((await as_it_stands(store, export)).file)])


async def test_what_was_erased_meanwhile_is_not_in_the_file(
    store: Store,
    files: LocalFiles,
    admin: Principal,
    rules: Rules,
    clock: Clock,
    filled: None,
    worker: Worker,
    monkeypatch: Any,
) -> None:
    _, export = await left_at_a_mark(store, files, admin, rules, worker, monkeypatch, clock)
    mark = await store.mark(export.account_id, export.id)
    assert mark is not None
    assert mark.sequence is not None
    await erase(store, admin, f"act_1_{mark.sequence + 10}", rules=rules)
    again = await frozen(store, files, admin, rules, format="csv", as_of=export.as_of, patience=LEFT)

    await worker.work()

    assert await same(store, files, export, await as_it_stands(store, again))
    assert (await content(files, await as_it_stands(store, export))).count(b"call me") == EVENTS - 1


async def test_a_worker_that_was_only_held_up_does_no_harm_to_the_one_that_took_over(
    store: Store,
    files: LocalFiles,
    admin: Principal,
    rules: Rules,
    clock: Clock,
    filled: None,
    worker: Worker,
    monkeypatch: Any,
) -> None:
    whole, export = await left_at_a_mark(store, files, admin, rules, worker, monkeypatch, clock)
    mark = await store.mark(export.account_id, export.id)
    assert mark is not None
    write = LocalDraft.write

    async def beside(draft: LocalDraft, data: bytes) -> None:
        # Whoever was held up writes on, into the draft that was left: by now another's copy is written to.
        if (files.folder / mark.file).exists():
            with (files.folder / mark.file).open("ab") as late:
                late.write(b"late")
        await write(draft, data)

    monkeypatch.setattr(LocalDraft, "write", beside)
    await worker.work()

    assert await same(store, files, export, whole)


async def test_a_file_that_is_made_at_once_leaves_no_mark(
    store: Store, files: LocalFiles, admin: Principal, rules: Rules, filled: None
) -> None:
    export = await frozen(store, files, admin, rules, patience=LEFT)
    made = await make(store, files, *order_of(export))
    made.draft.drop()

    assert await store.mark(export.account_id, export.id) is None
    assert names_in(files) == []
