"""The keys that accounts' links and sessions are signed with: one for each account and use, the same to every process.

A key is derived from the operator's secret where one is set; otherwise it is made once and kept in the store.
"""

from __future__ import annotations

import hmac
import secrets
from hashlib import sha256

from app.ports import Accounts

_KEY_BYTES = 32


class AccountSecrets:
    """Finds the keys of one use, `name`, and remembers them. `secret` is the operator's own, if there is one."""

    def __init__(self, store: Accounts, name: str, secret: str | None = None) -> None:
        self._store = store
        self._name = name
        self._secret = secret
        self._keys: dict[int, bytes] = {}

    async def key(self, account_id: int) -> bytes:
        """The account's key, made now if there was none: for signing."""
        found = await self.find(account_id)
        if found is None:
            found = await self._store.keep_secret(account_id, self._name, secrets.token_bytes(_KEY_BYTES))
            self._keys[account_id] = found
        return found

    async def find(self, account_id: int) -> bytes | None:
        """The account's key; None where none was made, so that nothing can be signed with it: for checking."""
        if self._secret is not None:
            return hmac.digest(self._secret.encode(), f"{self._name}\n{account_id}".encode(), sha256)
        found = self._keys.get(account_id) or await self._store.secret(account_id, self._name)
        if found is not None:
            self._keys[account_id] = found
        return found
