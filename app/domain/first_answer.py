"""The first answer to a call that carried an idempotency key, kept so that a repeated call gets it again and does nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstAnswer:
    """What was answered, and to what. `digest` is SHA-256 over what was asked: the same key with another one is a conflict."""

    account_id: int
    key: str
    """The caller's own key; each account has its own."""
    digest: bytes
    subject: str
    """Id of what the call made."""
    status: int
    data: str | None
    """What was answered, as JSON; None while the first call is still being answered, or if it never was."""
    created_at: datetime
    expires_at: datetime
    """From then on the key is as good as new."""
