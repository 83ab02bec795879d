"""The server engine: PostgreSQL through asyncpg, for many processes at once."""

from app.storage.postgres.connection import Limits
from app.storage.postgres.store import PostgresStore, open_postgres

__all__ = ["Limits", "PostgresStore", "open_postgres"]
