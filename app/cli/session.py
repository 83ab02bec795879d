"""What every command does first and last: read the settings, open the store, find the account, close the store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from app.bootstrap import open_store, rules_of
from app.domain.account import Account, Permission, Principal
from app.domain.errors import NotFound
from app.ledger.commands import Rules
from app.ports import Store
from app.settings import Settings, load

T = TypeVar("T")
OPERATOR = "operator"
"""The key id that the command line's own acts are recorded under: whoever can open the store needs no key."""


@dataclass(frozen=True, slots=True)
class Session:
    """An open store and the rules for recording in it."""

    settings: Settings
    store: Store
    rules: Rules

    async def account(self, name: str) -> Account:
        """The account of that name, or with that id; raises NotFound."""
        found = await self.store.account_named(name)
        if found is None and name.isascii() and name.isdigit():
            found = await self.store.account(int(name))
        if found is None:
            raise NotFound(f"no account {name}; `gateway account create {name}` makes one")
        return found

    async def principal(self, account: str) -> Principal:
        """The operator as a caller of that account."""
        return Principal(await self.account(account), OPERATOR, frozenset({Permission.ADMIN.value}))


@asynccontextmanager
async def session() -> AsyncIterator[Session]:
    """A session with the store that the settings name."""
    settings = load()
    store = await open_store(settings)
    try:
        yield Session(settings, store, rules_of(settings))
    finally:
        await store.close()


def run(body: Callable[[Session], Awaitable[T]]) -> T:
    """Run `body` in a session, from the synchronous command line."""

    async def opened() -> T:
        async with session() as current:
            return await body(current)

    return asyncio.run(opened())
