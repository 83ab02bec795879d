"""The embedded engine: one SQLite file, one writer that commits in groups, and readers that never wait for it."""

from app.storage.sqlite.store import SqliteStore, open_sqlite

__all__ = ["SqliteStore", "open_sqlite"]
