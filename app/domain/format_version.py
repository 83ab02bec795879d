"""One saved version of an account's own format: the document that says how payloads become events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatVersion:
    """A document under its name. A version never changes: saving another document makes the next one."""

    account_id: int
    name: str
    version: int
    """From 1, without gaps within a name."""
    document: str
    """JSON in its canonical encoding."""
    digest: str
    """SHA-256 over the document, as hex."""
    created_by: str
    created_at: datetime

    @property
    def ref(self) -> str:
        """The name that means this version for ever."""
        return f"{self.name}@{self.version}"
