"""Accounts, the keys that open them, and what a key may do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.domain.canonical import sha256
from app.domain.errors import ScopeDenied


class Permission(StrEnum):
    """What a key may be given: the vocabulary that legacy callers know, and `usage:write`. `admin` includes every other."""

    ADMIN = "admin"
    PRODUCT_READ = "product:read"
    PRODUCT_WRITE = "product:write"
    LICENSE_READ = "license:read"
    LICENSE_WRITE = "license:write"
    DEVICE_WRITE = "device:write"
    EVENT_READ = "event:read"
    OPS_READ = "ops:read"
    REPORT_READ = "report:read"
    REPORT_EXPORT = "report:export"
    WEBHOOK_WRITE = "webhook:write"
    USAGE_WRITE = "usage:write"


@dataclass(frozen=True, slots=True)
class Account:
    """A tenant: one ledger, one catalogue, its own keys. `id` is a small positive integer, `name` is unique and never changes."""

    id: int
    name: str
    created_at: datetime


def genesis(name: str) -> bytes:
    """The chain digest of an account that has recorded nothing yet: SHA-256 over the chain's own name and the account's."""
    return sha256(b"usage-gateway/ledger/v1\n" + name.encode())


@dataclass(frozen=True, slots=True)
class Key:
    """A credential of an account. Of its secret only the SHA-256 is kept."""

    id: str
    account_id: int
    label: str
    secret_digest: bytes
    scopes: tuple[str, ...]
    created_at: datetime
    cidrs: tuple[str, ...] = ()
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    replaces: str | None = None
    """The id of the key that this one was rotated from."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling: an account, through one of its keys, with what that key may do."""

    account: Account
    key_id: str
    scopes: frozenset[str]

    def require(self, permission: Permission) -> None:
        """Return if the caller may; raises ScopeDenied naming what is missing."""
        if permission.value not in self.scopes and Permission.ADMIN.value not in self.scopes:
            raise ScopeDenied(permission.value)

    @property
    def actor(self) -> str:
        """How the caller is named in entries that it causes, where it names nobody itself."""
        return f"key {self.key_id}"
