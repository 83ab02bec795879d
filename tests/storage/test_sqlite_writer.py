"""The writer: many callers share a commit, and none of them meets another's failure."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from app.domain.account import Account, Principal
from app.domain.catalogue import RecordKind
from app.domain.entry import Content, EntryKind
from app.domain.errors import Unavailable
from app.ledger.chain import prepare, seal
from app.ledger.commands import Rules, record
from app.ports import Claim, Transaction
from app.question.records import Records
from app.question.rows import Rows
from app.question.scope import Scope
from app.storage.sqlite import SqliteStore, open_sqlite
from app.storage.sqlite.connection import connect
from app.storage.sqlite.writer import Unit, Writer
from tests.events import START, usage


class Held:
    """A writer on a table of numbers, whose thread waits at its first job until it is let go; it notes what it commits."""

    def __init__(self, file: Path, factory: type[sqlite3.Connection] = sqlite3.Connection) -> None:
        self.file = file
        self.statements: list[str] = []
        self.reached, self.go = threading.Event(), threading.Event()
        with sqlite3.connect(file) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("CREATE TABLE numbers (n INTEGER PRIMARY KEY)")
        connection.close()
        self._factory = factory
        self.writer = Writer(self._connect)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.file, isolation_level=None, check_same_thread=False, factory=self._factory, timeout=0.05
        )
        connection.set_trace_callback(self.statements.append)
        return connection

    def hold(self, unit: Unit) -> None:
        """The first job."""
        self.reached.set()
        assert self.go.wait(10)

    async def held(self) -> asyncio.Task[None]:
        """Have the thread wait inside its first transaction."""
        task = asyncio.create_task(self.writer.submit(self.hold))
        await asyncio.to_thread(self.reached.wait, 10)
        return task

    def numbers(self) -> list[int]:
        """What another connection sees."""
        connection = sqlite3.connect(self.file)
        found = [n for (n,) in connection.execute("SELECT n FROM numbers ORDER BY n")]
        connection.close()
        return found


def add(number: int) -> Callable[[Unit], int]:
    """A job that adds a number, and fails if it is there."""

    def work(unit: Unit) -> int:
        unit.connection.execute("INSERT INTO numbers VALUES (?)", (number,))
        return number

    return work


async def test_what_is_queued_meanwhile_shares_one_commit(tmp_path: Path) -> None:
    held = Held(tmp_path / "numbers.db")
    first = await held.held()
    callers = [asyncio.create_task(held.writer.submit(add(n))) for n in range(100)]
    await asyncio.sleep(0)
    assert held.numbers() == []
    held.go.set()
    assert await asyncio.gather(*callers) == list(range(100))
    await first
    assert held.statements.count("COMMIT") == 1
    assert held.numbers() == list(range(100))
    await held.writer.close()


async def test_a_failure_is_undone_and_reaches_its_own_caller_alone(tmp_path: Path) -> None:
    held = Held(tmp_path / "numbers.db")
    await held.held()

    def half_done(unit: Unit) -> None:
        add(50)(unit)
        raise ValueError("no")

    callers = [asyncio.create_task(held.writer.submit(work)) for work in (add(1), half_done, add(1), add(2))]
    await asyncio.sleep(0)
    held.go.set()
    first, failed, taken, last = await asyncio.gather(*callers, return_exceptions=True)
    assert (first, last) == (1, 2)
    assert isinstance(failed, ValueError)
    assert isinstance(taken, sqlite3.IntegrityError)
    assert held.numbers() == [1, 2]
    await held.writer.close()


class FullDisk(sqlite3.Connection):
    """A connection on which no commit succeeds until `full` is taken away."""

    full = True

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        if sql == "COMMIT" and FullDisk.full:
            raise sqlite3.OperationalError("database or disk is full")
        return super().execute(sql, parameters)


async def test_a_commit_that_fails_fails_every_caller_and_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(tmp_path / "numbers.db", FullDisk)
    first = await held.held()
    noted: list[int] = []

    def noting(unit: Unit) -> None:
        add(1)(unit)
        unit.when_committed(lambda: noted.append(1))

    callers = [first, *(asyncio.create_task(held.writer.submit(work)) for work in (noting, add(2)))]
    await asyncio.sleep(0)
    held.go.set()
    for outcome in await asyncio.gather(*callers, return_exceptions=True):
        assert isinstance(outcome, Unavailable)
        assert outcome.detail == "database or disk is full"
    assert held.numbers() == []
    assert noted == []

    monkeypatch.setattr(FullDisk, "full", False)
    await held.writer.submit(noting)
    assert held.numbers() == [1]
    assert noted == [1]
    await held.writer.close()


async def test_what_follows_a_commit_fails_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    held = Held(tmp_path / "numbers.db")
    held.go.set()

    def work(unit: Unit) -> int:
        unit.when_committed(lambda: 1 // 0)
        return add(1)(unit)

    assert await held.writer.submit(work) == 1
    assert await held.writer.submit(add(2)) == 2
    assert [each.message for each in caplog.records] == ["what was to follow a commit has failed"]
    await held.writer.close()


async def test_a_caller_that_goes_away_leaves_the_thread_at_work(tmp_path: Path) -> None:
    held = Held(tmp_path / "numbers.db")
    first = await held.held()
    gone = asyncio.create_task(held.writer.submit(add(1)))
    stays = asyncio.create_task(held.writer.submit(add(2)))
    await asyncio.sleep(0)
    gone.cancel()
    first.cancel()
    held.go.set()
    assert await stays == 2
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert held.numbers() == [2]
    await held.writer.close()


async def test_closing_finishes_what_is_queued_and_takes_nothing_more(tmp_path: Path) -> None:
    held = Held(tmp_path / "numbers.db")
    await held.held()
    callers = [asyncio.create_task(held.writer.submit(add(n))) for n in range(10)]
    await asyncio.sleep(0)
    closing = asyncio.create_task(held.writer.close())
    await asyncio.sleep(0)
    held.go.set()
    await closing
    assert await asyncio.gather(*callers) == list(range(10))
    with pytest.raises(Unavailable, match="closed"):
        await held.writer.submit(add(11))
    assert held.numbers() == list(range(10))
    await held.writer.close()


async def test_a_file_that_stays_locked_is_unavailable_and_then_available_again(tmp_path: Path) -> None:
    held = Held(tmp_path / "numbers.db")
    other = sqlite3.connect(held.file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="busy"):
        await held.writer.submit(add(1))
    other.execute("ROLLBACK")
    assert await held.writer.submit(add(2)) == 2
    assert held.numbers() == [2]
    other.close()
    await held.writer.close()


async def test_a_body_that_waits_for_something_else_is_refused(
    sqlite: SqliteStore, acme: Account, operator: Principal, rules: Rules
) -> None:
    async def waiting(tx: Transaction) -> None:
        await tx.lock()
        await asyncio.sleep(0)

    body: Callable[[Transaction], Awaitable[None]] = waiting
    with pytest.raises(RuntimeError, match="waited for something else"):
        await sqlite.transact(acme.id, body)
    [outcome] = await record(sqlite, operator, [usage()], rules=rules)
    assert outcome.entry is not None
    assert outcome.entry.sequence == 1


async def test_concurrent_callers_get_sequences_without_gaps(
    sqlite: SqliteStore, acme: Account, operator: Principal, rules: Rules
) -> None:
    outcomes = await asyncio.gather(*(record(sqlite, operator, [usage(id=str(n))], rules=rules) for n in range(200)))
    assert sorted(each.entry.sequence for [each] in outcomes if each.entry) == list(range(1, 201))
    assert (await sqlite.head(acme.id)).sequence == 200
    assert len(await sqlite.rows(Rows(Scope(acme.id, 200)))) == 200


async def together(store: SqliteStore, account: Account, *bodies: Callable[[Transaction], Awaitable[Any]]) -> list[Any]:
    """Run the bodies in one commit; gives what each returned or raised."""
    reached, go = threading.Event(), threading.Event()

    async def first(tx: Transaction) -> None:
        reached.set()
        assert go.wait(10)

    held = asyncio.create_task(store.transact(account.id, first))
    await asyncio.to_thread(reached.wait, 10)
    callers = [asyncio.create_task(store.transact(account.id, body)) for body in bodies]
    await asyncio.sleep(0)
    go.set()
    await held
    return await asyncio.gather(*callers, return_exceptions=True)


def recording(account: Account, key: bytes, name: str) -> Callable[[Transaction], Awaitable[int]]:
    """A body that records one event of a customer and claims a key without asking whether it is taken."""

    async def body(tx: Transaction) -> int:
        content = Content(
            kind=EntryKind.USAGE, action="usage.consumed", source="s", occurred_at=START, customer_id=name, unit="call"
        )
        [entry] = seal(account.id, [prepare(content)], await tx.lock(), START)
        await tx.append([entry], [Claim(key, entry.sequence)])
        return entry.sequence

    return body


async def test_bodies_of_one_commit_see_what_those_before_them_appended(sqlite: SqliteStore, acme: Account) -> None:
    async def looking(tx: Transaction) -> tuple[object, ...]:
        head, claims = await tx.lock(), await tx.claimed([b"k" * 16, b"n" * 16])
        [entry] = (await tx.entries([1])).values()
        record = await tx.record("customer", "c1")
        return head.sequence, claims, entry.customer_id, record and record.first_sequence

    assert await together(sqlite, acme, recording(acme, b"k" * 16, "c1"), recording(acme, b"l" * 16, "c1"), looking) == [
        1,
        2,
        (2, {b"k" * 16: 1}, "c1", 1),
    ]


async def test_of_bodies_that_claim_one_key_in_one_commit_the_first_gets_it(sqlite: SqliteStore, acme: Account) -> None:
    first, second, third = await together(
        sqlite, acme, *(recording(acme, key, "c1") for key in (b"k" * 16, b"k" * 16, b"l" * 16))
    )
    assert (first, third) == (1, 2)
    assert isinstance(second, sqlite3.IntegrityError)
    assert (await sqlite.head(acme.id)).sequence == 2


async def test_a_body_that_claims_what_is_taken_fails_alone(sqlite: SqliteStore, acme: Account) -> None:
    await sqlite.transact(acme.id, recording(acme, b"k" * 16, "c1"))
    first, second, third = await together(
        sqlite, acme, *(recording(acme, key, "c2") for key in (b"m" * 16, b"k" * 16, b"l" * 16))
    )
    assert (first, third) == (2, 3)
    assert isinstance(second, sqlite3.IntegrityError)
    assert [entry.sequence for entry in await sqlite.rows(Rows(Scope(acme.id, 9)))] == [3, 2, 1]


async def test_a_body_that_fails_after_it_wrote_leaves_those_before_it(sqlite: SqliteStore, acme: Account) -> None:
    async def failing(tx: Transaction) -> None:
        await recording(acme, b"m" * 16, "c2")(tx)
        assert len(await tx.entries([1, 2])) == 2  # to see it, it is written
        raise LookupError

    first, second, third = await together(
        sqlite, acme, recording(acme, b"k" * 16, "c1"), failing, recording(acme, b"l" * 16, "c3")
    )
    assert (first, third) == (1, 2)
    assert isinstance(second, LookupError)
    entries = await sqlite.rows(Rows(Scope(acme.id, 9), descending=False))
    assert [(entry.sequence, entry.customer_id) for entry in entries] == [(1, "c1"), (2, "c3")]
    customers = await sqlite.records(Records(Scope(acme.id, 9), RecordKind.CUSTOMER))
    assert [(each.id, each.first_sequence) for each in customers] == [("c1", 1), ("c3", 2)]


async def test_one_id_sent_by_many_at_once_is_recorded_once(
    sqlite: SqliteStore, acme: Account, operator: Principal, rules: Rules
) -> None:
    outcomes = await asyncio.gather(*(record(sqlite, operator, [usage(id="e1")], rules=rules) for _ in range(50)))
    assert sorted(each.status.value for [each] in outcomes) == ["duplicate"] * 49 + ["inserted"]
    assert (await sqlite.head(acme.id)).sequence == 1


async def test_a_closed_store_answers_nothing(file: Path) -> None:
    store = await open_sqlite(file)
    await store.ready()
    await store.close()
    with pytest.raises(Unavailable, match="closed"):
        await store.ready()
    await store.close()


async def test_a_cancelled_question_is_stopped_and_frees_its_connection(file: Path) -> None:
    store = await open_sqlite(file, readers=1)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    from app.storage.sql.dialect import Statement

    asking = asyncio.create_task(store._readers.fetch(Statement(endless, (), {}), {}))
    await asyncio.sleep(0.1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    async with asyncio.timeout(10):
        await store.ready()
    await store.close()


def test_what_is_acknowledged_is_synced(file: Path) -> None:
    connection = connect(file)
    settings = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "foreign_keys")}
    connection.close()
    assert settings == {"synchronous": 2, "foreign_keys": 1}
