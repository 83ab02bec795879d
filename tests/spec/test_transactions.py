"""Transactions: all or nothing, one after another within an account, and what a body sees while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.domain.account import Account, Key, Principal
from app.domain.catalogue import RecordKind
from app.domain.entry import Entry, EntryKind, Veil
from app.domain.errors import AlreadyCorrected, NotFound
from app.ledger.chain import Prepared, prepare, seal
from app.ledger.commands import Rules, record, retract
from app.ledger.events import claim_key, usage
from app.ports import Claim, Store, Transaction
from app.question.records import Records
from app.question.scope import Scope
from tests.asking import ledger_of, nothing_written
from tests.conftest import DURABLE, open_engine
from tests.events import START
from tests.events import usage as stated


class Stop(Exception):
    """What a body raises in the midst of its work."""


def made(rules: Rules, **changes: object) -> Prepared:
    return prepare(usage(stated(**changes), now=START, max_future=rules.max_future))


async def test_what_a_body_raises_leaves_nothing_behind(store: Store, account: Account, admin: Principal, rules: Rules) -> None:
    await record(store, admin, [stated(id="a", message="kept", customer_id="c1")], rules=rules)

    async def body(tx: Transaction) -> None:
        head = await tx.lock()
        new = made(rules, id="b", customer_id="c2")
        key = claim_key(new.content)
        assert key is not None
        entries = seal(account.id, [new], head, START)
        await tx.append(entries, [Claim(key, entries[0].sequence)])
        await tx.erase(1, ["message"], Veil({}, {"message": b"x" * 32}))
        await tx.put_key(Key(id="k", account_id=account.id, label="", secret_digest=b"x", scopes=(), created_at=START))
        raise Stop

    async with nothing_written(store, account):
        with pytest.raises(Stop):
            await store.transact(account.id, body)
    assert await store.key("k") is None
    assert [each.id for each in await store.records(Records(Scope(account.id, 9), RecordKind.CUSTOMER))] == ["c1"]

    # Neither the sender's id nor the stub's place was taken.
    [again] = await record(store, admin, [stated(id="b", customer_id="c2")], rules=rules)
    assert again.entry is not None
    assert again.entry.sequence == 2
    found = await store.records(Records(Scope(account.id, 2), RecordKind.CUSTOMER))
    assert [(each.id, each.sequence) for each in found] == [("c1", 1), ("c2", 2)]


async def test_a_body_sees_what_it_has_appended(store: Store, account: Account, admin: Principal, rules: Rules) -> None:
    await record(store, admin, [stated(id="a")], rules=rules)

    async def body(tx: Transaction) -> str:
        before = await tx.lock()
        new = made(rules, id="b", customer_id="c2", message="m")
        key = claim_key(new.content)
        assert key is not None
        assert await tx.claimed([key]) == {}
        [entry] = seal(account.id, [new], before, START)
        await tx.append([entry], [Claim(key, 2)])

        after = await tx.lock()
        assert (after.sequence, after.chain, after.recorded_at) == (2, entry.chain, START)
        assert await tx.claimed([key, b"?" * 16]) == {key: 2}
        assert await tx.entries([2, 3]) == {2: entry}
        assert await tx.versions(2) == [entry]
        found = await tx.record("customer", "c2")
        assert found is not None
        assert (found.stub, found.sequence) == (True, 2)

        veil = entry.veil.without(entry.texts())
        await tx.erase(2, ["message"], veil)
        assert (await tx.entries([2]))[2].message is None
        assert (await tx.entries([2]))[2].veil == veil
        return "done"

    assert await store.transact(account.id, body) == "done"
    assert [entry.message for entry in await ledger_of(store, account)] == [None, None]


async def test_a_body_looks_up_only_its_own_account(
    store: Store, account: Account, admin: Principal, stranger: Principal, rules: Rules
) -> None:
    await record(store, stranger, [stated(id="a")], rules=rules)
    await retract(store, stranger, f"evt_{stranger.account.id}_1", rules=rules, reason="never happened")

    async def body(tx: Transaction) -> None:
        key = claim_key(made(rules, id="a").content)
        assert key is not None
        assert (await tx.lock()).sequence == 0
        assert await tx.claimed([key]) == {}
        assert await tx.entries([1, 2]) == {}
        assert await tx.versions(1) == []
        assert await tx.record("customer", "c1") is None
        with pytest.raises(NotFound):
            await tx.erase(1, ["message"], Veil({}, {}))

    await store.transact(account.id, body)


async def test_entries_that_do_not_follow_the_head_are_refused(
    store: Store, account: Account, admin: Principal, stranger: Principal, rules: Rules
) -> None:
    await record(store, admin, [stated()], rules=rules)
    head = await store.head(account.id)
    [good] = seal(account.id, [made(rules)], head, START)

    async def refused(entries: Sequence[Entry]) -> None:
        async def body(tx: Transaction) -> None:
            await tx.lock()
            await tx.append(entries, [])

        async with nothing_written(store, account):
            with pytest.raises(ValueError, match="does not follow the head"):
                await store.transact(account.id, body)

    await refused(seal(account.id, [made(rules), made(rules)], head, START)[1:])
    await refused(seal(stranger.account.id, [made(rules)], head, START))
    await refused([good, good])


async def test_an_entry_is_reversed_once(store: Store, account: Account, admin: Principal, rules: Rules) -> None:
    await record(store, admin, [stated()], rules=rules)
    done = await retract(store, admin, "evt_1_1", rules=rules, reason="never happened")

    async def body(tx: Transaction) -> None:
        head = await tx.lock()
        await tx.append(seal(account.id, [Prepared(done.reversal, done.reversal.content_digest)], head, START), [])

    async with nothing_written(store, account):
        with pytest.raises(AlreadyCorrected):
            await store.transact(account.id, body)


async def test_bodies_of_one_account_run_one_after_another(store: Store, account: Account, rules: Rules) -> None:
    async def body(tx: Transaction) -> int:
        head = await tx.lock()
        await tx.append(seal(account.id, [made(rules), made(rules)], head, START), [])
        return head.sequence

    heads = await asyncio.gather(*(store.transact(account.id, body) for _ in range(20)))
    assert sorted(heads) == list(range(0, 40, 2))
    assert [entry.sequence for entry in await ledger_of(store, account)] == list(range(1, 41))


async def test_a_failing_body_does_not_disturb_its_neighbours(store: Store, account: Account, rules: Rules) -> None:
    async def body(tx: Transaction, *, fails: bool) -> None:
        head = await tx.lock()
        await tx.append(seal(account.id, [made(rules, quantity=int(fails))], head, START), [])
        if fails:
            raise Stop

    answers = await asyncio.gather(
        *(store.transact(account.id, lambda tx, fails=bool(number % 2): body(tx, fails=fails)) for number in range(20)),
        return_exceptions=True,
    )
    assert [isinstance(answer, Stop) for answer in answers] == [False, True] * 10
    assert [entry.quantity for entry in await ledger_of(store, account)] == [0] * 10


@pytest.mark.parametrize("engine", DURABLE)
async def test_what_was_recorded_is_there_after_closing_and_opening_again(
    engine: str, store: Store, account: Account, admin: Principal, rules: Rules, tmp_path: Path
) -> None:
    await record(store, admin, [stated(id="a", message="m", additional_data={"a": 1})], rules=rules)
    await record(store, admin, [stated(license_id="l")], rules=rules, kind=EntryKind.USAGE)
    entries, head = await ledger_of(store, account), await store.head(account.id)
    await store.close()

    again = await open_engine(engine, tmp_path)
    try:
        await again.ready()
        assert await again.account_named("acme") == account
        assert (await ledger_of(again, account), await again.head(account.id)) == (entries, head)
        [outcome] = await record(again, admin, [stated(id="a", message="m", additional_data={"a": 1})], rules=rules)
        assert outcome.entry == entries[0]
    finally:
        await again.close()


async def test_a_store_says_that_it_is_ready_and_may_be_closed_twice(store: Store) -> None:
    await store.ready()
    await store.close()
    await store.close()
