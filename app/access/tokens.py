"""Tokens: how a key's secret is written, and how a caller who shows one becomes a principal.

A token is `gwk_<id>_<secret>`: the id finds the key, the secret (32 random bytes) proves it. Only the secret's SHA-256 is kept: a
random secret of that length cannot be guessed, so a slow hash would cost every request and protect nothing. Where a legacy
contract wants a name and a password, the id is the name and the secret the password.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import secrets
from collections.abc import Sequence
from datetime import datetime

from app.domain.account import Account, Key, Permission, Principal
from app.domain.errors import InvalidEvent, KeyEnded, Unauthenticated
from app.ports import Accounts

_TOKEN = re.compile(r"gwk_([a-z2-7]{16})_([A-Za-z0-9_-]{43})", re.ASCII)
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


def new_key(
    account: Account,
    *,
    label: str,
    scopes: Sequence[str],
    created_at: datetime,
    expires_at: datetime | None = None,
    cidrs: Sequence[str] = (),
    replaces: str | None = None,
) -> tuple[Key, str]:
    """A key and its token, which is shown now or never. Raises InvalidEvent for an unknown scope, a bad CIDR or a past expiry."""
    known = {each.value for each in Permission}
    if not scopes:
        raise InvalidEvent("scope", "is missing: a key is given at least one")
    for scope in scopes:
        if scope not in known:
            raise InvalidEvent("scope", f"{scope[:64]} is unknown; the scopes are {', '.join(sorted(known))}")
    if expires_at is not None and expires_at <= created_at:
        raise InvalidEvent("expires", "lies in the past")
    key_id = "".join(secrets.choice(_ALPHABET) for _ in range(16))
    secret = secrets.token_urlsafe(32)
    key = Key(
        id=key_id,
        account_id=account.id,
        label=label,
        secret_digest=_digest(secret),
        scopes=tuple(sorted(set(scopes))),
        created_at=created_at,
        cidrs=tuple(_network(each) for each in cidrs),
        expires_at=expires_at,
        replaces=replaces,
    )
    return key, token_of(key_id, secret)


def token_of(key_id: str, secret: str) -> str:
    """The token of a key whose id and secret are told apart."""
    return f"gwk_{key_id}_{secret}"


def secret_in(token: str) -> str:
    """The secret of a token that `new_key` made."""
    match = _TOKEN.fullmatch(token)
    assert match is not None
    return match[2]


async def authenticate(accounts: Accounts, token: str, *, address: str | None, at: datetime) -> Principal:
    """The principal that `token` stands for, when shown at that instant from that client address.

    Raises Unauthenticated for what is malformed, unknown, expired, revoked, or shown from outside the key's networks.
    """
    account, key = await key_behind(accounts, token)
    check_usable(key, address=address, at=at)
    return Principal(account, key.id, frozenset(key.scopes))


async def key_behind(accounts: Accounts, token: str) -> tuple[Account, Key]:
    """The account and key whose token this is, usable or not; raises Unauthenticated for what is malformed or unknown."""
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise Unauthenticated("the token is malformed")
    key = await accounts.key(match[1])
    if key is None or not hmac.compare_digest(key.secret_digest, _digest(match[2])):
        raise Unauthenticated("the token is unknown")
    account = await accounts.account(key.account_id)
    if account is None:
        raise Unauthenticated("the token is unknown")
    return account, key


async def key_named(accounts: Accounts, account_id: int, key_id: str) -> tuple[Account, Key]:
    """The account and its key with that id, usable or not; raises Unauthenticated where there is none."""
    key = await accounts.key(key_id)
    account = None if key is None or key.account_id != account_id else await accounts.account(account_id)
    if key is None or account is None:
        raise Unauthenticated("the key is unknown")
    return account, key


def check_usable(key: Key, *, address: str | None, at: datetime) -> None:
    """Return if the key may be used then and from there.

    Raises KeyEnded for one that is revoked or expired, Unauthenticated for an address outside of its networks.
    """
    check_standing(key, at=at)
    if key.cidrs and not _within(address, key.cidrs):
        raise Unauthenticated("the token is not accepted from this address")


def check_standing(key: Key, *, at: datetime) -> None:
    """Return if the key may be used then, from wherever; raises KeyEnded for one that is revoked or expired."""
    if key.revoked_at is not None and key.revoked_at <= at:
        raise KeyEnded("the token was revoked")
    if key.expires_at is not None and key.expires_at <= at:
        raise KeyEnded("the token has expired")


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text.strip(), strict=False))
    except ValueError:
        raise InvalidEvent("cidr", f"{text[:64]} is not an address or a network such as 192.0.2.0/24") from None


def _within(address: str | None, cidrs: Sequence[str]) -> bool:
    try:
        seen = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    if isinstance(seen, ipaddress.IPv6Address) and seen.ipv4_mapped is not None:
        seen = seen.ipv4_mapped
    return any(seen in ipaddress.ip_network(each) for each in cidrs)
