"""A ledger that was edited, added to, cut or rewritten by raw SQL, and an earlier checkpoint that tells where it begins."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.domain.account import Account, Principal
from app.domain.entry import Content, Entry
from app.domain.errors import Corrupt
from app.domain.instant import to_micros
from app.domain.merkle import Growing
from app.evidence import checkpoints
from app.evidence.keys import Signer
from app.evidence.verification import kept_roots, roots_in, verify_ledger
from app.evidence.verifier import NotProven
from app.ledger.chain import prepare, seal
from app.ledger.commands import Rules, record
from app.ports import Head, Store
from tests.asking import ledger_of
from tests.conftest import DURABLE, Clock
from tests.databases import DATABASES
from tests.events import usage

Sql = Callable[..., Awaitable[list[tuple[Any, ...]]]]
SIZE = 12
AT = 8
"""Where the earlier checkpoint is."""


@pytest.fixture(params=DURABLE)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def sql(engine: str, tmp_path: Path, store: Store) -> Sql:
    """Runs a statement behind the store's back; `$1` and so on stand for the values."""

    async def run(statement: str, *values: Any) -> list[tuple[Any, ...]]:
        if engine == "postgres":
            connection = await asyncpg.connect(await DATABASES.lend(tmp_path))
            rows = await connection.fetch(statement, *values)
            await connection.close()
            return [tuple(row) for row in rows]
        for at in range(len(values), 0, -1):
            statement = statement.replace(f"${at}", f"?{at}")
        with contextlib.closing(sqlite3.connect(tmp_path / "ledger.db")) as connection, connection:
            return connection.execute(statement, values).fetchall()

    return run


@pytest.fixture
async def roots(store: Store, account: Account, admin: Principal, rules: Rules, clock: Clock) -> dict[int, bytes]:
    """The root of a checkpoint at AT of a ledger of SIZE entries."""
    signer = Signer(store, clock=clock)
    for at in range(SIZE):
        await record(store, admin, [usage(quantity=str(at + 1))], rules=rules)
        clock.advance(seconds=1)
        if at + 1 == AT:
            kept = await checkpoints.checkpoint(store, signer, admin)
    found = roots_in(json.dumps(kept), await _keys(signer), account)
    assert (await verify_ledger(store, account, found)).checkpoints == (AT,)
    return found


async def _keys(signer: Signer) -> dict[str, bytes]:
    return {each.id: each.public_key for each in await signer.published()}


async def broken(store: Store, account: Account, roots: dict[int, bytes]) -> tuple[int, str]:
    with pytest.raises(Corrupt) as found:
        await verify_ledger(store, account, roots)
    return found.value.sequence, found.value.reason


async def test_an_edited_entry_is_named(store: Store, account: Account, roots: dict[int, bytes], sql: Sql) -> None:
    await sql("UPDATE entries SET customer_id = 'c2' WHERE sequence = 5")
    assert await broken(store, account, roots) == (5, "its content does not give the digest stored for it")


async def test_an_inserted_entry_is_named(store: Store, account: Account, roots: dict[int, bytes], sql: Sql, engine: str) -> None:
    await _shift(sql, from_=4, by=1)
    listed = {
        "sqlite": "SELECT name FROM pragma_table_info('entries')",
        "postgres": "SELECT column_name::text FROM information_schema.columns WHERE table_name = 'entries'",
    }
    names = [row[0] for row in await sql(listed[engine])]
    kept = ", ".join(each for each in names if each not in ("sequence", "customer_id"))
    await sql(f"INSERT INTO entries (sequence, customer_id, {kept}) SELECT 4, 'mine', {kept} FROM entries WHERE sequence = 5")
    await sql("UPDATE heads SET sequence = sequence + 1")
    assert await broken(store, account, roots) == (4, "its content does not give the digest stored for it")


async def test_a_deleted_entry_is_named(store: Store, account: Account, roots: dict[int, bytes], sql: Sql) -> None:
    await sql("DELETE FROM entries WHERE sequence = 6")
    assert await broken(store, account, roots) == (6, "is missing; entry 7 follows entry 5")
    # Those above moved down into the gap, and the end with them.
    await _shift(sql, from_=7, by=-1)
    await sql("UPDATE heads SET sequence = sequence - 1")
    assert await broken(store, account, roots) == (6, "its sequence, time of recording and content do not give its leaf")


async def test_a_cut_ledger_is_named_by_its_first_missing_entry(
    store: Store, account: Account, roots: dict[int, bytes], sql: Sql
) -> None:
    [(chain, moment)] = await sql("SELECT chain, recorded_at FROM entries WHERE sequence = 5")
    await sql("DELETE FROM entries WHERE sequence > 5")
    assert await broken(store, account, roots) == (6, "is missing; the ledger says that it ends at entry 12")
    # With the head put where the entries end, the ledger by itself is without fault: only the checkpoint knows better.
    await sql("UPDATE heads SET sequence = 5, chain = $1, recorded_at = $2", chain, moment)
    assert (await verify_ledger(store, account, {})).entries == 5
    assert await broken(store, account, roots) == (6, "is missing; the ledger reached entry 8 when a checkpoint was signed there")


async def test_an_entry_past_the_end_is_named(store: Store, account: Account, roots: dict[int, bytes], sql: Sql) -> None:
    [(chain, moment)] = await sql("SELECT chain, recorded_at FROM entries WHERE sequence = 10")
    await sql("UPDATE heads SET sequence = 10, chain = $1, recorded_at = $2", chain, moment)
    assert await broken(store, account, roots) == (11, "stands beyond the end of the ledger at 10")


async def test_a_ledger_rewritten_with_all_digests_is_betrayed_by_the_checkpoint(
    store: Store, account: Account, roots: dict[int, bytes], sql: Sql, engine: str
) -> None:
    """Nobody can name the entry from a root alone: the range between two checkpoints is what can be told."""
    entries = await ledger_of(store, account)
    tree = Growing()
    for each in entries[:3]:
        tree.add(each.leaf)
    between = {3: tree.root()}
    await _rewrite(sql, engine, account, entries, at=5)
    assert (await verify_ledger(store, account, {})).entries == SIZE
    reason = "one of the entries {} to 8 is not what the checkpoint at 8 was signed over; all digests are new"
    assert await broken(store, account, roots) == (1, reason.format(1))
    assert await broken(store, account, roots | between) == (4, reason.format(4))


async def test_damaged_nodes_of_the_tree_are_found(
    store: Store, account: Account, admin: Principal, rules: Rules, sql: Sql
) -> None:
    await record(store, admin, [usage() for _ in range(1_030)], rules=rules)
    await sql("UPDATE tree_nodes SET digest = $1", b"x" * 32)
    sequence, reason = await broken(store, account, {})
    assert (sequence, reason[:37]) == (1_030, "the kept nodes of the tree give the r")


async def test_a_checkpoint_that_was_forged_or_is_of_another_ledger_is_refused(
    store: Store, account: Account, admin: Principal, stranger: Principal, rules: Rules, clock: Clock, sql: Sql
) -> None:
    signer = Signer(store, clock=clock)
    await record(store, admin, [usage()], rules=rules)
    await record(store, stranger, [usage()], rules=rules)
    kept = await checkpoints.keep(store, signer, account)
    await checkpoints.keep(store, signer, stranger.account)
    assert list(await kept_roots(store, signer, account)) == [1]
    text = json.dumps(kept)
    with pytest.raises(NotProven, match="it is one of the ledger of acme, not of globex"):
        roots_in(text, await _keys(signer), stranger.account)
    for nothing in ("", "{}", "x\n" + text):
        with pytest.raises(NotProven):
            roots_in(nothing, await _keys(signer), account)
    both = f"{text}\n\n{text}\n"
    assert list(roots_in(both, await _keys(signer), account)) == [1]
    await sql("UPDATE attestations SET document = replace(document, '\"sequence\":1', '\"sequence\":0')")
    with pytest.raises(NotProven, match="the signature does not belong to what the document states"):
        await kept_roots(store, signer, account)


async def _shift(sql: Sql, *, from_: int, by: int) -> None:
    # By way of negative ones, so that no two have the same sequence on the way.
    await sql(f"UPDATE entries SET sequence = -(sequence + {by}) WHERE sequence >= {from_}")
    await sql("UPDATE entries SET sequence = -sequence WHERE sequence < 0")


async def _rewrite(sql: Sql, engine: str, account: Account, entries: Sequence[Entry], *, at: int) -> None:
    """Say something else in the entry with that sequence, and make every digest from there on anew."""
    before = entries[at - 2]
    head = Head(before.sequence, before.recorded_at, before.chain)
    for each in entries[at - 1 :]:
        content = Content(**{name.name: getattr(each, name.name) for name in fields(Content)})
        if each.sequence == at:
            content.customer_id = "mine"
        [made] = seal(account.id, [prepare(content)], head, each.recorded_at)
        head = Head(made.sequence, made.recorded_at, made.chain)
        await sql(
            "UPDATE entries SET customer_id = $1, veil = $2, content_digest = $3, leaf = $4, chain = $5 WHERE sequence = $6",
            *(made.customer_id, made.veil.to_bytes(), made.content_digest, made.leaf, made.chain, made.sequence),
        )
    assert head.recorded_at is not None
    moment = head.recorded_at if engine == "postgres" else to_micros(head.recorded_at)
    await sql("UPDATE heads SET chain = $1, recorded_at = $2", head.chain, moment)
