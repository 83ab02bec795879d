"""The statements that questions for entries one by one become: pages, counts, extents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, bindparam, func, literal_column, select

from app.domain.entry import Entry
from app.storage.sql.conditions import OCCURRED_AT, OF_LICENSES, SEQUENCE, Shape, conditions, gathering_lead
from app.storage.sql.dialect import Dialect, Statement, compile_statement
from app.storage.sql.mapping import Mapping
from app.storage.sql.partial import Part, part

EVERYTHING = 2**62
"""A limit that is none."""


@dataclass(frozen=True, slots=True)
class EntryRead:
    """A statement for entries, and what makes an entry of a row of its answer."""

    statement: Statement
    entry: Callable[[Sequence[Any]], Entry]
    steady: bool = False
    """Whether an engine has one plan for it only, whatever the values."""


class Reads:
    """The statements for one engine, each compiled when its shape is first asked; parameters as for `conditions`, and `limit`."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        mapping = Mapping(dialect)
        self._whole = Part(mapping.entry_columns, mapping.entry)
        # Bounded, since shapes are the callers' choice.
        self.walk = lru_cache(maxsize=512)(self._walk)
        self.gather = lru_cache(maxsize=256)(self._gather)
        self.count = lru_cache(maxsize=256)(self._count)
        self.several = lru_cache(maxsize=64)(self._several)
        self.extent = lru_cache(maxsize=256)(self._extent)
        self.ends = lru_cache(maxsize=4)(self._ends)

    @cached_property
    def sequence_at(self) -> Statement:
        """The last sequence recorded at or before `moment`."""
        entries = self._dialect.entries
        return self._compiled(
            select(entries.c.sequence)
            .where(entries.c.account_id == bindparam("account_id"), *self._dialect.bounds())
            .where(entries.c.recorded_at <= bindparam("moment"))
            .order_by(entries.c.recorded_at.desc(), entries.c.sequence.desc())
            .limit(1)
        )

    def _walk(self, shape: Shape, lead: str, descending: bool, fields: frozenset[str] | None = None) -> EntryRead:
        """Entries in sequence order, along an index that has them in that order."""
        read = self._part(fields)
        rows = self._rows(read).where(*conditions(self._dialect, shape, lead))
        if lead in OF_LICENSES:  # which look to SQLite like the index of all that names the license
            rows = rows.with_hint(self._dialect.entries, f"INDEXED BY {OF_LICENSES[lead]}", "sqlite")
        return EntryRead(self._compiled(self._ordered(rows, descending)), read.entry)

    def _gather(self, shape: Shape, descending: bool, fields: frozenset[str] | None = None) -> EntryRead:
        """Entries in sequence order, by finding all and sorting their sequences before any row of the answer is read."""
        read = self._part(fields)
        entries = self._dialect.entries
        lead = gathering_lead(shape)
        if lead == OCCURRED_AT and descending and not shape.start:
            lead = SEQUENCE  # what is older than some instant is most of a ledger: better to skip what is newer
        found = select(entries.c.sequence).where(*conditions(self._dialect, shape, lead))
        # Ordered so that no index can give it: an engine would rather walk all of the key than sort a few.
        order = entries.c.sequence if lead == SEQUENCE else self._dialect.unindexed(entries.c.sequence)
        sequences = self._ordered(found, descending, order).correlate(None)
        own = (entries.c.account_id == bindparam("account_id"), *self._dialect.bounds())
        rows = self._rows(read).where(*own, entries.c.sequence.in_(sequences))
        ordered = rows.order_by(entries.c.sequence.desc() if descending else entries.c.sequence)
        return EntryRead(self._compiled(ordered), read.entry)

    def _count(self, shape: Shape) -> Statement:
        """How many entries."""
        counted = select(func.count()).select_from(self._dialect.entries)
        return self._compiled(counted.where(*conditions(self._dialect, shape, gathering_lead(shape))))

    def _several(self, shape: Shape) -> Statement:
        """How many entries, but no more than `limit`."""
        found: Select[Any] = select(literal_column("1").label("one")).select_from(self._dialect.entries)
        found = found.where(*conditions(self._dialect, shape, gathering_lead(shape))).limit(bindparam("limit", type_=BigInteger))
        return self._compiled(select(func.count()).select_from(found.subquery("several")))

    def _extent(self, shape: Shape) -> Statement:
        """The first and last occurred_at; both null without entries."""
        occurred_at = self._dialect.entries.c.occurred_at
        if not shape.terms:
            # Two walks along the index, each of which ends with the first entry that fits.
            found = select(occurred_at).where(*conditions(self._dialect, shape, OCCURRED_AT)).limit(1)
            first = found.order_by(occurred_at).scalar_subquery()
            last = found.order_by(occurred_at.desc()).scalar_subquery()
            return self._compiled(select(first, last))
        ends = select(func.min(occurred_at), func.max(occurred_at))
        return self._compiled(ends.where(*conditions(self._dialect, shape, gathering_lead(shape))))

    def _ends(self, start: bool, end: bool) -> Statement:
        """The lowest and the highest sequence in a period, read from the index by occurred_at alone."""
        sequence = self._dialect.entries.c.sequence
        ends = select(func.min(sequence), func.max(sequence))
        return self._compiled(ends.where(*conditions(self._dialect, Shape((), None, start, end), OCCURRED_AT)))

    def _part(self, fields: frozenset[str] | None) -> Part:
        return self._whole if fields is None else part(self._dialect, fields)

    def _rows(self, read: Part) -> Select[Any]:
        return select(*(self._dialect.entries.c[name] for name in read.columns))

    def _ordered(self, rows: Select[Any], descending: bool, order: ColumnElement[Any] | None = None) -> Select[Any]:
        sequence = self._dialect.entries.c.sequence if order is None else order
        return rows.order_by(sequence.desc() if descending else sequence).limit(bindparam("limit", type_=BigInteger))

    def _compiled(self, clause: Select[Any]) -> Statement:
        return compile_statement(clause, self._dialect)
