"""Sessions: JSON Web Tokens (RFC 7519) that legacy callers get for a key's id and secret, and show for a day instead of these.

A session stands for its key: whatever ends or narrows the key does the same to its sessions within a second. It holds at the door
that it was opened at alone (the claim `aud`), and can be ended early. That it was ended is noted for as long as its token would
have lived, and no longer.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from app.access.doorkeeper import Doorkeeper
from app.access.memory import Memory
from app.access.secrets import AccountSecrets
from app.domain.account import Principal
from app.domain.errors import Unauthenticated
from app.ports import Accounts

LIFETIME = timedelta(hours=24)
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,512}\.[A-Za-z0-9_-]{1,1024}\.[A-Za-z0-9_-]{43}", re.ASCII)
"""What tokens look like; PyJWT by itself also takes padding."""
_ALGORITHM = "HS256"
_CLAIMS = ("sub", "aud", "jti", "iat", "exp")


@dataclass(frozen=True, slots=True)
class Session:
    """What a session's token says: which key it stands for, at which door (`purpose`, the door's own word), until when."""

    id: str
    purpose: str
    account_id: int
    key_id: str
    expires_at: datetime


class Sessions:
    """Opens, admits and ends sessions; one for each process. `secret` is the operator's own, if there is one."""

    def __init__(self, store: Accounts, doorkeeper: Doorkeeper, secret: str | None = None) -> None:
        self._store = store
        self._doorkeeper = doorkeeper
        self._secrets = AccountSecrets(store, "sessions", secret)
        self._known: Memory[Session] = Memory()

    async def open(self, purpose: str, principal: Principal, *, at: datetime) -> tuple[str, Session]:
        """The token of a new session that stands for the principal's key for a day from `at`, and what it says."""
        import jwt  # loads cryptography, which a command line's work must not wait for

        expires = int((at + LIFETIME).timestamp())
        account_id = principal.account.id
        session = Session(secrets.token_urlsafe(16), purpose, account_id, principal.key_id, datetime.fromtimestamp(expires, UTC))
        claims = {"sub": session.key_id, "aud": purpose, "jti": session.id, "iat": int(at.timestamp()), "exp": expires}
        key = await self._secrets.key(account_id)
        # The header names the account, since each has a key of its own.
        return jwt.encode(claims, key, algorithm=_ALGORITHM, headers={"kid": str(account_id)}), session

    async def admit(self, token: str, purpose: str, *, address: str | None, at: datetime) -> tuple[Principal, Session]:
        """Who the token of a session stands for, shown at that door, and the session.

        Raises KeyEnded where its key was revoked or has expired, Unauthenticated for every other token that does not hold.
        """
        name = _digest(token)
        session = self._known.get(name)
        if session is None:
            session = await self._read(token, purpose)
            if await self._store.session_ended(session.account_id, session.id):
                raise Unauthenticated("the session was ended")
            self._known.put(name, session)
        if session.purpose != purpose:
            raise _refused()
        if at >= session.expires_at:
            raise Unauthenticated("the session has expired")
        return await self._doorkeeper.admit_key(session.account_id, session.key_id, address), session

    async def end(self, token: str, session: Session, *, at: datetime) -> None:
        """Refuse the session from now on: here at once, elsewhere within a second."""
        await self._store.forget_sessions(session.account_id, at)
        await self._store.end_session(session.account_id, session.id, session.expires_at)
        self._known.forget(_digest(token))

    async def _read(self, token: str, purpose: str) -> Session:
        import jwt

        if not _TOKEN.fullmatch(token):
            raise _refused()
        try:
            account = jwt.get_unverified_header(token).get("kid", "")
            account_id = int(account) if account.isascii() and account.isdigit() and len(account) < 10 else 0
            key = await self._secrets.find(account_id) if account_id else None
            if key is None:
                raise _refused()
            # The clock is the caller's: PyJWT would look at the machine's.
            options: Any = {"require": _CLAIMS, "verify_exp": False, "verify_iat": False}
            claims = jwt.decode(token, key, algorithms=[_ALGORITHM], audience=purpose, options=options)
            expires_at = datetime.fromtimestamp(int(claims["exp"]), UTC)
            return Session(str(claims["jti"]), purpose, account_id, str(claims["sub"]), expires_at)
        except (jwt.InvalidTokenError, AttributeError, TypeError, ValueError, OverflowError):
            raise _refused() from None


async def forget_expired(store: Accounts, *, at: datetime) -> None:
    """Drop, account by account, what is noted of ended sessions whose tokens have expired; to be done every now and then."""
    for account in await store.accounts():
        await store.forget_sessions(account.id, at)


def _digest(token: str) -> bytes:
    """What a token is remembered by, so that none lies in memory longer than its request."""
    return sha256(token.encode(errors="surrogatepass")).digest()


def _refused() -> Unauthenticated:
    return Unauthenticated("the session's token is not valid")
