"""First and last uses that a rollup is not certain of: looked up in the ledger of a day (an hour, a month), by a walk that
ends where one is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Text, and_, bindparam, literal_column, select

from app.domain.entry import EntryKind
from app.domain.period import Period
from app.question.groups import Groups
from app.storage.sql.conditions import NARROW, OCCURRED_AT, Shape, conditions, shape_of, values_of
from app.storage.sql.dialect import Dialect, Statement, compile_statement
from app.storage.sql.planner import columns as grouped_by
from app.storage.sql.tables import reversals


@dataclass(frozen=True, slots=True)
class UseShape:
    """What of a group and its question decides the text of the statement."""

    filters: Shape
    columns: tuple[str, ...]
    last: bool
    lead: str
    standing: bool = True
    """Whether only entries that stand are looked for."""


class UseReads:
    """The statements for one engine, each compiled when its shape is first asked."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._statement = lru_cache(maxsize=256)(self._compiled)

    def look(
        self, question: Groups, key: Sequence[str | None], period: Period, *, last: bool, narrow: bool
    ) -> tuple[Statement, dict[str, Any]]:
        """The occurred_at of the first (or last) standing entry of a group in the period, in a row; no row where there is none.

        `key` has the values of what is grouped by, then unit and currency. With `narrow`, an index by one of these, or of what is
        filtered by, is preferred to a walk through the period.
        """
        filters = question.filters.within(period)
        columns = (*grouped_by(question), "unit", "currency")
        values: dict[str, Any] = {"account_id": question.scope.account_id, "above": 0, "upto": question.scope.as_of}
        values |= values_of(filters, self._dialect)
        values |= {f"key_{name}": value for name, value in zip(columns, key, strict=True)}
        named = {name for name, value in zip(columns, key, strict=True) if value is not None} | {
            name for name, _ in filters.terms()
        }
        lead = next((name for name in NARROW if name in named), None) if narrow else None
        return self._statement(UseShape(shape_of(filters, (EntryKind.USAGE,)), columns, last, lead or OCCURRED_AT)), values

    def any(self, question: Groups, period: Period, *, last: bool, narrow: bool) -> tuple[Statement, dict[str, Any]]:
        """The same for the first (or last) entry of all that the question is about, whether it stands or not."""
        filters = question.filters.within(period)
        values: dict[str, Any] = {"account_id": question.scope.account_id, "above": 0, "upto": question.scope.as_of}
        named = {name for name, _ in filters.terms()}
        lead = next((name for name in NARROW if name in named), None) if narrow else None
        shape = UseShape(shape_of(filters, (EntryKind.USAGE,)), (), last, lead or OCCURRED_AT, standing=False)
        return self._statement(shape), values | values_of(filters, self._dialect)

    def _compiled(self, shape: UseShape) -> Statement:
        dialect = self._dialect
        entries = dialect.entries
        taken_back = and_(
            reversals.c.account_id == entries.c.account_id,
            reversals.c.corrects == entries.c.sequence,
            reversals.c.sequence <= bindparam("upto", type_=BigInteger),
        )
        # Sorted where another index leads: few are found.
        order = entries.c.occurred_at if shape.lead == OCCURRED_AT else dialect.unindexed(entries.c.occurred_at)
        found = select(entries.c.occurred_at).where(*conditions(dialect, shape.filters, shape.lead))
        if shape.standing:
            is_standing = (entries.c.correction.is_distinct_from(literal_column("'reversal'")), reversals.c.corrects.is_(None))
            found = found.select_from(entries.outerjoin(reversals, taken_back)).where(*is_standing)
        found = found.order_by(order.desc() if shape.last else order).limit(1)
        for name in shape.columns:
            value: ColumnElement[str] = bindparam(f"key_{name}", type_=Text)
            own = entries.c[name]
            found = found.where(own == value if name == shape.lead else dialect.unindexed(own).is_not_distinct_from(value))
        return compile_statement(found, dialect)
