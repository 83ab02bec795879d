"""Whose ledger a question is about, and up to where."""

from __future__ import annotations

from dataclasses import dataclass

NEWEST = 2**63 - 1
"""The `as_of` of a scope that ends where the ledger does, wherever that is when it is looked at."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The entries of one account with a sequence of at most `as_of`."""

    account_id: int
    as_of: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A sequence, and the root that the tree over the ledger's leaves has there: a point that names the ledger's content too."""

    sequence: int
    root: bytes

    def __str__(self) -> str:
        """How callers name it: the sequence, a colon, the root as hex."""
        return f"{self.sequence}:{self.root.hex()}"
