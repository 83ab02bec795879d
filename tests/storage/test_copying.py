"""A copy holds what its source holds: to another engine and back, continued, brought up to date, and proven or refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import Table

from app.access.tokens import new_key
from app.domain.account import Account, Permission, Principal
from app.domain.catalogue import RecordKind
from app.domain.entry import EntryKind
from app.domain.errors import Conflict, Corrupt
from app.domain.first_answer import FirstAnswer
from app.exports.freeze import create
from app.ledger import credentials
from app.ledger.catalogue import upsert
from app.ledger.commands import Rules, amend, record, retract
from app.ledger.erasure import erase
from app.ledger.outcome import Status
from app.ports import Files, Transaction
from app.storage import copying
from app.storage.copying import Transferable, compare, copy
from app.storage.postgres import PostgresStore, open_postgres
from app.storage.sqlite import SqliteStore, open_sqlite
from tests.conftest import Clock, caller
from tests.databases import DATABASES
from tests.events import START, activity, at, usage
from tests.storage.postgres.conftest import LIMITS


def silent(what: str, done: int, total: int) -> None:
    """Tell nobody."""


@pytest.fixture
async def source(tmp_path: Path, rules: Rules, clock: Clock, files: Files) -> AsyncIterator[SqliteStore]:
    """A file with two accounts, one of whom has lived through all that there is."""
    store = await open_sqlite(tmp_path / "source.db")
    acme, globex = [caller(await store.create_account(name, START), Permission.ADMIN) for name in ("acme", "globex")]
    many = [usage(id=f"e{n}", customer_id=f"ü{n % 7}", quantity=f"{n}.000000000000000001", message="m") for n in range(1_100)]
    entries = [each.entry for each in await record(store, acme, many, rules=rules)]
    clock.advance(days=40)
    await record(store, acme, [usage(license_id="l2", charge="-0.5", currency="EUR")], rules=rules)
    activities = [activity(id="a1"), activity(id="a2", additional_data={"n": 2**60})]
    await record(store, acme, activities, rules=rules, kind=EntryKind.ACTIVITY)
    assert entries[3] is not None
    assert entries[4] is not None
    await amend(store, acme, entries[3].event_ref, {"quantity": "7"}, rules=rules, reason="counted again")
    await retract(store, acme, entries[4].event_ref, rules=rules, reason="sent twice")
    await upsert(store, acme, RecordKind.CUSTOMER, "ü1", {"name": "One", "starts_at": at()}, rules=rules)
    await upsert(store, acme, RecordKind.CUSTOMER, "new", {"name": "New"}, rules=rules)
    await erase(store, acme, entries[3].event_ref, rules=rules)
    key, _ = new_key(acme.account, label="k", scopes=["report:read"], created_at=clock(), expires_at=at(9_000))
    await credentials.issue(store, key, actor="a", rules=rules)
    await create(store, files, acme, "usage-ledger", "csv", {}, rules=rules)
    answer = FirstAnswer(
        account_id=globex.account.id,
        key="k",
        digest=b"d" * 32,
        subject="s",
        status=200,
        data="{}",
        created_at=START,
        expires_at=at(1),
    )
    await store.transact(globex.account.id, lambda tx: tx.put_first_answer(answer))
    yield store
    await store.close()


@pytest.fixture
async def target() -> AsyncIterator[PostgresStore]:
    """An empty database on a server."""
    store = await open_postgres(await DATABASES.lend("copying"), LIMITS)
    yield store
    await store.close()
    DATABASES.give_back("copying")


@pytest.fixture
async def outside(target: PostgresStore) -> AsyncIterator[asyncpg.Connection]:
    """A connection to change the target behind its back."""
    connection = await asyncpg.connect(await DATABASES.lend("copying"))
    yield connection
    await connection.close()


async def acme_of(store: Transferable) -> Principal:
    """Who may do everything in `acme`."""
    account = await store.account_named("acme")
    assert account is not None
    return caller(account, Permission.ADMIN)


async def test_a_store_copied_to_a_server_and_back_is_the_same(
    source: SqliteStore, target: PostgresStore, tmp_path: Path, rules: Rules
) -> None:
    await copy(source, target, silent)
    ends = await compare(source, target, silent)
    assert ends == [(each.name, await source.head(each.id)) for each in await source.accounts()]
    assert [(name, head.sequence) for name, head in ends] == [("acme", 1_111), ("globex", 0)]
    back = await open_sqlite(tmp_path / "back.db")
    await copy(target, back, silent)
    assert await compare(source, back, silent) == ends
    for store in (target, back):
        principal = await acme_of(store)
        assert await store.keys(principal.account.id) == await source.keys(principal.account.id)
        assert await store.exports(principal.account.id, limit=5) == await source.exports(principal.account.id, limit=5)
        # What the claims are for: an id that was sent to the source is known in the copy.
        repeated = await record(store, principal, [usage(id="e5", customer_id="ü5", quantity="0", message="m")], rules=rules)
        assert [each.status for each in repeated] == [Status.CONFLICT]
        again = await store.create_account("initech", START)
        assert again.id == 3
    await back.close()


async def test_a_copy_that_was_interrupted_is_continued(
    source: SqliteStore, target: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(table: Table, rows: list[copying.Row]) -> None:
        raise ConnectionError("broken off")

    with monkeypatch.context() as patch:
        patch.setattr(target, "load", broken)
        with pytest.raises(ConnectionError):
            await copy(source, target, silent)
    transact, batches = target.transact, []

    async def counted(account_id: int, body: object) -> object:
        batches.append(account_id)
        return await transact(account_id, body)  # type: ignore[arg-type]

    monkeypatch.setattr(target, "transact", counted)
    await copy(source, target, silent)
    assert batches == []  # the entries were there
    await compare(source, target, silent)


async def test_a_copy_is_brought_up_to_date(source: SqliteStore, target: PostgresStore, rules: Rules, clock: Clock) -> None:
    await copy(source, target, silent)
    principal = await acme_of(source)
    await record(source, principal, [usage(id="later", customer_id="ü1")], rules=rules)
    [key] = await source.keys(principal.account.id)
    await source.touch_keys({key.id: clock.advance(days=1)})
    with pytest.raises(Conflict, match="the accounts, or the ends of their ledgers, differ"):
        await compare(source, target, silent)
    await copy(source, target, silent)
    assert (await compare(source, target, silent))[0][1].sequence == 1_112
    assert await target.key(key.id) == replace(key, last_used_at=clock.now)


async def test_what_comes_in_while_it_is_copied_is_caught_up_with(
    source: SqliteStore, target: PostgresStore, rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    principal, rest = await acme_of(source), [usage(id="meanwhile")]
    rows = copying._copy_rows

    async def disturbed(*args: object) -> None:
        if rest:
            await record(source, principal, [rest.pop()], rules=rules)
        await rows(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(copying, "_copy_rows", disturbed)
    await copy(source, target, silent)
    assert (await compare(source, target, silent))[0][1].sequence == 1_112
    rest += [usage(id=f"restless {n}") for n in range(100)]
    with pytest.raises(Conflict, match="the source is being written to: let it rest, and copy again"):
        await copy(source, target, silent)


async def test_a_target_with_other_accounts_is_refused(source: SqliteStore, target: PostgresStore) -> None:
    await target.create_account("globex", START)
    with pytest.raises(Conflict, match="the target has an account globex with id 1, the source acme with 1"):
        await copy(source, target, silent)
    assert [account.name for account in await target.accounts()] == ["globex"]


async def test_a_target_whose_ledger_went_on_otherwise_is_refused(
    source: SqliteStore, target: PostgresStore, rules: Rules
) -> None:
    await copy(source, target, silent)
    for store, sent in ((source, "here"), (target, "there")):
        await record(store, await acme_of(store), [usage(id=sent)], rules=rules)
    with pytest.raises(Conflict, match="the target's ledger of acme goes on otherwise than the source's"):
        await copy(source, target, silent)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ("UPDATE entries SET message = 'another' WHERE sequence = 1050", "account acme: entry 1050 differs"),
        ("UPDATE entries SET quantity = 8 WHERE sequence = 3", "account acme: entry 3 differs"),
        ("DELETE FROM claims WHERE sequence = 7", "the tables `claims` differ among rows 1 to 1000"),
        ("UPDATE catalogue SET status = 'gone' WHERE record_id = 'new'", "the tables `catalogue` differ among rows 1 to "),
        ("UPDATE keys SET label = 'other'", "the tables `keys` differ among rows 1 to 1"),
        ("DELETE FROM exports", "the tables `exports` differ among rows 1 to 1"),
        ("INSERT INTO reversals VALUES (2, 1, 2)", "the tables `reversals` differ among rows 1 to 2"),
        ("UPDATE heads SET chain = '\\x00' WHERE account_id = 1", "the accounts, or the ends of their ledgers, differ"),
        ("UPDATE usage_days SET events = events + 1", "account acme: usage_days differs on "),
        ("UPDATE accounts SET name = 'hooli' WHERE id = 2", "the accounts, or the ends of their ledgers, differ"),
    ],
)
async def test_any_difference_is_found(
    source: SqliteStore, target: PostgresStore, outside: asyncpg.Connection, change: str, word: str
) -> None:
    await copy(source, target, silent)
    await outside.execute(change)
    with pytest.raises(Conflict) as found:
        await compare(source, target, silent)
    assert found.value.message.startswith(word)


async def test_rows_that_only_the_target_has_are_found(
    source: SqliteStore, target: PostgresStore, outside: asyncpg.Connection
) -> None:
    await copy(source, target, silent)
    await outside.execute(
        "INSERT INTO claims SELECT 2, convert_to(lpad(n::text, 16, '0'), 'UTF8'), n FROM generate_series(1, 998) n"
    )
    with pytest.raises(Conflict) as found:
        await compare(source, target, silent)
    assert found.value.message == "the tables `claims` differ among rows 1001 to 1102"


async def test_two_stores_that_lie_alike_do_not_verify(
    source: SqliteStore, target: PostgresStore, tmp_path: Path, rules: Rules
) -> None:
    async def lie(tx: Transaction) -> None:
        [entry] = (await tx.entries([9])).values()
        await tx.erase(9, ["message"], replace(entry.veil, salts={}, erased={"message": b"x" * 32}))

    account: Account = (await acme_of(source)).account
    await copy(source, target, silent)
    for store in (source, target):
        await store.transact(account.id, lie)
    with pytest.raises(Corrupt) as found:
        await compare(source, target, silent)
    assert (found.value.sequence, found.value.reason) == (9, "its content does not give the digest stored for it")
