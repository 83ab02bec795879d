"""The statement that a question for API transactions becomes: backwards along the index by occurred_at, a page at a time."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, bindparam, exists, literal_column, or_, select

from app.domain.entry import EntryKind
from app.domain.period import Period
from app.question.filters import Filters
from app.question.occurrences import PAGE, TICK, Occurrences
from app.storage.sql.conditions import OCCURRED_AT, Shape, conditions, shape_of, values_of
from app.storage.sql.dialect import Dialect, Statement, compile_statement
from app.storage.sql.mapping import Mapping
from app.storage.sql.tables import reversals

_KINDS = frozenset({EntryKind.USAGE})


class OccurrenceReads:
    """The statements for one engine, each compiled when its shape is first asked."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._columns = Mapping(dialect).entry_columns
        self._statement = lru_cache(maxsize=64)(self._compiled)

    def asked(self, question: Occurrences) -> tuple[Statement, dict[str, Any]] | None:
        """The statement and the values of its parameters, without those of a window; None where nothing can stand before."""
        filters, (moment, sequence) = self.bounded(question)
        if filters is None:
            return None
        values = {"account_id": question.scope.account_id} | values_of(filters, self._dialect)
        values |= {"above": 0, "upto": question.scope.as_of, "limit": PAGE}
        values |= {"moment": self._dialect.bound(moment), "before": sequence}
        return self._statement(shape_of(filters, _KINDS)), values

    @staticmethod
    def bounded(question: Occurrences) -> tuple[Filters | None, tuple[Any, int]]:
        """The filters over the part of the period that is left, and the place that everything stands before."""
        start, (moment, sequence) = question.filters.period.start, question.bound
        # Said as the period's own end, so that the index is entered where the page before ended.
        end = moment + TICK if sequence else moment
        assert start is not None
        return (question.filters.within(Period(start, end)) if start < end else None), (moment, sequence)

    def _compiled(self, shape: Shape) -> Statement:
        entries = self._dialect.entries
        taken_back = exists().where(
            reversals.c.account_id == entries.c.account_id,
            reversals.c.corrects == entries.c.sequence,
            reversals.c.sequence <= bindparam("upto", type_=BigInteger),
        )
        found = (
            select(*(entries.c[name] for name in self._columns))
            .where(*conditions(self._dialect, shape, OCCURRED_AT))
            .where(or_(entries.c.transaction_id.is_not(None), entries.c.status_code.is_not(None)))
            .where(entries.c.correction.is_distinct_from(literal_column("'reversal'")), ~taken_back)
            .where(
                or_(
                    entries.c.occurred_at != bindparam("moment"),
                    self._dialect.unindexed(entries.c.sequence) < bindparam("before", type_=BigInteger),
                )
            )
            .order_by(entries.c.occurred_at.desc(), entries.c.sequence.desc())
            .limit(bindparam("limit", type_=BigInteger))
        )
        return compile_statement(found, self._dialect)
