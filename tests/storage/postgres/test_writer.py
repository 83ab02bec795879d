"""The writer: callers of one account share a transaction, none meets another's failure, and what breaks off is begun again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from app.domain.account import Account, Principal
from app.domain.catalogue import RecordKind
from app.domain.entry import Content, Correction, Entry, EntryKind
from app.domain.errors import AlreadyCorrected, NotFound, Unavailable
from app.ledger.catalogue import upsert
from app.ledger.chain import prepare, seal
from app.ledger.commands import Rules, record
from app.ledger.erasure import erase
from app.ledger.outcome import Status
from app.ports import Transaction
from app.question.records import Records
from app.question.rows import Rows
from app.question.scope import Scope
from app.storage.postgres import PostgresStore, connection, open_postgres, writer
from tests.events import START, usage
from tests.storage.postgres.conftest import LIMITS, seen

Body = Callable[[Transaction], Awaitable[Any]]


def made(**stated: Any) -> Content:
    """What a usage entry says."""
    return Content(kind=EntryKind.USAGE, action="usage.consumed", source="tests", occurred_at=START, **stated)


def appending(account: Account, *contents: Content) -> Body:
    """A body that appends entries of these contents."""

    async def body(tx: Transaction) -> list[Entry]:
        entries = seal(account.id, [prepare(each) for each in contents], await tx.lock(), START)
        await tx.append(entries, [])
        return entries

    return body


async def ledger_of(store: PostgresStore, account: Account) -> list[Entry]:
    """All of it."""
    return await store.rows(Rows(Scope(account.id, 2**53), descending=False))


async def transactions(outside: asyncpg.Connection) -> int:
    """In how many transactions the entries were written."""
    return int(await outside.fetchval("SELECT count(DISTINCT xmin::text) FROM entries"))


@asynccontextmanager
async def held(outside: asyncpg.Connection, account: Account) -> AsyncIterator[None]:
    """As another process, be in the middle of writing to the account."""
    async with outside.transaction():
        await outside.fetch("SELECT * FROM heads WHERE account_id = $1 FOR UPDATE", account.id)
        yield


async def waiting(outside: asyncpg.Connection, number: int) -> None:
    """Return once so many connections wait for a lock."""
    asked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    await seen(outside, asked, number)


async def test_callers_of_one_account_share_a_transaction(
    postgres: PostgresStore, acme: Account, outside: asyncpg.Connection
) -> None:
    bodies = [appending(acme, made(quantity=number)) for number in range(50)]
    answers = await asyncio.gather(*(postgres.transact(acme.id, body) for body in bodies))
    assert [entry.sequence for [entry] in answers] == list(range(1, 51))
    assert [entry.quantity for entry in await ledger_of(postgres, acme)] == list(range(50))
    assert await transactions(outside) == 1


async def test_a_transaction_that_has_grown_large_leaves_the_rest_to_the_next(
    postgres: PostgresStore, acme: Account, outside: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MOST_ENTRIES", 10)
    bodies = [appending(acme, *[made(quantity=number)] * 4) for number in range(8)]
    answers = await asyncio.gather(*(postgres.transact(acme.id, body) for body in bodies))
    assert [entry.quantity for entries in answers for entry in entries] == [number for number in range(8) for _ in range(4)]
    assert [entry.sequence for entries in answers for entry in entries] == list(range(1, 33))
    assert await transactions(outside) == 3


async def test_while_an_account_is_held_its_callers_wait_on_one_connection(
    postgres: PostgresStore, acme: Account, outside: asyncpg.Connection, rules: Rules
) -> None:
    globex = await postgres.create_account("globex", START)
    async with held(outside, acme):
        bodies = [postgres.transact(acme.id, appending(acme, made(quantity=number))) for number in range(100)]
        waiters = asyncio.gather(*bodies)
        await waiting(outside, 1)
        await postgres.transact(globex.id, appending(globex, made()))
        assert [entry.sequence for entry in await ledger_of(postgres, globex)] == [1]
        assert await ledger_of(postgres, acme) == []
    answers = await waiters
    assert [entry.sequence for [entry] in answers] == list(range(1, 101))


async def test_a_body_that_fails_after_it_wrote_takes_only_its_own_part_along(
    postgres: PostgresStore, acme: Account, operator: Principal, outside: asyncpg.Connection, rules: Rules
) -> None:
    async def failing(tx: Transaction) -> None:
        await tx.append(seal(acme.id, [prepare(made(customer_id="lost"))], await tx.lock(), START), [])
        assert await tx.record("customer", "lost") is not None  # asked of the database, so it was written
        raise ValueError("on purpose")

    answers = await asyncio.gather(
        postgres.transact(acme.id, appending(acme, made(customer_id="c1"))),
        postgres.transact(acme.id, failing),
        upsert(postgres, operator, RecordKind.CUSTOMER, "c2", {"name": "Two"}, rules=rules),
        postgres.transact(acme.id, failing),
        postgres.transact(acme.id, appending(acme, made(customer_id="c3"))),
        return_exceptions=True,
    )
    assert [str(answer) for answer in answers if isinstance(answer, Exception)] == ["on purpose"] * 2
    assert [entry.customer_id for entry in await ledger_of(postgres, acme)] == ["c1", "c2", "c3"]
    records = await postgres.records(Records(Scope(acme.id, 3), RecordKind.CUSTOMER))
    assert [(each.id, each.stub, each.first_sequence) for each in records] == [("c1", True, 1), ("c2", False, 2), ("c3", True, 3)]
    assert await outside.fetchval("SELECT count(*) FROM catalogue WHERE record_id = 'lost'") == 0


async def test_of_two_that_reverse_one_entry_at_once_one_is_refused(postgres: PostgresStore, acme: Account) -> None:
    await postgres.transact(acme.id, appending(acme, made()))
    reversal = {"correction": Correction.REVERSAL, "corrects": 1, "event": 1}
    answers = await asyncio.gather(
        *(postgres.transact(acme.id, appending(acme, made(**reversal, reason=reason))) for reason in "ab"),
        postgres.transact(acme.id, appending(acme, made(customer_id="other"))),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers] == [list, AlreadyCorrected, list]
    assert [entry.reason for entry in await ledger_of(postgres, acme)] == [None, "a", None]


async def test_one_id_sent_to_two_servers_at_once_is_recorded_once(
    postgres: PostgresStore, url: str, acme: Account, operator: Principal, rules: Rules
) -> None:
    other = await open_postgres(url, LIMITS)
    items = [usage(id=f"e{number}") for number in range(20)]
    both = await asyncio.gather(*(record(store, operator, items, rules=rules) for store in (postgres, other) for _ in range(5)))
    assert (
        sorted(outcome.status for outcomes in both for outcome in outcomes) == [Status.DUPLICATE] * 180 + [Status.INSERTED] * 20
    )
    assert len(await ledger_of(other, acme)) == 20
    await other.close()


async def test_an_account_that_another_process_keeps_is_busy_and_then_free_again(
    url: str, postgres: PostgresStore, acme: Account, outside: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "LOCK_SECONDS", 0.1)
    hasty = await open_postgres(url, LIMITS)
    async with held(outside, acme):
        answers = await asyncio.gather(
            *(hasty.transact(acme.id, appending(acme, made())) for _ in range(3)), return_exceptions=True
        )
        assert [str(answer) for answer in answers] == ["the store is busy; the same call may succeed later"] * 3
        assert {type(answer) for answer in answers} == {Unavailable}
    [entry] = await hasty.transact(acme.id, appending(acme, made()))
    assert entry.sequence == 1
    await hasty.close()


@pytest.mark.parametrize("error", [asyncpg.SerializationError, asyncpg.DeadlockDetectedError])
async def test_a_body_that_was_in_anothers_way_is_run_again(
    postgres: PostgresStore, acme: Account, error: type[Exception]
) -> None:
    runs: list[int] = []

    async def body(tx: Transaction) -> None:
        runs.append((await tx.lock()).sequence)
        await appending(acme, made(quantity=len(runs)))(tx)
        if len(runs) < 3:
            raise error("could not")

    await postgres.transact(acme.id, body)
    assert runs == [0, 0, 0]
    assert [entry.quantity for entry in await ledger_of(postgres, acme)] == [3]


async def test_a_body_whose_connection_breaks_off_is_run_again_on_another(
    postgres: PostgresStore, acme: Account, outside: asyncpg.Connection
) -> None:
    runs = 0

    async def body(tx: Transaction) -> None:
        nonlocal runs
        runs += 1
        await tx.lock()
        if runs == 1:
            await outside.fetch("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction'")
        await appending(acme, made(quantity=runs))(tx)
        await tx.record("customer", "c1")

    await postgres.transact(acme.id, body)
    assert (runs, [entry.quantity for entry in await ledger_of(postgres, acme)]) == (2, [2])


async def test_a_commit_whose_answer_is_lost_is_not_begun_again(
    postgres: PostgresStore, acme: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = asyncpg.transaction.Transaction.commit

    async def lost(self: asyncpg.transaction.Transaction) -> None:
        await commit(self)
        raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")

    monkeypatch.setattr(asyncpg.transaction.Transaction, "commit", lost)
    answers = await asyncio.gather(
        *(postgres.transact(acme.id, appending(acme, made())) for _ in range(2)), return_exceptions=True
    )
    assert {str(each) for each in answers} == {"the database was lost while it committed; whether it did is not known"}
    assert [entry.sequence for entry in await ledger_of(postgres, acme)] == [1, 2]


async def test_after_the_server_was_restarted_questions_and_bodies_find_it_again(
    postgres: PostgresStore, acme: Account, outside: asyncpg.Connection
) -> None:
    await postgres.transact(acme.id, appending(acme, made()))
    await asyncio.gather(*(postgres.head(acme.id) for _ in range(4)))
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    await outside.fetch(cut)
    assert (await postgres.head(acme.id)).sequence == 1
    await outside.fetch(cut)
    await postgres.transact(acme.id, appending(acme, made()))
    assert [entry.sequence for entry in await ledger_of(postgres, acme)] == [1, 2]


async def test_a_caller_that_goes_away_before_its_turn_writes_nothing(
    postgres: PostgresStore, acme: Account, outside: asyncpg.Connection
) -> None:
    async with held(outside, acme):
        first = asyncio.create_task(postgres.transact(acme.id, appending(acme, made(quantity=1))))
        await waiting(outside, 1)
        second = asyncio.create_task(postgres.transact(acme.id, appending(acme, made(quantity=2))))
        third = asyncio.create_task(postgres.transact(acme.id, appending(acme, made(quantity=3))))
        await asyncio.sleep(0)
        second.cancel()
    await first
    await third
    assert second.cancelled()
    assert [entry.quantity for entry in await ledger_of(postgres, acme)] == [1, 3]


async def test_closing_finishes_what_is_queued_and_takes_nothing_more(url: str, postgres: PostgresStore, acme: Account) -> None:
    store = await open_postgres(url, LIMITS)
    queued = [asyncio.create_task(store.transact(acme.id, appending(acme, made()))) for _ in range(5)]
    await asyncio.sleep(0)
    await store.close()
    assert [entry.sequence for [entry] in await asyncio.gather(*queued)] == [1, 2, 3, 4, 5]
    with pytest.raises(Unavailable, match="the store is closed"):
        await store.transact(acme.id, appending(acme, made()))
    with pytest.raises(Unavailable, match="the store is closed"):
        await store.head(acme.id)
    assert len(await ledger_of(postgres, acme)) == 5


async def test_an_account_that_does_not_exist_has_nothing_to_lock(postgres: PostgresStore, acme: Account) -> None:
    with pytest.raises(NotFound, match="no account 77"):
        await postgres.transact(77, appending(acme, made()))


async def test_what_was_erased_is_cleared_away_as_soon_as_it_is_committed(
    postgres: PostgresStore, acme: Account, operator: Principal, outside: asyncpg.Connection, rules: Rules
) -> None:
    await record(postgres, operator, [usage(message="personal")], rules=rules)
    await upsert(postgres, operator, RecordKind.CUSTOMER, "c1", {"name": "Personal"}, rules=rules)
    vacuumed = "SELECT vacuum_count FROM pg_stat_user_tables WHERE relname = '{}'"
    before = [await outside.fetchval(vacuumed.format(table)) for table in ("entries_2026_04", "catalogue")]
    await erase(postgres, operator, "act_1_1", rules=rules)
    await erase(postgres, operator, "act_1_2", rules=rules)
    await seen(outside, vacuumed.format("entries_2026_04"), before[0] + 2)
    await seen(outside, vacuumed.format("catalogue"), before[1] + 1)
    assert [entry.texts() for entry in await ledger_of(postgres, acme)][:2] == [{}, {}]
