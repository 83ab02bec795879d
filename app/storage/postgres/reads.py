"""Where PostgreSQL is asked for entries otherwise than SQLite: it sorts rows as easily as sequences."""

from __future__ import annotations

from app.storage.sql.conditions import Shape, conditions, gathering_lead
from app.storage.sql.reads import EntryRead, Reads


class PostgresReads(Reads):
    """See `app.storage.sql.reads.Reads`."""

    def _gather(self, shape: Shape, descending: bool, fields: frozenset[str] | None = None) -> EntryRead:
        """Entries in sequence order, by finding all and keeping the first of them while they are sorted."""
        read = self._part(fields)
        found = self._rows(read).where(*conditions(self._dialect, shape, gathering_lead(shape)))
        # Ordered so that no index can give it: the planner takes a limit as a reason to walk the whole key and hope.
        ordered = self._ordered(found, descending, self._dialect.entries.c.sequence + 0)
        return EntryRead(self._compiled(ordered), read.entry)
