"""The tree over a ledger's leaves, as far as an answer needs it: its root at any sequence, and paths to it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from app.domain import merkle
from app.domain.errors import Corrupt
from app.ports import Ledger


async def tree_of(ledger: Ledger, account_id: int, size: int, indexes: Iterable[int] = ()) -> merkle.Nodes:
    """The tree of the account's first `size` entries, for its root and for paths from the leaves with these indexes.

    At most 1,024 nodes of each level are read for the root and for each index. Raises Corrupt where some are missing.
    """
    try:
        return await merkle.read(size, partial(ledger.nodes, account_id), indexes)
    except ValueError as error:
        raise Corrupt(size, f"the tree up to there cannot be read: {error}") from None


async def root_of(ledger: Ledger, account_id: int, size: int) -> bytes:
    """The tree hash of the account's first `size` entries. Raises Corrupt where something of it is missing."""
    try:
        return await merkle.root(size, partial(ledger.nodes, account_id))
    except ValueError as error:
        raise Corrupt(size, f"the tree up to there cannot be read: {error}") from None
