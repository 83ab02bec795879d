"""Verifying a stored ledger: it holds after everything that can be done, and whatever is changed underneath is named."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.domain.account import Account, Principal, genesis
from app.domain.catalogue import RecordKind
from app.domain.entry import EntryKind, Veil
from app.domain.errors import Corrupt
from app.ledger.catalogue import upsert
from app.ledger.chain import Verified, verify
from app.ledger.commands import Rules, amend, record, retract
from app.ledger.erasure import erase
from app.ports import Head, Store
from app.question.rows import Rows
from app.question.scope import Scope
from app.storage.memory import MemoryStore
from tests.conftest import Clock
from tests.databases import DATABASES
from tests.events import activity, usage


async def verified(store: Store, account: Account, head: Head | None = None) -> Verified:
    """Walk the chain up to the present head, or one that was kept."""
    head = head or await store.head(account.id)
    return await verify(store.stream(Rows(Scope(account.id, head.sequence), descending=False)), genesis(account.name), head)


def told(found: Verified) -> tuple[int, bytes, int]:
    """How many entries, the chain at their end, and how many have erased texts."""
    return found.entries, found.chain, found.erased


async def live_a_little(store: Store, admin: Principal, rules: Rules, clock: Clock) -> None:
    """Entries of every kind, recorded at different instants."""
    await record(store, admin, [usage(id=f"e{number}", message=f"message {number}") for number in range(4)], rules=rules)
    clock.advance(seconds=1)
    await amend(store, admin, "evt_1_2", {"quantity": "99999999999999999999.999999999999999999"}, rules=rules, reason="typo")
    await retract(store, admin, "evt_1_3", rules=rules, reason="never happened")
    clock.advance(seconds=1)
    await record(store, admin, [activity(additional_data={"é": [Decimal("0.1"), None]})], rules=rules, kind=EntryKind.ACTIVITY)
    await upsert(store, admin, RecordKind.CUSTOMER, "c1", {"name": "Ada"}, rules=rules)
    clock.advance(hours=-3)
    await erase(store, admin, "act_1_1", rules=rules)


async def test_an_empty_ledger_holds(store: Store, account: Account) -> None:
    assert told(await verified(store, account)) == (0, genesis("acme"), 0)


async def test_a_ledger_holds_after_everything_that_can_be_done(
    store: Store, account: Account, admin: Principal, stranger: Principal, rules: Rules, clock: Clock
) -> None:
    await live_a_little(store, admin, rules, clock)
    await record(store, stranger, [usage()], rules=rules)
    assert told(await verified(store, account)) == (10, (await store.head(account.id)).chain, 1)
    assert (await verified(store, stranger.account)).entries == 1


async def test_a_head_that_was_kept_still_verifies_later(
    store: Store, account: Account, admin: Principal, rules: Rules, clock: Clock
) -> None:
    heads = [await store.head(account.id)]
    for number in range(3):
        await record(store, admin, [usage(message="m"), usage(quantity=number)], rules=rules)
        heads.append(await store.head(account.id))
    await erase(store, admin, "act_1_1", rules=rules)
    assert [(await verified(store, account, head)).entries for head in heads] == [0, 2, 4, 6]
    assert [head.chain for head in heads] == [(await verified(store, account, head)).chain for head in heads]


async def test_the_same_words_in_two_accounts_have_different_chains(
    store: Store, account: Account, admin: Principal, stranger: Principal, rules: Rules
) -> None:
    for caller in (admin, stranger):
        await record(store, caller, [usage()], rules=rules)
    heads = [await store.head(each.account.id) for each in (admin, stranger)]
    assert heads[0].chain != heads[1].chain
    with pytest.raises(Corrupt):
        await verified(store, account, heads[1])


Tamper = Callable[[str, int, str | bytes], Awaitable[None]]


@pytest.fixture
def tamper(store: Store, engine: str, account: Account, tmp_path: Path) -> Tamper:
    """Sets a column of the account's entry with that sequence, or takes the entry out (column ""), behind the store's back."""

    async def in_memory(column: str, sequence: int, value: str | bytes) -> None:
        assert isinstance(store, MemoryStore)
        entries = store.ledgers[account.id].entries
        if not column:
            del entries[sequence - 1]
        elif column == "veil":
            assert isinstance(value, bytes)
            entries[sequence - 1] = replace(entries[sequence - 1], veil=Veil.from_bytes(value))
        else:
            changed: dict[str, Any] = {column: value}
            entries[sequence - 1] = replace(entries[sequence - 1], **changed)

    async def in_file(column: str, sequence: int, value: str | bytes) -> None:
        statement = f"UPDATE entries SET {column} = ?" if column else "DELETE FROM entries"
        values = [value] if column else []
        with contextlib.closing(sqlite3.connect(tmp_path / "ledger.db")) as connection, connection:
            done = connection.execute(f"{statement} WHERE account_id = ? AND sequence = ?", [*values, account.id, sequence])
            assert done.rowcount == 1

    async def in_server(column: str, sequence: int, value: str | bytes) -> None:
        statement = f"UPDATE entries SET {column} = $3" if column else "DELETE FROM entries"
        values = [value] if column else []
        connection = await asyncpg.connect(await DATABASES.lend(tmp_path))
        done = await connection.execute(f"{statement} WHERE account_id = $1 AND sequence = $2", account.id, sequence, *values)
        assert done in ("UPDATE 1", "DELETE 1")
        await connection.close()

    return {"memory": in_memory, "sqlite": in_file, "postgres": in_server}[engine]


@pytest.mark.parametrize(
    ("column", "sequence", "value", "named", "reason"),
    [
        ("customer_id", 2, "c2", 2, "its content does not give the digest stored for it"),
        ("action", 5, "usage.stored", 5, "its content does not give the digest stored for it"),
        ("message", 3, "something else", 3, "its content does not give the digest stored for it"),
        ("message", 1, "what was erased", 1, "its content does not give the digest stored for it"),
        ("veil", 4, b"\0" + b"x" * 16, 4, "its content does not give the digest stored for it"),
        ("record", 9, '{"kind":"customer","id":"c2"}', 9, "its content does not give the digest stored for it"),
        ("content_digest", 7, b"x" * 32, 7, "its content does not give the digest stored for it"),
        ("leaf", 8, b"x" * 32, 8, "its sequence, time of recording and content do not give its leaf"),
        ("chain", 6, b"x" * 32, 6, "its leaf and the chain before it do not give the chain stored for it"),
        ("chain", 10, b"x" * 32, 10, "its leaf and the chain before it do not give the chain stored for it"),
        ("", 1, "", 1, "is missing; entry 2 follows entry 0"),
        ("", 6, "", 6, "is missing; entry 7 follows entry 5"),
    ],
)
async def test_what_was_changed_underneath_is_named_with_its_sequence(
    store: Store,
    account: Account,
    admin: Principal,
    rules: Rules,
    clock: Clock,
    tamper: Tamper,
    column: str,
    sequence: int,
    value: str | bytes,
    named: int,
    reason: str,
) -> None:
    await live_a_little(store, admin, rules, clock)
    kept = await store.head(account.id)
    await tamper(column, sequence, value)
    with pytest.raises(Corrupt) as found:
        await verified(store, account, kept)
    assert (found.value.sequence, found.value.reason, found.value.code) == (named, reason, "LEDGER_CORRUPT")


async def test_a_cut_end_is_betrayed_by_the_head_that_was_kept(
    store: Store, account: Account, admin: Principal, rules: Rules, clock: Clock, tamper: Tamper
) -> None:
    await live_a_little(store, admin, rules, clock)
    kept = await store.head(account.id)
    await tamper("", 10, "")
    with pytest.raises(Corrupt) as found:
        await verified(store, account, kept)
    assert (found.value.sequence, found.value.reason) == (10, "is missing; the ledger says that it ends at entry 10")
