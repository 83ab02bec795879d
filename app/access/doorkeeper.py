"""Remembering, for less than a second, who a token stands for, and noting when keys were used.

A key that is revoked is refused by every process within that second; until then a request costs no look-up.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime

from app.access.tokens import check_usable, key_behind
from app.domain.account import Key, Principal
from app.domain.instant import now
from app.ports import Accounts

_REMEMBERED_SECONDS = 0.5
_MOST_REMEMBERED = 10_000


class Doorkeeper:
    """Turns tokens into principals; one for each process.

    `admit` is what doors call. `flush` writes the last uses noted since the last one; to be called every few seconds.
    """

    def __init__(self, accounts: Accounts, clock: Callable[[], datetime] = now) -> None:
        self._accounts = accounts
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[float, Principal, Key]] = OrderedDict()
        self._used: dict[str, datetime] = {}

    async def admit(self, token: str, address: str | None) -> Principal:
        """The principal that the token stands for; raises Unauthenticated."""
        at = self._clock()
        # Keyed by digest, so that no token lies in memory longer than its request.
        digest = hashlib.sha256(token.encode(errors="surrogatepass")).digest()
        found = self._known.get(digest)
        if found is not None and found[0] > time.monotonic():
            principal, key = found[1], found[2]
        else:
            account, key = await key_behind(self._accounts, token)
            principal = Principal(account, key.id, frozenset(key.scopes))
            self._remember(digest, principal, key)
        check_usable(key, address=address, at=at)
        self._used[principal.key_id] = at
        return principal

    async def flush(self) -> None:
        """Write when keys were last used."""
        used, self._used = self._used, {}
        if used:
            await self._accounts.touch_keys(used)

    def _remember(self, digest: bytes, principal: Principal, key: Key) -> None:
        self._known[digest] = (time.monotonic() + _REMEMBERED_SECONDS, principal, key)
        self._known.move_to_end(digest)
        while len(self._known) > _MOST_REMEMBERED:
            self._known.popitem(last=False)
