"""Remembering, for less than a second, who a token stands for, and noting when keys were used.

A key that is revoked is refused by every process within that second; until then a request costs no look-up.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from datetime import datetime

from app.access.memory import Memory
from app.access.tokens import check_usable, key_behind, key_named
from app.domain.account import Account, Key, Principal
from app.domain.instant import now
from app.ports import Accounts


class Doorkeeper:
    """Turns tokens into principals; one for each process.

    `admit` is what doors call. `flush` writes the last uses noted since the last one; to be called every few seconds.
    """

    def __init__(self, accounts: Accounts, clock: Callable[[], datetime] = now) -> None:
        self._accounts = accounts
        self._clock = clock
        self._known: Memory[tuple[Principal, Key]] = Memory()
        self._looking: dict[bytes, asyncio.Task[tuple[Account, Key]]] = {}
        self._used: dict[str, datetime] = {}

    async def admit(self, token: str, address: str | None) -> Principal:
        """The principal that the token stands for; raises Unauthenticated."""
        # Known by digest, so that no token lies in memory longer than its request.
        digest = hashlib.sha256(token.encode(errors="surrogatepass")).digest()
        return self._admitted(self._known.get(digest) or await self._look(digest, token), address)

    async def admit_key(self, account_id: int, key_id: str, address: str | None) -> Principal:
        """The principal behind a key of that account, proven otherwise than by its token; raises Unauthenticated."""
        name = key_id.encode()
        found = self._known.get(name) or self._remember(name, await key_named(self._accounts, account_id, key_id))
        return self._admitted(found, address)

    async def flush(self) -> None:
        """Write when keys were last used."""
        used, self._used = self._used, {}
        if used:
            await self._accounts.touch_keys(used)

    async def _look(self, digest: bytes, token: str) -> tuple[Principal, Key]:
        """What the store says of the token. Who asks while it is asked already gets the same answer."""
        looking = self._looking.get(digest)
        if looking is None:
            looking = asyncio.create_task(key_behind(self._accounts, token))
            self._looking[digest] = looking
            looking.add_done_callback(lambda _: self._looking.pop(digest, None))
        return self._remember(digest, await asyncio.shield(looking))

    def _admitted(self, found: tuple[Principal, Key], address: str | None) -> Principal:
        principal, key = found
        at = self._clock()
        check_usable(key, address=address, at=at)
        self._used[principal.key_id] = at
        return principal

    def _remember(self, name: bytes, found: tuple[Account, Key]) -> tuple[Principal, Key]:
        account, key = found
        made = Principal(account, key.id, frozenset(key.scopes)), key
        self._known.put(name, made)
        return made
