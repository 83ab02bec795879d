"""What was looked up a moment ago, for half a second: so a revoked key is refused by every process within a second."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")
_SECONDS = 0.5
_MOST = 10_000


class Memory(Generic[T]):
    """At most 10,000 values, each forgotten after half a second."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, tuple[float, T]] = OrderedDict()

    def get(self, key: bytes) -> T | None:
        """The value, if it was put less than half a second ago."""
        found = self._known.get(key)
        return found[1] if found is not None and found[0] > time.monotonic() else None

    def put(self, key: bytes, value: T) -> None:
        """Remember a value."""
        self._known[key] = (time.monotonic() + _SECONDS, value)
        self._known.move_to_end(key)
        while len(self._known) > _MOST:
            self._known.popitem(last=False)

    def forget(self, key: bytes) -> None:
        """Look it up again next time."""
        self._known.pop(key, None)
