"""The memory engine, and the referee: every question is answered by going through every entry, so that anyone can see why.

Nothing here is clever on purpose. The other engines are right where they answer as this one does. It keeps nothing past the
process's end.
"""

from __future__ import annotations

from app.ports import Store
from app.storage.memory.store import MemoryStore


def open_memory() -> Store:
    """An empty store that lives as long as the process."""
    return MemoryStore()


__all__ = ["MemoryStore", "open_memory"]
