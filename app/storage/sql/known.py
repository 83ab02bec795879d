"""The ids that the catalogue is known to have, so that events which name the same few again and again need no lookup for them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

MOST = 65_536
"""Ids that are remembered, those last named."""


class Known:
    """Kinds and ids whose rows are committed; nothing ever takes them out of the catalogue again. Used on one thread only."""

    def __init__(self) -> None:
        self._ids: OrderedDict[tuple[int, str, str], None] = OrderedDict()

    def has(self, account_id: int, kind: str, named: str) -> bool:
        """Whether the id is known for certain; one that is not may still be in the catalogue."""
        try:
            self._ids.move_to_end((account_id, kind, named))
        except KeyError:
            return False
        return True

    def add(self, account_id: int, ids: Iterable[tuple[str, str]]) -> None:
        """Remember kinds and ids, now that they are committed."""
        for kind, named in ids:
            self._ids[account_id, kind, named] = None
        while len(self._ids) > MOST:
            self._ids.popitem(last=False)
