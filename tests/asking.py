"""Short ways for tests to ask a store what it holds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.domain.account import Account
from app.domain.entry import Entry
from app.ports import Store
from app.question.rows import Rows
from app.question.scope import Scope


async def live(store: Store, account: Account) -> Scope:
    """The account's ledger up to its present end."""
    return Scope(account.id, (await store.head(account.id)).sequence)


async def ledger_of(store: Store, account: Account) -> list[Entry]:
    """Every entry of the account, oldest first."""
    return await store.rows(Rows(await live(store, account), descending=False))


@asynccontextmanager
async def nothing_written(store: Store, account: Account) -> AsyncIterator[None]:
    """What happens inside leaves the account's ledger exactly as it was."""
    head, entries = await store.head(account.id), await ledger_of(store, account)
    yield
    assert await store.head(account.id) == head
    assert await ledger_of(store, account) == entries
