"""Whose ledger a question is about, and up to where."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """The entries of one account with a sequence of at most `as_of`."""

    account_id: int
    as_of: int
