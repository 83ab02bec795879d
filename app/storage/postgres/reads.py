"""Where PostgreSQL is asked for entries otherwise than SQLite: it sorts rows as easily as sequences, and tells numbers as text.

The driver makes a text of each number's binary form and a Decimal of that, with all 18 digits after the point, of which the zeros
then had to be taken off. Prices and quantities are often the same, so texts are looked up, and made numbers once.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlalchemy import Numeric, Select, Text, cast, func, select

from app.storage.postgres.dialect import DIGITS
from app.storage.sql.conditions import Shape, conditions, gathering_lead
from app.storage.sql.partial import Part, part
from app.storage.sql.reads import EntryRead, Reads


class PostgresReads(Reads):
    """See `app.storage.sql.reads.Reads`."""

    def _part(self, fields: frozenset[str] | None) -> Part:
        return super()._part(fields) if fields is None else part(self._dialect, fields, _told)

    def _rows(self, read: Part) -> Select[Any]:
        if read is self._whole:
            return super()._rows(read)
        columns = (self._dialect.entries.c[name] for name in read.columns)
        return select(*(cast(func.trim_scale(each), Text) if isinstance(each.type, Numeric) else each for each in columns))

    def _gather(self, shape: Shape, descending: bool, fields: frozenset[str] | None = None) -> EntryRead:
        """Entries in sequence order, by finding all and keeping the first of them while they are sorted."""
        read = self._part(fields)
        found = self._rows(read).where(*conditions(self._dialect, shape, gathering_lead(shape)))
        # Ordered so that no index can give it: the planner takes a limit as a reason to walk the whole key and hope.
        ordered = self._ordered(found, descending, self._dialect.entries.c.sequence + 0)
        return EntryRead(self._compiled(ordered), read.entry)


def _told(values: Sequence[str | None]) -> Decimal | None:
    return None if values[0] is None else _number(values[0])


@lru_cache(maxsize=16_384)
def _number(text: str) -> Decimal:
    return Decimal(text).normalize(DIGITS)
