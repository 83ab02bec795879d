"""First answers: kept for their account alone, replaced whole, gone with a transaction that fails and once they expire."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.account import Account
from app.domain.first_answer import FirstAnswer
from app.ports import Store, Transaction
from tests.events import START


def an_answer(account: Account, key: str = "k", **stated: object) -> FirstAnswer:
    """An answer to a call of the account, kept for a day."""
    made = FirstAnswer(
        account_id=account.id,
        key=key,
        digest=bytes(range(32)),
        subject="rptx_1",
        status=201,
        data='{"quantity": 0.1000000000000000055}',
        created_at=START,
        expires_at=START + timedelta(days=1),
    )
    return replace(made, **stated)  # type: ignore[arg-type]


def putting(*answers: FirstAnswer) -> Callable[[Transaction], Awaitable[None]]:
    async def body(tx: Transaction) -> None:
        await tx.lock()
        for each in answers:
            await tx.put_first_answer(each)

    return body


async def kept(store: Store, account: Account, key: str = "k") -> FirstAnswer | None:
    return await store.transact(account.id, lambda tx: tx.first_answer(key))


async def test_an_answer_is_found_again_as_it_was_put(store: Store, account: Account) -> None:
    assert await kept(store, account) is None

    await store.transact(account.id, putting(an_answer(account), an_answer(account, "other", data=None)))

    assert await kept(store, account) == an_answer(account)
    assert await kept(store, account, "other") == an_answer(account, "other", data=None)


async def test_an_answer_is_seen_by_the_transaction_that_puts_it(store: Store, account: Account) -> None:
    async def body(tx: Transaction) -> FirstAnswer | None:
        await putting(an_answer(account))(tx)
        return await tx.first_answer("k")

    assert await store.transact(account.id, body) == an_answer(account)


async def test_a_later_answer_takes_the_place_of_the_one_before(store: Store, account: Account) -> None:
    later = an_answer(account, data="[]", status=200)
    await store.transact(account.id, putting(an_answer(account, data=None)))
    await store.transact(account.id, putting(later))

    assert await kept(store, account) == later


async def test_each_account_has_its_own_keys(store: Store, account: Account) -> None:
    other = await store.create_account("globex", START)
    await store.transact(account.id, putting(an_answer(account)))

    assert await kept(store, other) is None
    await store.transact(other.id, putting(an_answer(other, data="2")))
    assert await kept(store, account) == an_answer(account)


async def test_what_a_transaction_put_is_gone_if_it_fails(store: Store, account: Account) -> None:
    async def body(tx: Transaction) -> None:
        await putting(an_answer(account))(tx)
        raise RuntimeError("after all")

    with pytest.raises(RuntimeError, match="after all"):
        await store.transact(account.id, body)
    assert await kept(store, account) is None


async def test_expired_answers_are_dropped_when_a_later_one_is_made(store: Store, account: Account) -> None:
    expiry = an_answer(account).expires_at
    await store.transact(
        account.id, putting(an_answer(account), an_answer(account, "longer", expires_at=expiry + timedelta(days=1)))
    )
    assert await kept(store, account) == an_answer(account)

    await store.transact(account.id, putting(an_answer(account, "new", created_at=expiry)))

    assert await kept(store, account) is None
    assert await kept(store, account, "longer") is not None


async def test_an_answer_of_another_account_is_refused(store: Store, account: Account) -> None:
    other = await store.create_account("globex", START)

    with pytest.raises(ValueError, match="another account"):
        await store.transact(account.id, putting(an_answer(other)))
    assert await kept(store, other) is None
