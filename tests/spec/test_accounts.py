"""Accounts and keys: names that are unique, keys that are kept as they were made, and that only move forward in use."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.account import Account, Key, Principal
from app.domain.errors import AlreadyExists, NotFound
from app.ports import Store, Transaction
from app.question.filters import Filters
from app.question.groups import Groups
from app.question.records import RecordKind, Records
from app.question.rows import Rows
from app.question.scope import Scope
from tests.asking import nothing_written
from tests.events import START, at


async def test_an_account_is_found_by_name_and_by_id(store: Store) -> None:
    made = [await store.create_account(name, at(number)) for number, name in enumerate(["b", "é", "a", "Z"])]

    assert [each.name for each in made] == ["b", "é", "a", "Z"]
    assert [each.created_at for each in made] == [at(number) for number in range(4)]
    assert len({each.id for each in made}) == 4
    assert min(each.id for each in made) > 0
    for each in made:
        assert await store.account_named(each.name) == each
        assert await store.account(each.id) == each
    assert [each.name for each in await store.accounts()] == ["Z", "a", "b", "é"]
    assert await store.account_named("B") is None
    assert await store.account(99) is None


async def test_a_name_is_taken_once(store: Store, account: Account) -> None:
    with pytest.raises(AlreadyExists) as refused:
        await store.create_account("acme", at(1))
    assert refused.value.message == "an account named acme exists"
    assert await store.accounts() == [account]


async def test_of_an_account_that_does_not_exist_there_is_nothing(store: Store, account: Account) -> None:
    scope = Scope(99, 10)
    assert await store.rows(Rows(scope)) == []
    assert [batch async for batch in store.stream(Rows(scope))] == []
    assert await store.extent(scope, Filters()) is None
    assert (await store.groups(Groups(scope))).groups == []
    assert await store.records(Records(scope, RecordKind.CUSTOMER)) == []
    assert await store.sequence_at(99, START) == 0
    assert await store.keys(99) == []

    async def body(tx: Transaction) -> None:
        await tx.lock()

    with pytest.raises(NotFound):
        await store.head(99)
    with pytest.raises(NotFound):
        await store.transact(99, body)


def key(account: Account, name: str = "k1", hours: float = 0) -> Key:
    return Key(
        id=name,
        account_id=account.id,
        label="of the météo 😀",
        secret_digest=b"\0\xff" * 16,
        scopes=("usage:write", "report:read"),
        created_at=at(hours),
        cidrs=("10.0.0.0/8", "::1/128"),
        expires_at=at(99),
        replaces="k0",
    )


async def put(store: Store, *keys: Key) -> None:
    async def body(tx: Transaction) -> None:
        for each in keys:
            await tx.put_key(each)

    await store.transact(keys[0].account_id, body)


async def test_a_key_is_kept_as_it_was_made(store: Store, account: Account) -> None:
    bare = Key(id="bare", account_id=account.id, label="", secret_digest=b"x", scopes=(), created_at=START)
    full = key(account)
    await put(store, full, bare)
    assert await store.key("k1") == full
    assert await store.key("bare") == bare
    assert await store.key("K1") is None


async def test_a_key_is_replaced_by_its_id(store: Store, account: Account) -> None:
    await put(store, key(account))
    revoked = replace(key(account), revoked_at=at(2), label="old")
    await put(store, revoked)
    assert await store.key("k1") == revoked
    assert await store.keys(account.id) == [revoked]


async def test_keys_are_told_oldest_first_and_by_account(store: Store, account: Account, stranger: Principal) -> None:
    own = [key(account, "kb", 2), key(account, "kz", 1), key(account, "ka", 2), key(account, "Kc", 2)]
    await put(store, *own)
    await put(store, key(stranger.account, "theirs"))
    assert [each.id for each in await store.keys(account.id)] == ["kz", "Kc", "ka", "kb"]
    assert [each.id for each in await store.keys(stranger.account.id)] == ["theirs"]
    assert await store.key("theirs") == key(stranger.account, "theirs")


async def test_a_key_of_another_account_cannot_be_put(store: Store, account: Account, stranger: Principal) -> None:
    async def body(tx: Transaction) -> None:
        await tx.put_key(key(account, "mine"))
        await tx.put_key(key(stranger.account, "theirs"))

    with pytest.raises(ValueError, match="a key of another account"):
        await store.transact(account.id, body)
    assert await store.key("mine") is None
    assert await store.key("theirs") is None


async def test_the_last_use_of_a_key_only_moves_forward(store: Store, account: Account, stranger: Principal) -> None:
    await put(store, key(account, "ka"), key(account, "kb"))
    await put(store, key(stranger.account, "theirs"))

    await store.touch_keys({"ka": at(5), "theirs": at(6), "unknown": at(7)})
    await store.touch_keys({"ka": at(4), "kb": at(1)})
    await store.touch_keys({"kb": at(1) + timedelta.resolution})
    await store.touch_keys({})

    uses = {each.id: each.last_used_at for each in [*await store.keys(account.id), *await store.keys(stranger.account.id)]}
    assert uses == {"ka": at(5), "kb": at(1) + timedelta.resolution, "theirs": at(6)}


async def test_using_a_key_is_no_entry(store: Store, account: Account) -> None:
    await put(store, key(account))
    async with nothing_written(store, account):
        await store.touch_keys({"k1": at(1)})
